//! Drives one run: stage after stage, each change saved before it is told.
//!
//! Two tasks for a run: one works, the other sends the saved webhooks in order. Each is done under
//! a lock, by whichever process of this forge has it, and can be dropped at any point and begun
//! again from the file. Whoever gives a lock up looks once more whether it is needed: a change that
//! found the lock held is seen then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deliver::{self, Sent};
use super::lock::Lock;
use super::record::{Conclusion, Record, Status};
use super::run::Run;
use super::workshop::{Ended, Workshop};
use super::{Inner, disk, stages};
use crate::forge::Error;

/// How soon a stage sees that its run was cancelled, perhaps by another process.
const LOOK: Duration = Duration::from_millis(500);

/// Works until the run has ended, unless somebody else does.
pub(super) async fn work(forge: Arc<Inner>, run: Run) -> Result<(), Error> {
    while run.record().await?.status != Status::Completed {
        let Some(lock) = Lock::attempt(&run.path("work.lock"))? else { return Ok(()) };
        drive(&forge, &run, &lock).await?;
        lock.release();
    }
    Ok(())
}

async fn drive(forge: &Arc<Inner>, run: &Run, lock: &Lock) -> Result<(), Error> {
    let clock = &forge.config.clock;
    disk::create_dir(&run.path("logs")).await?;
    loop {
        let record = run.record().await?;
        if record.status == Status::Completed {
            return Ok(());
        }
        let failed = record.jobs.iter().find_map(|job| job.conclusion.filter(|c| *c != Conclusion::Success));
        let end = match (record.cancelling, failed, record.next_stage()) {
            (true, ..) => (Conclusion::Cancelled, Conclusion::Cancelled),
            (_, Some(_), _) => (Conclusion::Failure, Conclusion::Skipped),
            (_, None, None) => (Conclusion::Success, Conclusion::Success),
            (_, None, Some(stage)) => {
                one_stage(forge, run, stage, lock).await?;
                continue;
            }
        };
        // Checkouts and environments are large and can be made again; logs and artifact stay.
        for folder in ["work", "venv"] {
            disk::remove_dir(&run.path(folder)).await?;
        }
        advance(forge, run, |record| record.finish(end.0, end.1, clock())).await?;
    }
}

async fn one_stage(forge: &Arc<Inner>, run: &Run, stage: &'static str, lock: &Lock) -> Result<(), Error> {
    let clock = &forge.config.clock;
    advance(forge, run, |record| record.start(stage, clock())).await?;
    let record = run.record().await?;
    let mut shop = Workshop {
        forge,
        repository: &record.repository,
        dispatch: &record.dispatch,
        home: run.home().to_owned(),
        lock,
        stage,
        log: run.log(record.attempt, stage),
        ends: Instant::now() + forge.config.budget.unwrap_or_else(|| stages::budget(stage)),
        steps: Vec::new(),
    };
    let ended = tokio::select! {
        biased;
        () = cancelled(run) => None,
        ended = stages::run(&mut shop) => Some(ended),
    };
    // A cancelled stage is ended with the rest of the run.
    let Some(ended) = ended else { return Ok(()) };
    let conclusion = match ended {
        Ok(()) => Conclusion::Success,
        Err(Ended(conclusion)) => conclusion,
    };
    let steps = std::mem::take(&mut shop.steps);
    advance(forge, run, |record| {
        for job in record.jobs.iter_mut().filter(|job| job.name == stage) {
            job.steps.clone_from(&steps);
        }
        record.complete(stage, conclusion, clock());
    })
    .await
}

/// Saves a change and has it told.
async fn advance(forge: &Arc<Inner>, run: &Run, change: impl FnOnce(&mut Record)) -> Result<(), Error> {
    run.update(change).await?;
    forge.tell(run);
    Ok(())
}

/// Resolves when somebody has asked for the end of the run.
async fn cancelled(run: &Run) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        if run.record().await.is_ok_and(|record| record.cancelling) {
            return;
        }
    }
}

/// Sends what is saved and unsent, unless somebody else does.
pub(super) async fn tell(forge: Arc<Inner>, run: Run) -> Result<(), Error> {
    while run.record().await?.unsent().is_some() {
        let Some(lock) = Lock::attempt(&run.path("tell.lock"))? else { return Ok(()) };
        while let Some(next) = run.record().await?.unsent() {
            if deliver::send(&forge.egress, &forge.config.webhook, next).await == Sent::Later {
                return Ok(());
            }
            let id = next.id;
            run.update(|record| record.sent(id)).await?;
        }
        lock.release();
    }
    run.settle().await
}
