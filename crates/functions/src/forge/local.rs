//! The local forge: repositories and pipelines on this machine, no account needed.
//!
//! ```text
//! <root>/repositories/<owner>/<name>.git   bare repositories
//! <root>/runs/<id>/run.json                a run's state and its webhooks, one file
//! <root>/runs/<id>/{work,venv,dist,logs}   what its stages made
//! <root>/keys/                             the run of each idempotency key
//! <root>/registry/                         pushed artifacts by digest
//! <root>/cache/                            pip and its cache
//! ```
//!
//! All state is on disk. After a crash [`Local::reconcile`] goes on with every run that has not
//! ended, from the stage that was interrupted, and sends every webhook that was not taken.

mod artifacts;
mod config;
mod deliver;
mod disk;
mod git;
mod payload;
mod process;
mod record;
mod runner;
mod stages;
mod workshop;

pub use artifacts::{Artifact, Artifacts, Kind};
pub use config::{Clock, Config};
pub use deliver::Webhook;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Answer, Commit, Dispatch, Error, Forge, Repository, RunStatus};
use crate::egress::{Egress, Policy};
use record::Record;
use runner::Run;

#[derive(Debug)]
struct Inner {
    config: Config,
    repositories: git::Repositories,
    artifacts: Artifacts,
    egress: Egress,
    /// Held while the shared pip is made.
    tools: tokio::sync::Mutex<()>,
    runs: tokio::sync::Mutex<HashMap<u64, Arc<Run>>>,
    /// The runs that a worker or a teller of this process is on, and whether it is asked again.
    busy: std::sync::Mutex<HashMap<(u64, &'static str), bool>>,
    /// Held while a run gets its id.
    ids: tokio::sync::Mutex<()>,
    /// Held while a commit is made, so that two of one process do not meet.
    commits: tokio::sync::Mutex<()>,
}

/// A forge on this machine.
#[derive(Debug)]
pub struct Local {
    inner: Arc<Inner>,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

impl Local {
    /// Opens the forge in the configured folder; starts nothing.
    ///
    /// # Errors
    /// [`Error::Broken`] where this machine fails.
    pub async fn open(mut config: Config) -> Result<Self, Error> {
        disk::create_dir(&config.root.join("repositories")).await?;
        disk::create_dir(&config.root.join("runs")).await?;
        config.root =
            tokio::fs::canonicalize(&config.root).await.map_err(|error| disk::broken("find the folder", &error))?;
        let policy = Policy { timeout: Duration::from_secs(10), ..Policy::default().with_loopback() };
        let egress = Egress::new(policy)
            .map_err(|error| Error::Broken { what: "the HTTP client".to_owned(), reason: error.to_string() })?;
        let inner = Inner {
            repositories: git::Repositories::new(config.root.join("repositories"), config.path.clone()),
            artifacts: Artifacts::new(config.root.join("registry")),
            config,
            egress,
            tools: tokio::sync::Mutex::default(),
            runs: tokio::sync::Mutex::default(),
            busy: std::sync::Mutex::default(),
            ids: tokio::sync::Mutex::default(),
            commits: tokio::sync::Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner), tasks: TaskTracker::new(), stopped: CancellationToken::new() })
    }

