//! A run's folder: its file, which is the truth for every process, and what lies beside it.
//!
//! The file is changed under a lock and replaced as a whole; reading needs none. A run with work
//! or webhooks left has a mark in `open/`, set before the file says so and removed after: whoever
//! goes through the marks misses nothing.

use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::record::{Record, Status};
use super::{Inner, disk};
use crate::forge::{Dispatch, Error, Repository};

/// A run by its id; whether it is there, the file says.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) id: u64,
    home: PathBuf,
    mark: PathBuf,
}

impl Run {
    /// The run `id` of the forge in `root`.
    pub(super) fn new(root: &Path, id: u64) -> Self {
        let name = id.to_string();
        Self { id, home: root.join("runs").join(&name), mark: root.join("open").join(name) }
    }

    /// The run's own folder.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// A path in the run's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// The log of a stage of an attempt.
    pub(super) fn log(&self, attempt: u32, stage: &str) -> PathBuf {
        self.home.join("logs").join(format!("{attempt}-{stage}.log"))
    }

    /// What is on record now, if the run is there.
    pub(super) async fn find(&self) -> Result<Option<Record>, Error> {
        let path = self.path("run.json");
        let Some(text) = disk::read(&path).await? else { return Ok(None) };
        let reason =
            |error: serde_json::Error| Error::Broken { what: path.display().to_string(), reason: error.to_string() };
        serde_json::from_slice(&text).map(Some).map_err(reason)
    }

    /// What is on record now.
    pub(super) async fn record(&self) -> Result<Record, Error> {
        self.find().await?.ok_or_else(|| Error::NotFound(format!("the run {}", self.id)))
    }

    /// Makes the run and queues its first attempt, unless it is there; gives what is on record.
    pub(super) async fn create(
        &self,
        forge: &Inner,
        repository: &Repository,
        dispatch: &Dispatch,
    ) -> Result<Record, Error> {
        let _lock = self.lock().await?;
        if let Some(known) = self.find().await? {
            return Ok(known);
        }
        let now = (forge.config.clock)();
        let mut record = Record::new(self.id, repository, dispatch, now);
        record.begin(now);
        self.open(&record).await?;
        Ok(record)
    }

    /// Queues a further attempt unless `key` has done it; gives the attempt's number.
    pub(super) async fn begin_again(&self, forge: &Inner, key: &str) -> Result<u32, Error> {
        let _lock = self.lock().await?;
        let mut record = self.record().await?;
        if let Some(place) = record.reruns.iter().position(|known| known == key) {
            return Ok(u32::try_from(place + 2).unwrap_or(u32::MAX));
        }
        if record.status != Status::Completed {
            return Err(Error::Conflict(format!("the run {} has not ended", record.id)));
        }
        record.begin((forge.config.clock)());
        record.reruns.push(key.to_owned());
        self.open(&record).await?;
        Ok(record.attempt)
    }

    /// Changes the record and saves it.
    pub(super) async fn update(&self, change: impl FnOnce(&mut Record)) -> Result<(), Error> {
        let _lock = self.lock().await?;
        let mut record = self.record().await?;
        change(&mut record);
        self.save(&record).await
    }

    /// Removes the mark of a run that has neither work nor webhooks left.
    pub(super) async fn settle(&self) -> Result<(), Error> {
        // Most often it has: then nobody who changes the run need wait for us.
        if !self.record().await?.is_settled() {
            return Ok(());
        }
        let _lock = self.lock().await?;
        if self.record().await?.is_settled() {
            disk::remove_file(&self.mark).await?;
        }
        Ok(())
    }

    async fn open(&self, record: &Record) -> Result<(), Error> {
        disk::replace(&self.mark, b"").await?;
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> Result<(), Error> {
        let text = serde_json::to_vec(record).expect("a record is plain JSON");
        disk::replace(&self.path("run.json"), &text).await
    }

    async fn lock(&self) -> Result<Lock, Error> {
        Lock::wait(&self.path("run.lock")).await
    }
}
