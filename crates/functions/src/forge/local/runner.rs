//! Drives one run: stage after stage, each change saved before it is told.
//!
//! Two tasks for a run: this one works, the other sends the saved webhooks in order. Both can be
//! dropped at any point and begun again from the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::deliver::{self, Sent};
use super::record::{Conclusion, Record, Status};
use super::workshop::{Ended, Workshop};
use super::{Inner, disk, stages};
use crate::forge::Error;

/// A run in memory; the file is the truth.
#[derive(Debug)]
pub(super) struct Run {
    home: PathBuf,
    record: Mutex<Record>,
    saved: Notify,
    pub(super) cancel: std::sync::Mutex<CancellationToken>,
}

impl Run {
    pub(super) fn new(home: PathBuf, record: Record) -> Self {
        let cancel = std::sync::Mutex::new(CancellationToken::new());
        Self { home, record: Mutex::new(record), saved: Notify::new(), cancel }
    }

    /// The run saved in `home`, if there is one.
    pub(super) async fn load(home: PathBuf) -> Result<Option<Self>, Error> {
        let path = home.join("run.json");
        let Some(text) = disk::read(&path).await? else { return Ok(None) };
        let reason =
            |error: serde_json::Error| Error::Broken { what: path.display().to_string(), reason: error.to_string() };
        let record = serde_json::from_slice(&text).map_err(reason)?;
        Ok(Some(Self::new(home, record)))
    }

    pub(super) async fn record(&self) -> Record {
        self.record.lock().await.clone()
    }

    /// Changes the record and saves it; nothing is changed where it cannot be saved.
    pub(super) async fn update<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, Error> {
        let mut record = self.record.lock().await;
        let mut next = record.clone();
        let answer = change(&mut next);
        let text = serde_json::to_vec(&next).expect("a record is plain JSON");
        disk::replace(&self.home.join("run.json"), &text).await?;
        *record = next;
        self.saved.notify_one();
        Ok(answer)
    }

    /// The token that ends the work of the current attempt.
    pub(super) fn token(&self) -> CancellationToken {
        self.cancel.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn renew_token(&self) {
        *self.cancel.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = CancellationToken::new();
    }

    /// The log of a stage of the attempt.
    pub(super) fn log(&self, attempt: u32, stage: &str) -> PathBuf {
        self.home.join("logs").join(format!("{attempt}-{stage}.log"))
    }

    /// Queues a further attempt unless `key` has done it; gives the attempt's number.
    pub(super) async fn begin(&self, forge: &Inner, key: Option<&str>) -> Result<u32, Error> {
        let (now, page) = ((forge.config.clock)(), &forge.config.page);
        let change = |record: &mut Record| {
            if let Some(place) = record.reruns.iter().position(|known| Some(known.as_str()) == key) {
                return Ok(u32::try_from(place + 2).unwrap_or(u32::MAX));
            }
            if record.status != Status::Completed {
                return Err(Error::Conflict(format!("the run {} has not ended", record.id)));
            }
            self.renew_token();
            record.begin(now, page);
            record.reruns.extend(key.map(str::to_owned));
            Ok(record.attempt)
        };
        self.update(change).await?
    }
}

/// Works until the run has ended; an error of this machine is logged and leaves it for later.
pub(super) async fn work(forge: Arc<Inner>, run: Arc<Run>) {
    if let Err(error) = drive(&forge, &run).await {
        let id = run.record().await.id;
        tracing::error!(run = id, %error, "the run stands still until the next reconciliation");
    }
}

async fn drive(forge: &Inner, run: &Run) -> Result<(), Error> {
    let (clock, page) = (&forge.config.clock, forge.config.page.as_str());
    disk::create_dir(&run.home.join("logs")).await?;
    loop {
        let record = run.record().await;
        if record.status == Status::Completed {
            return Ok(());
        }
        let failed = record.jobs.iter().find_map(|job| job.conclusion.filter(|c| *c != Conclusion::Success));
        let end = match (record.cancelling, failed, record.next_stage()) {
            (true, ..) => (Conclusion::Cancelled, Conclusion::Cancelled),
            (_, Some(_), _) => (Conclusion::Failure, Conclusion::Skipped),
            (_, None, None) => (Conclusion::Success, Conclusion::Success),
            (_, None, Some(stage)) => {
                one_stage(forge, run, stage).await?;
                continue;
            }
        };
        // Checkouts and environments are large and can be made again; logs and artifact stay.
        for folder in ["work", "venv"] {
            disk::remove_dir(&run.home.join(folder)).await?;
        }
        run.update(|record| record.finish(end.0, end.1, clock(), page)).await?;
    }
}

async fn one_stage(forge: &Inner, run: &Run, stage: &'static str) -> Result<(), Error> {
    let (clock, page) = (&forge.config.clock, forge.config.page.as_str());
    run.update(|record| record.start(stage, clock(), page)).await?;
    let record = run.record().await;
    let mut shop = Workshop {
        forge,
        repository: &record.repository,
        dispatch: &record.dispatch,
        home: run.home.clone(),
        stage,
        log: run.log(record.attempt, stage),
        ends: Instant::now() + forge.config.budget.unwrap_or_else(|| stages::budget(stage)),
        steps: Vec::new(),
    };
    let token = run.token();
    let ended = tokio::select! {
        biased;
        () = token.cancelled() => None,
        ended = stages::run(&mut shop) => Some(ended),
    };
    // A cancelled stage is ended with the rest of the run.
    let Some(ended) = ended else { return Ok(()) };
    let conclusion = match ended {
        Ok(()) => Conclusion::Success,
        Err(Ended(conclusion)) => conclusion,
    };
    run.update(|record| {
        for job in record.jobs.iter_mut().filter(|job| job.name == stage) {
            job.steps = std::mem::take(&mut shop.steps);
        }
        record.complete(stage, conclusion, clock(), page);
    })
    .await
}

/// Sends what is saved and unsent, until there is nothing left and the run has ended.
pub(super) async fn tell(forge: Arc<Inner>, run: Arc<Run>) {
    loop {
        let saved = run.saved.notified();
        let record = run.record().await;
        let Some(next) = record.deliveries.iter().find(|delivery| !delivery.done) else {
            if record.status == Status::Completed {
                return;
            }
            saved.await;
            continue;
        };
        if deliver::send(&forge.egress, &forge.config.webhook, next).await == Sent::Later {
            return;
        }
        let mark = |record: &mut Record| {
            for delivery in record.deliveries.iter_mut().filter(|delivery| delivery.id == next.id) {
                delivery.done = true;
            }
        };
        if let Err(error) = run.update(mark).await {
            tracing::error!(run = record.id, %error, "webhooks wait for the next reconciliation");
            return;
        }
    }
}
