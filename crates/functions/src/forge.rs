//! Forges: where an agent's repository lives and its pipeline runs.
//!
//! [`Local`] does it on this machine with git and processes, [`GitHub`] by GitHub's API. Both
//! report progress in the same way, by GitHub's own webhooks `workflow_run` and `workflow_job`, so
//! that nobody above can tell them apart. Every act takes an idempotency key: repeating it under
//! the same key, after whatever crash, gives the first answer again.

pub mod github;
pub mod local;

pub use github::GitHub;
pub use local::Local;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::generate::GeneratedFile;

/// The five stages of an agent's pipeline, in order (REQUIREMENTS A29).
pub const STAGES: [&str; 5] = ["lint", "unit-tests", "build", "integration-tests", "push"];

/// What a forge answers.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// A place for repositories and their pipelines.
pub trait Forge: Send + Sync + fmt::Debug {
    /// Makes sure that the repository is there.
    fn create_repository<'a>(&'a self, repository: &'a Repository) -> Answer<'a, ()>;

    /// Commits files as the whole tree of a branch; gives the commit's SHA.
    fn commit<'a>(&'a self, repository: &'a Repository, commit: &'a Commit) -> Answer<'a, String>;

    /// Starts the pipeline on a commit; gives the run's id.
    fn dispatch<'a>(&'a self, repository: &'a Repository, dispatch: &'a Dispatch) -> Answer<'a, u64>;

    /// Starts a finished run again, all stages of it; gives the new attempt's number.
    fn rerun<'a>(&'a self, repository: &'a Repository, run: u64, key: &'a str) -> Answer<'a, u32>;

    /// Ends a run; one that has ended stays as it is.
    fn cancel<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, ()>;

    /// The runs of a branch that have not ended, as far as the forge shows them by now.
    fn running<'a>(&'a self, repository: &'a Repository, branch: &'a str) -> Answer<'a, Vec<u64>>;

    /// Where a run is, for reconciliation after lost webhooks.
    fn status<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, RunStatus>;

    /// A file's contents at a commit, if it is there.
    fn read<'a>(&'a self, repository: &'a Repository, commit: &'a str, path: &'a str) -> Answer<'a, Option<Vec<u8>>>;
}

/// A repository's full name, `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    owner: String,
    name: String,
}

impl Repository {
    /// Who it belongs to.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TryFrom<String> for Repository {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let plain = |part: &str| {
            let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            (1..=100).contains(&part.len()) && part.chars().all(ok) && !part.starts_with(['.', '-'])
        };
        match text.split_once('/') {
            Some((owner, name)) if plain(owner) && plain(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => {
                Err(Error::Input(format!("the repository {text:?} must be `owner/name`, of letters, digits and `._-`")))
            }
        }
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A commit to make.
#[derive(Debug, Clone, Deserialize)]
pub struct Commit {
    /// The branch, `agent/<creation_id>` (REQUIREMENTS A29).
    pub branch: String,
    /// The message's first line.
    pub message: String,
    /// The whole tree.
    pub files: Vec<GeneratedFile>,
    /// The same key with the same files is the same commit.
    pub idempotency_key: String,
}

/// A pipeline to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dispatch {
    /// The workflow's file name, `ci.yml`.
    pub workflow: String,
    /// The branch that holds the commit.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// The creation that it is for.
    pub creation_id: String,
    /// The same key is the same run.
    pub idempotency_key: String,
    /// When it is asked for, by the engine's clock.
    #[serde(default)]
    pub at: DateTime<Utc>,
}

/// Where a run is, in GitHub's words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunStatus {
    /// The run's id.
    pub run_id: u64,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// `success`, `failure`, `cancelled` and so on, once completed.
    pub conclusion: Option<String>,
    /// The object `workflow_run` of a webhook.
    pub workflow_run: Value,
    /// The objects `workflow_job`, one for each stage that was queued.
    pub jobs: Vec<Value>,
}

