//! The rules of Genesis: a set of Rego files, and the judging of a manifest by them.
//!
//! ```text
//! directory or built-in files ─▶ parse ─▶ the four checks are there ─▶ each refuses the canary ─▶ judge
//! ```
//!
//! Rego lets a mistyped path silently hold nothing, so a set is trusted only after each of the four
//! checks has refused a manifest that breaks every promise. Any error on the way is a
//! [`PolicyError`], never a verdict.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::verdict::{Check, Verdict};
use crate::agents::{CreationRequest, Manifest};
use crate::input::{self, Violation};

/// The checks that every set must hold.
pub const CHECKS: [&str; 4] = ["customer_sovereignty", "data_privacy", "transparency", "least_privilege"];

const ROOT: &str = "data.genesis.creation.";
const LIBRARY: &str = "data.genesis.lib";

/// The files as shipped, by the names that they have under `policies/genesis/creation`.
const BUILTIN: [(&str, &str); 4] = [
    ("customer_sovereignty.rego", include_str!("../../../../policies/genesis/creation/customer_sovereignty.rego")),
    ("data_privacy.rego", include_str!("../../../../policies/genesis/creation/data_privacy.rego")),
    ("least_privilege.rego", include_str!("../../../../policies/genesis/creation/least_privilege.rego")),
    ("transparency.rego", include_str!("../../../../policies/genesis/creation/transparency.rego")),
];

/// A policy that takes longer than this is broken.
const TIMER: ExecutionTimerConfig =
    ExecutionTimerConfig { limit: Duration::from_secs(5), check_interval: NonZeroU32::MIN };

/// Breaks a rule of every check. A check that lets it pass is broken itself.
const CANARY: &str = include_str!("canary.json");

