//! The local forge: repositories and pipelines on this machine, no account needed.
//!
//! ```text
//! <root>/repositories/<owner>/<name>.git   bare repositories
//! <root>/runs/<id>/run.json                a run's state and its webhooks, one file
//! <root>/runs/<id>/{work,venv,dist,logs}   what its stages made
//! <root>/open/<id>                         a mark: the run has work or webhooks left
//! <root>/keys/                             the run of each idempotency key
//! <root>/registry/                         pushed artifacts by digest
//! <root>/cache/                            pip and its cache
//! ```
//!
//! All state is on disk, and any number of processes may use one folder at the same time: what only
//! one may do is done under a [lock] of the operating system. A process that dies holds none,
//! so the next [sweep](Local::start) of any other, or of itself after a restart, goes on with its
//! runs, from the stage that was interrupted, and sends every webhook that was not taken.

mod artifacts;
mod config;
mod deliver;
mod disk;
mod git;
mod lock;
mod payload;
mod process;
mod record;
mod run;
mod runner;
mod stages;
mod workshop;

pub use artifacts::{Artifact, Artifacts, Kind};
pub use config::{Clock, Config};
pub use deliver::Webhook;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::{Host, Url};

use super::{Answer, Commit, Dispatch, Error, Forge, Repository, RunStatus};
use crate::egress::{Egress, Policy};
use lock::Lock;
use run::Run;

#[derive(Debug)]
struct Inner {
    config: Config,
    repositories: git::Repositories,
    artifacts: Artifacts,
    egress: Egress,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

/// A forge on this machine.
#[derive(Debug)]
pub struct Local(Arc<Inner>);

impl Local {
    /// Opens the forge in the configured folder; works on nothing before it is asked to or [started](Self::start).
    ///
    /// # Errors
    /// [`Error::Broken`] where this machine fails.
    pub async fn open(mut config: Config) -> Result<Self, Error> {
        for folder in ["repositories", "runs", "open"] {
            disk::create_dir(&config.root.join(folder)).await?;
        }
        config.root =
            tokio::fs::canonicalize(&config.root).await.map_err(|error| disk::broken("find the folder", &error))?;
        let egress = Egress::new(policy(&config.webhook.url))
            .map_err(|error| Error::Broken { what: "the HTTP client".to_owned(), reason: error.to_string() })?;
        Ok(Self(Arc::new(Inner {
            repositories: git::Repositories::new(config.root.join("repositories"), config.path.clone()),
            artifacts: Artifacts::new(config.root.join("registry")),
            config,
            egress,
            tasks: TaskTracker::new(),
            stopped: CancellationToken::new(),
        })))
    }

    /// From now on, again and again: goes on with every run that nobody works on, and sends every
    /// webhook that was not taken.
    pub fn start(&self) {
        let inner = Arc::clone(&self.0);
        self.0.spawn(async move {
            let mut ticks = tokio::time::interval(inner.config.sweep);
            loop {
                ticks.tick().await;
                match disk::numbers(&inner.config.root.join("open")).await {
                    Ok(open) => open.into_iter().for_each(|id| inner.start(&inner.run(id))),
                    Err(error) => tracing::error!(%error, "interrupted runs cannot be looked for"),
                }
            }
        });
    }

