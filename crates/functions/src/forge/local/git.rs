//! Bare repositories on disk, by the real git.
//!
//! No setting of the user or the machine counts, no hook runs. A commit is found again by the key
//! in its message. Whoever writes to a repository holds its lock; a branch moves by
//! compare-and-swap all the same, because the git of a killed process may outlive it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::disk;
use super::lock::Lock;
use crate::forge::{Commit, Error, Repository, check_branch, trailer};
use crate::generate::GeneratedFile;

/// The repositories below one folder.
#[derive(Debug, Clone)]
pub(super) struct Repositories {
    root: PathBuf,
    path: std::ffi::OsString,
}

const AUTHOR: &str = "Stationmaster";
const EMAIL: &str = "stationmaster@localhost";

impl Repositories {
    /// Keeps repositories in `root`, finds git in `path`.
    pub(super) fn new(root: PathBuf, path: std::ffi::OsString) -> Self {
        Self { root, path }
    }

    pub(super) async fn create(&self, repository: &Repository) -> Result<(), Error> {
        let directory = self.directory(repository);
        if is_repository(&directory).await {
            return Ok(());
        }
        let _lock = self.lock(repository).await?;
        if is_repository(&directory).await {
            return Ok(());
        }
        let scratch = disk::scratch(&self.root)?;
        let new = scratch.path().join("new.git");
        disk::create_dir(&new).await?;
        let mut init = self.git(&new);
        init.args(["init", "--quiet", "--bare", "--initial-branch=main", "."]);
        run(init, b"").await?;
        disk::place(&new, &directory).await
    }

    pub(super) async fn commit(&self, repository: &Repository, commit: &Commit, seconds: i64) -> Result<String, Error> {
        check_branch(&commit.branch)?;
        let message = trailer::message(commit)?;
        let directory = self.existing(repository).await?;
        let _lock = self.lock(repository).await?;
        let reference = format!("refs/heads/{}", commit.branch);
        let parent = self.resolve(&directory, &reference).await?;
        if let Some(parent) = &parent
            && let Some(found) = self.find(&directory, parent, commit).await?
        {
            return Ok(found);
        }
        let tree = self.tree(&directory, &commit.files).await?;
        let mut make = self.git(&directory);
        let date = format!("@{seconds} +0000");
        make.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        make.args(["commit-tree", "--no-gpg-sign", &tree]);
        if let Some(parent) = &parent {
            make.args(["-p", parent]);
        }
        let sha = line(&run(make, message.as_bytes()).await?);
        let mut update = self.git(&directory);
        update.args(["update-ref", &reference, &sha, parent.as_deref().unwrap_or("")]);
        run(update, b"").await?;
        Ok(sha)
    }

    /// The commit's SHA in full, if `reference` is there.
    pub(super) async fn resolve(&self, directory: &Path, reference: &str) -> Result<Option<String>, Error> {
        let mut parse = self.git(directory);
        parse.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")]);
        let output = output(parse, b"").await?;
        Ok(output.status.success().then(|| line(&output.stdout)))
    }

    /// An earlier commit of the same request on this branch.
    async fn find(&self, directory: &Path, tip: &str, commit: &Commit) -> Result<Option<String>, Error> {
        let mut log = self.git(directory);
        log.args(["log", "-z", "--format=%H%n%B", tip]);
        let all = run(log, b"").await?;
        for entry in String::from_utf8_lossy(&all).split('\0') {
            if let Some((sha, message)) = entry.split_once('\n')
                && trailer::is_same(message, commit)?
            {
                return Ok(Some(sha.to_owned()));
            }
        }
        Ok(None)
    }

    async fn tree(&self, directory: &Path, files: &[GeneratedFile]) -> Result<String, Error> {
        let scratch = disk::scratch(&self.root)?;
        let work = scratch.path().join("work");
        disk::create_dir(&work).await?;
        for file in files {
            disk::write_file(&work, file).await?;
        }
        let index = scratch.path().join("index");
        let mut add = self.git(directory);
        add.env("GIT_INDEX_FILE", &index).arg("--work-tree").arg(&work);
        add.current_dir(&work).args(["add", "--all", "--force", "."]);
        run(add, b"").await?;
        let mut write = self.git(directory);
        write.env("GIT_INDEX_FILE", &index).arg("write-tree");
        run(write, b"").await.map(|tree| line(&tree))
    }

