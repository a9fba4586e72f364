//! Where a stage works: a fresh checkout, fresh virtual environments, a log, and a time limit.
//!
//! The generated code runs as this process's user, in a directory of its own and without this
//! process's environment; that keeps secrets of the service out of it, but is no sandbox.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lock::Lock;
use super::process::{self, Failure, Invocation};
use super::record::{Conclusion, Step};
use super::{Inner, disk};
use crate::forge::{Dispatch, Error, Repository};

/// Why a stage did not pass.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Conclusion);

/// What a stage has to work with.
pub(super) struct Workshop<'a> {
    pub(super) forge: &'a Inner,
    pub(super) repository: &'a Repository,
    pub(super) dispatch: &'a Dispatch,
    /// The run's own directory.
    pub(super) home: PathBuf,
    /// What the run is worked on under.
    pub(super) lock: &'a Lock,
    pub(super) stage: &'static str,
    pub(super) log: PathBuf,
    pub(super) ends: Instant,
    pub(super) steps: Vec<Step>,
}

impl Workshop<'_> {
    /// Checks the commit out into a new directory; none is used twice, because the git of a killed process may still write.
    pub(super) async fn checkout(&mut self) -> Result<PathBuf, Ended> {
        let target = self.home.join("work").join(format!("{}-{}", self.stage, uuid::Uuid::now_v7()));
        let done = self.forge.repositories.checkout(self.repository, &self.dispatch.sha, &target).await;
        self.note_failure("check out", done)?;
        Ok(target)
    }

    /// Makes a virtual environment without any package.
    pub(super) async fn venv(&mut self) -> Result<Venv, Ended> {
        let tools = self.tools().await?;
        let home = self.home.join("venv").join(self.stage);
        let removed = disk::remove_dir(&home).await;
        self.note_failure("remove an old environment", removed)?;
        let make = [OsStr::new("-m"), "venv".as_ref(), "--without-pip".as_ref(), home.as_os_str()];
        self.step("create a virtual environment", &self.forge.config.python.clone(), &make, &[], &self.home.clone())
            .await?;
        Ok(Venv { tools, home })
    }

    /// Installs packages into `venv`.
    pub(super) async fn install(&mut self, venv: &Venv, source: &Path, what: &[&str]) -> Result<(), Ended> {
        let python = venv.home.join("bin/python");
        let mut args = vec![OsStr::new("-m"), "pip".as_ref(), "--python".as_ref(), python.as_os_str()];
        args.extend(["install", "--quiet"].map(OsStr::new));
        args.extend(what.iter().map(OsStr::new));
        let name = format!("pip install {}", what.join(" "));
        self.step(&name, venv.tools.join("bin/python").as_os_str(), &args, &[], source).await
    }

    /// Runs the Python of `venv`.
    pub(super) async fn python(
        &mut self,
        venv: &Venv,
        source: &Path,
        args: &str,
        env: &[(&str, &str)],
    ) -> Result<(), Ended> {
        let args: Vec<_> = args.split(' ').map(OsStr::new).collect();
        let name = format!("python {}", args.join(OsStr::new(" ")).to_string_lossy());
        self.step(&name, venv.home.join("bin/python").as_os_str(), &args, env, source).await
    }

    /// Runs a program as a step; the stage ends where it fails.
    pub(super) async fn step(
        &mut self,
        name: &str,
        program: &OsStr,
        args: &[&OsStr],
        env: &[(&str, &str)],
        directory: &Path,
    ) -> Result<(), Ended> {
        self.note(&format!("$ {name}"));
        let started_at = (self.forge.config.clock)();
        let result = self.run(program, args, env, directory).await;
        let conclusion = match &result {
            Ok(()) => Conclusion::Success,
            Err(Failure::Timeout(_)) => Conclusion::TimedOut,
            Err(Failure::Exit(_) | Failure::Start(_)) => Conclusion::Failure,
        };
        let completed_at = (self.forge.config.clock)();
        self.steps.push(Step { name: name.to_owned(), conclusion, started_at, completed_at });
        result.map_err(|failure| {
            let missing = matches!(failure, Failure::Exit(Some(127)));
            let hint = if missing { format!("; install {}", program.to_string_lossy()) } else { String::new() };
            self.note(&format!("error: {name}: {failure}{hint}"));
            Ended(conclusion)
        })
    }

    /// Whether a program succeeds within a few seconds.
    pub(super) async fn succeeds(&self, program: &str, args: &[&str]) -> bool {
        let args: Vec<_> = args.iter().map(OsStr::new).collect();
        let soon = Duration::from_secs(10);
        let what = self.invocation(program.as_ref(), &args, &[], &self.home);
        process::run(&what, &self.log, soon).await.is_ok()
    }

    /// Adds a line to the stage's log.
    pub(super) fn note(&self, line: &str) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.log);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{line}")) {
            tracing::warn!(log = %self.log.display(), %error, "a line of a stage's log is lost");
        }
    }

    /// Ends the stage, and says why in its log, where `result` is an error.
    pub(super) fn note_failure<T>(&self, what: &str, result: Result<T, Error>) -> Result<T, Ended> {
        result.map_err(|error| {
            self.note(&format!("error: {what}: {error}"));
            Ended(Conclusion::Failure)
        })
    }

    async fn run(
        &self,
        program: &OsStr,
        args: &[&OsStr],
        env: &[(&str, &str)],
        directory: &Path,
    ) -> Result<(), Failure> {
        let left = self.ends.saturating_duration_since(Instant::now());
        process::run(&self.invocation(program, args, env, directory), &self.log, left).await
    }

    fn invocation(&self, program: &OsStr, args: &[&OsStr], env: &[(&str, &str)], directory: &Path) -> Invocation<'_> {
        let own = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Invocation {
            lock: self.lock,
            program: program.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: self.forge.config.environment().into_iter().chain(own).collect(),
            directory: directory.to_owned(),
        }
    }

    /// An environment with pip, made once for this forge: pip itself installs into all others.
    async fn tools(&mut self) -> Result<PathBuf, Ended> {
        let root = self.forge.config.root.join("cache");
        let tools = root.join("tools");
        if tools.join("bin/python").exists() {
            return Ok(tools);
        }
        let alone = Lock::wait(&root.join("tools.lock")).await;
        let _alone = self.note_failure("wait for pip", alone)?;
        if tools.join("bin/python").exists() {
            return Ok(tools);
        }
        let python = self.forge.config.python.clone();
        let check = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10), sys.version".as_ref();
        let name = "check for Python 3.10 with venv and ensurepip (Debian: python3-venv)";
        self.step(name, &python, &["-c".as_ref(), check], &[], &root).await?;
        let scratch = disk::scratch(&root);
        let scratch = self.note_failure("create a directory", scratch)?;
        let new = scratch.path().join("tools");
        let make = [OsStr::new("-m"), "venv".as_ref(), new.as_os_str()];
        self.step("create the environment of pip", &python, &make, &[], &root).await?;
        let args = ["-m", "pip", "install", "--quiet", "--upgrade", "pip>=23.1"].map(OsStr::new);
        self.step("pip install pip", new.join("bin/python").as_os_str(), &args, &[], &root).await?;
        let placed = disk::place(&new, &tools).await;
        self.note_failure("keep pip", placed)?;
        Ok(tools)
    }
}

/// A virtual environment of one stage.
#[derive(Debug)]
pub(super) struct Venv {
    tools: PathBuf,
    home: PathBuf,
}

impl Venv {
    /// The Python that has pip.
    pub(super) fn pip(&self) -> PathBuf {
        self.tools.join("bin/python")
    }
}