/// Why there is no verdict. The creation waits; it is never approved.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The directory or a file of it cannot be read.
    #[error("cannot read the Genesis policies in {path}: {source}")]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not Rego.
    #[error("the Genesis policy {file} does not parse:\n{detail}")]
    Syntax {
        /// The file's name.
        file: String,
        /// Line, column and cause.
        detail: String,
    },
    /// A file is of a package that nobody would ever ask, or that another file has.
    #[error(
        "the Genesis policy {file} is of the package {package}; \
         a check is one file of a package genesis.creation.<name>, a helper is genesis.lib.<name>"
    )]
    Package {
        /// The file's name.
        file: String,
        /// Its package.
        package: String,
    },
    /// One of the four is not there.
    #[error("the Genesis policies lack the check genesis.creation.{0}")]
    MissingCheck(&'static str),
    /// A check cannot be evaluated.
    #[error("a Genesis policy fails while {check} is evaluated:\n{detail}")]
    Evaluation {
        /// The check's name.
        check: String,
        /// Line, column and cause.
        detail: String,
    },
    /// `violations` is not a set of {rule, path, message}.
    #[error("the Genesis check {check} must give a set of {{rule, path, message}}: {detail}")]
    Shape {
        /// The check's name.
        check: String,
        /// What it gives instead.
        detail: String,
    },
    /// A check approves a manifest that breaks every promise.
    #[error("the Genesis check {0} finds nothing wrong with a manifest that breaks every rule")]
    Toothless(&'static str),
}

/// A set of policies that has proved itself fit to judge.
#[derive(Clone)]
pub struct Policies {
    engine: Engine,
    checks: Vec<String>,
    hash: String,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("checks", &self.checks).field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Policies {
    /// The policies of the configured directory, or the built-in ones. Called for each verdict, so
    /// that an edited file counts at once.
    ///
    /// # Errors
    /// As [`Policies::load`]: a directory that is configured and broken is not replaced by anything.
    pub fn open(directory: Option<&Path>) -> Result<Self, PolicyError> {
        directory.map_or_else(Self::builtin, Self::load)
    }

    /// The policies that are part of the binary.
    ///
    /// # Errors
    /// None that a release could have; the tests see to it.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::compile(BUILTIN.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
    }

    /// The `*.rego` files of a directory.
    ///
    /// # Errors
    /// [`PolicyError`], which names the file.
    pub fn load(directory: &Path) -> Result<Self, PolicyError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |source| PolicyError::Unreadable { path, source }
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(unreadable(directory))? {
            let path = entry.map_err(unreadable(directory))?.path();
            if path.extension().is_some_and(|extension| extension == "rego") {
                let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
                let name = path.file_name().unwrap_or_default();
                files.push((name.to_string_lossy().into_owned(), text));
            }
        }
        Self::compile(files)
    }

    /// Which policies these are: SHA-256 of their files, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Judges a manifest.
    ///
    /// # Errors
    /// [`PolicyError::Evaluation`] or [`PolicyError::Shape`] if a check cannot say.
    pub fn judge(&self, manifest: &Manifest) -> Result<Verdict, PolicyError> {
        let checks = self.run(manifest)?;
        Ok(Verdict::from_checks(manifest, checks, &self.hash))
    }

    fn compile(mut files: Vec<(String, String)>) -> Result<Self, PolicyError> {
        files.sort();
        let mut engine = Engine::new();
        engine.set_execution_timer_config(TIMER);
        // Without this a built-in that fails is undefined, and a rule that fails finds nothing.
        engine.set_strict_builtin_errors(true);
        let mut checks: Vec<String> = Vec::new();
        for (file, text) in &files {
            let package = engine
                .add_policy(file.clone(), text.clone())
                .map_err(|error| PolicyError::Syntax { file: file.clone(), detail: error.to_string() })?;
            match package.strip_prefix(ROOT) {
                Some(check) if !checks.iter().any(|known| known == check) => {
                    checks.push(check.to_owned());
                }
                None if package.starts_with(LIBRARY) => {}
                _ => {
                    return Err(PolicyError::Package {
                        file: file.clone(),
                        package: package.trim_start_matches("data.").to_owned(),
                    });
                }
            }
        }
        checks.sort_by_key(|check| CHECKS.iter().position(|known| known == check).unwrap_or(CHECKS.len()));
        let policies = Self { engine, checks, hash: hash(&files) };
        policies.prove()?;
        Ok(policies)
    }

    /// Shows each of the four checks a manifest that it has to refuse.
    fn prove(&self) -> Result<(), PolicyError> {
        let present = |name: &&str| self.checks.iter().any(|check| check == name);
        if let Some(missing) = CHECKS.into_iter().find(|name| !present(name)) {
            return Err(PolicyError::MissingCheck(missing));
        }
        let found = self.run(&canary())?;
        let passes = |name: &&str| found.iter().any(|check| check.passed && check.name == *name);
        match CHECKS.into_iter().find(passes) {
            Some(toothless) => Err(PolicyError::Toothless(toothless)),
            None => Ok(()),
        }
    }

    fn run(&self, manifest: &Manifest) -> Result<Vec<Check>, PolicyError> {
        #[derive(Serialize)]
        struct Question<'a> {
            manifest: &'a Manifest,
        }
        let question = serde_json::to_value(Question { manifest }).expect("invariant: a manifest is plain JSON");
        let mut engine = self.engine.clone();
        engine.set_input(Value::from(question));
        self.checks
            .iter()
            .map(|name| {
                let violations = violations(&mut engine, name)?;
                Ok(Check { name: name.clone(), passed: violations.is_empty(), violations })
            })
            .collect()
    }
}

fn violations(engine: &mut Engine, check: &str) -> Result<Vec<Violation>, PolicyError> {
    let found = engine
        .eval_rule(format!("{ROOT}{check}.violations"))
        .map_err(|error| PolicyError::Evaluation { check: check.to_owned(), detail: error.to_string() })?;
    let shape = |detail: String| PolicyError::Shape { check: check.to_owned(), detail };
    if !matches!(found, Value::Set(_)) {
        return Err(shape(format!("violations is {found}")));
    }
    let json = serde_json::to_value(&found).map_err(|error| shape(error.to_string()))?;
    let mut violations: Vec<Violation> = serde_json::from_value(json).map_err(|error| shape(error.to_string()))?;
    violations.sort();
    Ok(violations)
}

/// Hashes names and contents, each with its length before it, so that no two sets look alike.
fn hash(files: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|(name, text)| [name, text]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

fn canary() -> Manifest {
    let body = serde_json::from_str(CANARY).expect("invariant: the canary is JSON");
    let request: CreationRequest = input::parse(body).expect("invariant: the canary is a well-formed request");
    request.into()
}

#[cfg(test)]
mod tests;