/// Why a forge did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked breaks a rule.
    #[error("{0}")]
    Input(String),
    /// There is no such repository, run or branch, or it may not be seen.
    #[error("{0} is not there")]
    NotFound(String),
    /// The key was used for something else, or the state forbids it.
    #[error("{0}")]
    Conflict(String),
    /// The credentials are missing, wrong, or do not suffice.
    #[error("the forge denies access: {0}")]
    Denied(String),
    /// Not now; the same again may succeed.
    #[error("the forge is not available: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// How long to wait, where the forge says so.
        after: Option<Duration>,
    },
    /// It was asked for and does not show yet; the same again finds it.
    #[error("{detail}")]
    Underway {
        /// What is waited for.
        detail: String,
        /// When to look again.
        after: Duration,
    },
    /// A tool that the local forge needs is not installed.
    #[error("{tool} is missing on this machine: {hint}")]
    Missing {
        /// Which program.
        tool: String,
        /// How to get it.
        hint: String,
    },
    /// This machine failed: a disk, a process, a damaged file.
    #[error("{what}: {reason}")]
    Broken {
        /// What was done.
        what: String,
        /// Why it failed.
        reason: String,
    },
}

impl Error {
    /// Whether the same request may succeed later, and when at the earliest.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { after, .. } => Some(after.unwrap_or(Duration::from_secs(5))),
            Self::Underway { after, .. } => Some(*after),
            Self::Broken { .. } => Some(Duration::from_secs(30)),
            Self::Input(_) | Self::NotFound(_) | Self::Conflict(_) | Self::Denied(_) | Self::Missing { .. } => None,
        }
    }
}

/// What a commit made by us says, so that a repeated request finds it: the key and what it held.
pub(crate) mod trailer {
    use sha2::{Digest, Sha256};

    use super::{Commit, Error};

    const KEY: &str = "Idempotency-Key: ";
    const CONTENT: &str = "Content-Digest: ";

    /// The whole commit message.
    pub(crate) fn message(commit: &Commit) -> Result<String, Error> {
        for (field, text) in [("message", &commit.message), ("idempotency_key", &commit.idempotency_key)] {
            if text.trim().is_empty() || text.contains(['\n', '\r', '\0']) {
                return Err(Error::Input(format!("`{field}` must be one line")));
            }
        }
        let (subject, key) = (&commit.message, &commit.idempotency_key);
        Ok(format!("{subject}\n\n{KEY}{key}\n{CONTENT}{}\n", digest(commit)))
    }

    /// Whether `message` is that of the same request; an error if its key was used for other files.
    pub(crate) fn is_same(message: &str, commit: &Commit) -> Result<bool, Error> {
        let value = |name: &str| message.lines().rev().find_map(|line| line.strip_prefix(name));
        if value(KEY) != Some(commit.idempotency_key.as_str()) {
            return Ok(false);
        }
        if value(CONTENT) == Some(digest(commit).as_str()) {
            return Ok(true);
        }
        let key = &commit.idempotency_key;
        Err(Error::Conflict(format!("the key {key:?} was used for a commit of other files")))
    }

    /// Whether `message` is that of a commit of the same files, whatever its key.
    pub(crate) fn is_same_content(message: &str, commit: &Commit) -> bool {
        message.lines().rev().find_map(|line| line.strip_prefix(CONTENT)) == Some(digest(commit).as_str())
    }

    fn digest(commit: &Commit) -> String {
        let mut files: Vec<_> = commit.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut hash = Sha256::new();
        for file in files {
            for part in [&file.path, &file.contents] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
            hash.update([u8::from(file.executable)]);
        }
        format!("sha256:{}", hex::encode(hash.finalize()))
    }
}

/// Refuses a branch name that git or a shell could take for something else.
pub(crate) fn check_branch(branch: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let part = |p: &str| !p.is_empty() && !p.starts_with(['.', '-']) && !p.contains("..") && !p.ends_with(".lock");
    let all = branch.len() <= 200 && branch.split('/').all(|p| part(p) && p.chars().all(plain) && !p.ends_with('.'));
    if all { Ok(()) } else { Err(Error::Input(format!("the branch {branch:?} is no plain branch name"))) }
}
