//! What all drives share, and how an activation becomes a drive.

use std::{sync::Arc, time::Duration};

use engine::{Secrets, SharedEvaluator};
use store::{Committer, Hints, Library, Store};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Functions,
    clock::Clock,
    drive::{Drive, End, Stop},
    leases::Activation,
    metrics,
    router::{self, Router},
    turns::{Turn, Turns},
};

/// The longest pause between two attempts to read from a database that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Drives runs.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) store: Store,
    pub(crate) hints: Hints,
    pub(crate) committer: Committer,
    pub(crate) library: Library,
    pub(crate) router: Router,
    pub(crate) functions: Arc<Functions>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) evaluator: SharedEvaluator,
    pub(crate) clock: Clock,
    pub(crate) config: Arc<Config>,
    pub(crate) turns: Turns,
    /// Cancelled when drives are to give their runs back.
    pub(crate) stop: CancellationToken,
}

impl Driver {
    /// Drives a run as far as it goes. When this returns, the run is parked, ended, set aside or given back.
    pub(crate) async fn drive(&self, activation: Activation) {
        let (driving, lost) = (metrics::Driving::begin(), activation.lost.clone());
        let end = tokio::select! {
            end = self.drive_held(activation) => end,
            () = lost.cancelled() => End::Lost,
        };
        driving.end(end.name());
    }

    async fn drive_held(&self, activation: Activation) -> End {
        let Some(turn) = self.turn(activation.claims).await else { return End::GivenBack };
        if activation.claims > self.config.quarantine_after {
            let reason = format!("it was claimed {} times without getting on, lastly alone", activation.claims - 1);
            return Drive::set_aside(self, activation, reason).await;
        }
        Box::pin(Drive::begin(self, activation, turn)).await
    }

    async fn turn(&self, claims: u16) -> Option<Turn> {
        let turn = async {
            if claims > self.config.suspect_after && claims <= self.config.quarantine_after {
                tracing::warn!(claims, "a run is claimed again and again without getting on; it is driven alone");
                self.turns.alone(self.config.solitude).await
            } else {
                self.turns.beside().await
            }
        };
        tokio::select! {
            turn = turn => Some(turn),
            () = self.stop.cancelled() => None,
        }
    }

    /// Reads from the database until it answers. What is stored and cannot be read sets the run aside; a failing database
    /// is no run's fault.
    ///
    /// # Errors
    /// The run is to be set aside, or given back because the worker stops.
    pub(crate) async fn read<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, Unread>>,
    {
        let mut pause = Duration::from_millis(50);
        loop {
            let error = match attempt().await {
                Ok(read) => return Ok(read),
                Err(Unread::Broken(reason)) => return Err(Stop::SetAside(reason)),
                Err(Unread::Failed(error)) => error,
            };
            tracing::warn!(%error, "a run could not be read; trying again");
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = self.stop.cancelled() => return Err(Stop::GiveBack),
            }
        }
    }
}

/// Why something could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is there and makes no sense.
    Broken(String),
    /// The database failed, or something else that passes.
    Failed(String),
}

impl From<store::Error> for Unread {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Corrupt { .. }
            | store::Error::UnknownDefinition { .. }
            | store::Error::UnreadableDefinition { .. } => Self::Broken(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<router::Error> for Unread {
    fn from(error: router::Error) -> Self {
        match error {
            router::Error::Store(error) => error.into(),
            error @ router::Error::Evaluation(_) => Self::Failed(error.to_string()),
        }
    }
}