    /// Puts the files of a commit into `target`, which is new.
    pub(super) async fn checkout(&self, repository: &Repository, sha: &str, target: &Path) -> Result<(), Error> {
        let directory = self.existing(repository).await?;
        disk::create_dir(target).await?;
        let index = disk::scratch(&self.root)?;
        let mut checkout = self.git(&directory);
        checkout.env("GIT_INDEX_FILE", index.path().join("index"));
        checkout.arg("--work-tree").arg(target).args(["checkout", "--quiet", "--force", sha, "--", "."]);
        run(checkout, b"").await.map(drop)
    }

    pub(super) async fn read(&self, repository: &Repository, sha: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let directory = self.existing(repository).await?;
        if self.resolve(&directory, sha).await?.is_none() {
            return Err(Error::NotFound(format!("the commit {sha:?} of {repository}")));
        }
        let mut show = self.git(&directory);
        show.args(["cat-file", "blob", &format!("{sha}:{path}")]);
        let output = output(show, b"").await?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// Whether `branch` holds the commit `sha`.
    pub(super) async fn holds(&self, repository: &Repository, branch: &str, sha: &str) -> Result<bool, Error> {
        check_branch(branch)?;
        let directory = self.existing(repository).await?;
        let Some(sha) = self.resolve(&directory, sha).await? else { return Ok(false) };
        let mut ask = self.git(&directory);
        ask.args(["merge-base", "--is-ancestor", &sha, &format!("refs/heads/{branch}")]);
        output(ask, b"").await.map(|output| output.status.success())
    }

    fn directory(&self, repository: &Repository) -> PathBuf {
        self.root.join(repository.owner()).join(format!("{}.git", repository.name()))
    }

    async fn existing(&self, repository: &Repository) -> Result<PathBuf, Error> {
        let directory = self.directory(repository);
        if is_repository(&directory).await {
            return Ok(directory);
        }
        Err(Error::NotFound(format!("the repository {repository}")))
    }

    async fn lock(&self, repository: &Repository) -> Result<Lock, Error> {
        Lock::wait(&self.directory(repository).with_extension("lock")).await
    }

    fn git(&self, directory: &Path) -> Command {
        let mut git = Command::new("git");
        git.env_clear()
            .env("PATH", &self.path)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_DIR", directory)
            .env("GIT_AUTHOR_NAME", AUTHOR)
            .env("GIT_AUTHOR_EMAIL", EMAIL)
            .env("GIT_COMMITTER_NAME", AUTHOR)
            .env("GIT_COMMITTER_EMAIL", EMAIL)
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "gc.auto=0"])
            .args(["-c", "core.fsync=all", "-c", "core.fsyncMethod=batch"])
            .current_dir(directory)
            .kill_on_drop(true);
        git
    }
}

async fn is_repository(directory: &Path) -> bool {
    tokio::fs::try_exists(directory.join("HEAD")).await.unwrap_or(false)
}

/// The output of a git that must succeed.
async fn run(command: Command, input: &[u8]) -> Result<Vec<u8>, Error> {
    let shown = format!("{:?}", command.as_std().get_args().last().unwrap_or_default());
    let output = output(command, input).await?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Broken { what: format!("git on {shown}"), reason })
}

async fn output(mut command: Command, input: &[u8]) -> Result<std::process::Output, Error> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| missing(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A git that ends early says why by its status.
        let _ = stdin.write_all(input).await;
    }
    child.wait_with_output().await.map_err(|error| disk::broken("waiting for git", &error))
}

fn missing(error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::Missing { tool: "git".to_owned(), hint: "install git, or put it into PATH".to_owned() };
    }
    disk::broken("starting git", error)
}

fn line(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_owned()
}

#[cfg(test)]
mod tests;