    /// Stops all work of this process; what it leaves, the next sweep takes up.
    pub async fn stop(&self) {
        self.0.stopped.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The registry that pipelines push to.
    #[must_use]
    pub fn artifacts(&self) -> &Artifacts {
        &self.0.artifacts
    }

    /// The log of a stage of a run's current attempt, if it has begun.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run.
    pub async fn log(&self, run: u64, stage: &str) -> Result<Option<String>, Error> {
        if !super::STAGES.contains(&stage) {
            return Err(Error::NotFound(format!("the stage {stage:?}")));
        }
        let run = self.0.run(run);
        let attempt = run.record().await?.attempt;
        let text = disk::read(&run.log(attempt, stage)).await?;
        Ok(text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl Inner {
    fn run(&self, id: u64) -> Run {
        Run::new(&self.config.root, id)
    }

    /// The run `id`, which must be one of the repository, and what is on record of it.
    async fn run_of(&self, repository: &Repository, id: u64) -> Result<(Run, record::Record), Error> {
        let run = self.run(id);
        let record = run.record().await?;
        if record.repository == *repository {
            return Ok((run, record));
        }
        Err(Error::NotFound(format!("the run {id} of {repository}")))
    }

    /// Works on the run and tells what is untold, unless somebody is at it.
    fn start(self: &Arc<Self>, run: &Run) {
        self.attend(run.id, runner::work(Arc::clone(self), run.clone()));
        self.tell(run);
    }

    fn tell(self: &Arc<Self>, run: &Run) {
        self.attend(run.id, runner::tell(Arc::clone(self), run.clone()));
    }

    fn attend(&self, id: u64, task: impl Future<Output = Result<(), Error>> + Send + 'static) {
        self.spawn(async move {
            match task.await {
                // A mark without a file: the crash came before the run was there.
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(error) => tracing::error!(run = id, %error, "the run stands still until the next sweep"),
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped.clone();
        self.tasks.spawn(async move { stopped.run_until_cancelled(task).await });
    }

    /// The id that `key` has, or gets now: greater than any before, as GitHub's are.
    async fn run_id(&self, repository: &Repository, key: &str) -> Result<u64, Error> {
        let keys = self.config.root.join("keys");
        let _lock = Lock::wait(&keys.join("lock")).await?;
        let path = keys.join(disk::digest(&[repository.owner(), repository.name(), key]));
        if let Some(text) = disk::read(&path).await? {
            let known = String::from_utf8_lossy(&text).trim().parse();
            return known.map_err(|_| Error::Broken { what: path.display().to_string(), reason: "no id".to_owned() });
        }
        let now = u64::try_from((self.config.clock)().timestamp_millis()).unwrap_or_default();
        let id = disk::next_number(&self.config.root.join("runs"), now).await?;
        disk::replace(&path, id.to_string().as_bytes()).await?;
        Ok(id)
    }

    /// The runs of a branch that have not ended. Such a run has its mark.
    async fn running(&self, repository: &Repository, branch: &str) -> Result<Vec<u64>, Error> {
        let mut running = Vec::new();
        for id in disk::numbers(&self.config.root.join("open")).await? {
            let record = self.run(id).find().await?;
            let ours = |record: &record::Record| record.repository == *repository && record.dispatch.branch == branch;
            running.extend(record.filter(|it| ours(it) && it.status != record::Status::Completed).map(|_| id));
        }
        Ok(running)
    }

    async fn dispatch(self: &Arc<Self>, repository: &Repository, dispatch: &Dispatch) -> Result<u64, Error> {
        let run = self.run(self.run_id(repository, &dispatch.idempotency_key).await?);
        let (branch, sha) = (&dispatch.branch, &dispatch.sha);
        let record = match run.find().await? {
            Some(record) => record,
            None if self.repositories.holds(repository, branch, sha).await? => {
                run.create(self, repository, dispatch).await?
            }
            None => return Err(Error::NotFound(format!("the commit {sha:?} on {branch} of {repository}"))),
        };
        if (&record.dispatch.sha, &record.dispatch.branch) != (sha, branch) {
            let key = &dispatch.idempotency_key;
            return Err(Error::Conflict(format!("the key {key:?} was used for another commit")));
        }
        self.start(&run);
        Ok(run.id)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.0.stopped.cancel();
    }
}

/// The way of webhooks: to the service, wherever the operator says that it is.
fn policy(service: &Url) -> Policy {
    let mut policy = Policy { timeout: Duration::from_secs(10), ..Policy::default().with_loopback() };
    match service.host() {
        Some(Host::Domain(name)) => drop(policy.allow_hosts.insert(name.to_owned())),
        Some(Host::Ipv4(address)) => policy.allow_networks.push(std::net::IpAddr::from(address).into()),
        Some(Host::Ipv6(address)) => policy.allow_networks.push(std::net::IpAddr::from(address).into()),
        None => {}
    }
    policy
}

impl Forge for Local {
    fn create_repository<'a>(&'a self, repository: &'a Repository) -> Answer<'a, ()> {
        Box::pin(self.0.repositories.create(repository))
    }

    fn commit<'a>(&'a self, repository: &'a Repository, commit: &'a Commit) -> Answer<'a, String> {
        let seconds = (self.0.config.clock)().timestamp();
        Box::pin(self.0.repositories.commit(repository, commit, seconds))
    }

    fn dispatch<'a>(&'a self, repository: &'a Repository, dispatch: &'a Dispatch) -> Answer<'a, u64> {
        Box::pin(self.0.dispatch(repository, dispatch))
    }

    fn rerun<'a>(&'a self, repository: &'a Repository, run: u64, key: &'a str) -> Answer<'a, u32> {
        Box::pin(async move {
            let (run, _) = self.0.run_of(repository, run).await?;
            let attempt = run.begin_again(&self.0, key).await?;
            self.0.start(&run);
            Ok(attempt)
        })
    }

    fn cancel<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            let (run, _) = self.0.run_of(repository, run).await?;
            run.update(|record| record.cancelling |= record.status != record::Status::Completed).await?;
            self.0.start(&run);
            Ok(())
        })
    }

    fn running<'a>(&'a self, repository: &'a Repository, branch: &'a str) -> Answer<'a, Vec<u64>> {
        Box::pin(self.0.running(repository, branch))
    }

    fn status<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, RunStatus> {
        Box::pin(async move {
            let (_, record) = self.0.run_of(repository, run).await?;
            let workflow_run = payload::run(&record);
            let word = |field: &str| workflow_run[field].as_str().map(str::to_owned);
            Ok(RunStatus {
                run_id: record.id,
                attempt: record.attempt,
                status: word("status").unwrap_or_default(),
                conclusion: word("conclusion"),
                jobs: record.jobs.iter().map(|job| payload::job(&record, job)).collect(),
                workflow_run,
            })
        })
    }

    fn read<'a>(&'a self, repository: &'a Repository, commit: &'a str, path: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(self.0.repositories.read(repository, commit, path))
    }
}

#[cfg(test)]
mod tests;