    /// Goes on with every run that has not ended and sends every webhook that was not taken.
    /// Call it at start, and now and then.
    ///
    /// # Errors
    /// [`Error::Broken`] for the first run that cannot be read; the others go on.
    pub async fn reconcile(&self) -> Result<(), Error> {
        let root = self.inner.config.root.join("runs");
        let failed = |error: std::io::Error| disk::broken("read the runs", &error);
        let mut entries = tokio::fs::read_dir(&root).await.map_err(failed)?;
        let mut first = Ok(());
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            match self.run(id).await {
                Ok(run) => self.start(id, &run),
                // A folder without a file: the crash came before the run was there.
                Err(Error::NotFound(_)) => {}
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    /// Stops all work; runs stay as they are until [`Local::reconcile`].
    pub async fn stop(&self) {
        self.stopped.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The registry that pipelines push to.
    #[must_use]
    pub fn artifacts(&self) -> &Artifacts {
        &self.inner.artifacts
    }

    /// The log of a stage of a run's current attempt, if it has begun.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run.
    pub async fn log(&self, run: u64, stage: &str) -> Result<Option<String>, Error> {
        if !super::STAGES.contains(&stage) {
            return Err(Error::NotFound(format!("the stage {stage:?}")));
        }
        let run = self.run(run).await?;
        let attempt = run.record().await.attempt;
        let text = disk::read(&run.log(attempt, stage)).await?;
        Ok(text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn run(&self, id: u64) -> Result<Arc<Run>, Error> {
        let mut runs = self.inner.runs.lock().await;
        if let Some(run) = runs.get(&id) {
            return Ok(Arc::clone(run));
        }
        let found = Run::load(self.home(id)).await?;
        let run = Arc::new(found.ok_or_else(|| Error::NotFound(format!("the run {id}")))?);
        runs.insert(id, Arc::clone(&run));
        Ok(run)
    }

    async fn run_of(&self, repository: &Repository, id: u64) -> Result<Arc<Run>, Error> {
        let run = self.run(id).await?;
        if run.record().await.repository == *repository {
            return Ok(run);
        }
        Err(Error::NotFound(format!("the run {id} of {repository}")))
    }

    /// Starts what of worker and teller is not at work on the run.
    fn start(&self, id: u64, run: &Arc<Run>) {
        self.task(id, "work", run, runner::work);
        self.task(id, "tell", run, runner::tell);
    }

    /// Runs `task` for the run until it ends with nothing asked in the meantime: one at a time.
    fn task<F>(&self, id: u64, what: &'static str, run: &Arc<Run>, task: fn(Arc<Inner>, Arc<Run>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self.inner.busy().entry((id, what)) {
            Entry::Occupied(mut again) => {
                again.insert(true);
                return;
            }
            Entry::Vacant(free) => free.insert(false),
        };
        let (inner, run, stopped) = (Arc::clone(&self.inner), Arc::clone(run), self.stopped.clone());
        self.tasks.spawn(async move {
            while stopped.run_until_cancelled(task(Arc::clone(&inner), Arc::clone(&run))).await.is_some() {
                let mut busy = inner.busy();
                if busy.get(&(id, what)) != Some(&true) {
                    busy.remove(&(id, what));
                    return;
                }
                busy.insert((id, what), false);
            }
        });
    }

    fn home(&self, id: u64) -> PathBuf {
        self.inner.config.root.join("runs").join(id.to_string())
    }

    /// The id that `key` has, or gets now: greater than any before, as GitHub's are.
    async fn run_id(&self, repository: &Repository, key: &str) -> Result<u64, Error> {
        let _alone = self.inner.ids.lock().await;
        let name = disk::digest(&[repository.owner(), repository.name(), key]);
        let path = self.inner.config.root.join("keys").join(name);
        if let Some(text) = disk::read(&path).await? {
            let known = String::from_utf8_lossy(&text).trim().parse();
            return known.map_err(|_| Error::Broken { what: path.display().to_string(), reason: "no id".to_owned() });
        }
        let now = u64::try_from((self.inner.config.clock)().timestamp_millis()).unwrap_or_default();
        let id = disk::next_number(&self.inner.config.root.join("runs"), now).await?;
        disk::replace(&path, id.to_string().as_bytes()).await?;
        Ok(id)
    }

    async fn dispatch_run(&self, repository: &Repository, dispatch: &Dispatch) -> Result<u64, Error> {
        let id = self.run_id(repository, &dispatch.idempotency_key).await?;
        match self.run(id).await {
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
            Ok(run) => {
                let known = run.record().await.dispatch;
                if (&known.sha, &known.branch) != (&dispatch.sha, &dispatch.branch) {
                    let key = &dispatch.idempotency_key;
                    return Err(Error::Conflict(format!("the key {key:?} was used for another commit")));
                }
                self.start(id, &run);
                return Ok(id);
            }
        }
        let (branch, sha) = (&dispatch.branch, &dispatch.sha);
        if !self.inner.repositories.holds(repository, branch, sha).await? {
            return Err(Error::NotFound(format!("the commit {sha:?} on {branch} of {repository}")));
        }
        let new = Record::new(id, repository, dispatch, (self.inner.config.clock)());
        let run = {
            let mut runs = self.inner.runs.lock().await;
            let run = runs.entry(id).or_insert_with(|| Arc::new(Run::new(self.home(id), new)));
            let run = Arc::clone(run);
            if run.record().await.attempt == 0
                && let Err(error) = run.begin(&self.inner, None).await
            {
                runs.remove(&id);
                return Err(error);
            }
            run
        };
        self.start(id, &run);
        Ok(id)
    }
}

impl Inner {
    fn busy(&self) -> std::sync::MutexGuard<'_, HashMap<(u64, &'static str), bool>> {
        self.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

impl Forge for Local {
    fn create_repository<'a>(&'a self, repository: &'a Repository) -> Answer<'a, ()> {
        Box::pin(self.inner.repositories.create(repository))
    }

    fn commit<'a>(&'a self, repository: &'a Repository, commit: &'a Commit) -> Answer<'a, String> {
        Box::pin(async move {
            let _alone = self.inner.commits.lock().await;
            let seconds = (self.inner.config.clock)().timestamp();
            self.inner.repositories.commit(repository, commit, seconds).await
        })
    }

    fn dispatch<'a>(&'a self, repository: &'a Repository, dispatch: &'a Dispatch) -> Answer<'a, u64> {
        Box::pin(self.dispatch_run(repository, dispatch))
    }

    fn rerun<'a>(&'a self, repository: &'a Repository, run: u64, key: &'a str) -> Answer<'a, u32> {
        Box::pin(async move {
            let found = self.run_of(repository, run).await?;
            let attempt = found.begin(&self.inner, Some(key)).await?;
            self.start(run, &found);
            Ok(attempt)
        })
    }

    fn cancel<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            let found = self.run_of(repository, run).await?;
            if found.record().await.status != record::Status::Completed {
                found.update(|record| record.cancelling = true).await?;
                found.token().cancel();
                self.start(run, &found);
            }
            Ok(())
        })
    }

    fn status<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, RunStatus> {
        Box::pin(async move {
            let record = self.run_of(repository, run).await?.record().await;
            let page = &self.inner.config.page;
            let workflow_run = payload::run(&record, page);
            let word = |field: &str| workflow_run[field].as_str().map(str::to_owned);
            Ok(RunStatus {
                run_id: record.id,
                attempt: record.attempt,
                status: word("status").unwrap_or_default(),
                conclusion: word("conclusion"),
                jobs: record.jobs.iter().map(|job| payload::job(&record, job, page)).collect(),
                workflow_run,
            })
        })
    }

    fn read<'a>(&'a self, repository: &'a Repository, commit: &'a str, path: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(self.inner.repositories.read(repository, commit, path))
    }
}

#[cfg(test)]
mod tests;
