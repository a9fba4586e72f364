//! Claims the runs of one queue for the bounded channel of its apalis worker.
//!
//! It registers for a hint before it looks and looks again at the latest after a pause that grows while nothing is found, so
//! that hints are never needed. It claims no more than the channel has room for, survives every error of the database, and
//! ends when the other end of the channel is gone or `stop` is cancelled; what it still holds is then given back.

use std::{sync::Arc, time::Instant};

use store::{Claimer, Hint, Hints, Store, history, lease};
use tokio::sync::{
    broadcast::{self, error::TryRecvError},
    mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Config,
    clock::Clock,
    leases::{Activation, Leases, Read},
    metrics, sweep,
};

/// What all dispatchers of a worker share; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) store: Store,
    pub(crate) hints: Hints,
    pub(crate) claimer: Arc<Claimer>,
    pub(crate) leases: Leases,
    pub(crate) clock: Clock,
    pub(crate) config: Arc<Config>,
    /// Cancelled when nothing more is to be claimed.
    pub(crate) stop: CancellationToken,
}

impl Dispatch {
    /// Claims the runs of `queue` until there is nobody to give them to.
    pub(crate) async fn run(self, queue: Arc<str>, channel: mpsc::Sender<Activation>) {
        let mut hints = self.hints.take();
        let (mut pause, wanted) = (self.config.poll_min, Hint::Queue(Arc::clone(&queue)));
        loop {
            let Some(mut places) = self.places(&channel).await else { return };
            forget(&mut hints);
            let (room, claimed) = (places.len(), self.claim(&queue, places.len()).await);
            let found = claimed.len();
            for (place, activation) in places.by_ref().zip(claimed) {
                place.send(activation);
            }
            drop(places);
            if found == room {
                continue;
            }
            pause = if found > 0 { self.config.poll_min } else { (pause * 2).min(self.config.poll_max) };
            tokio::select! {
                () = sweep::hinted(&mut hints, |hint| *hint == wanted) => pause = self.config.poll_min,
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Waits for room; all of it that there is.
    async fn places<'a>(&self, room: &'a mpsc::Sender<Activation>) -> Option<mpsc::PermitIterator<'a, Activation>> {
        let first = tokio::select! {
            first = room.reserve() => first.ok()?,
            () = self.stop.cancelled() => return None,
        };
        drop(first);
        room.try_reserve_many(room.capacity().max(1)).ok()
    }

    async fn claim(&self, queue: &Arc<str>, limit: usize) -> Vec<Activation> {
        let (began, lease) = (Instant::now(), self.config.lease);
        let claim = async {
            let mut connection = self.store.relaxed().await?;
            lease::claim(&mut connection, &self.claimer, queue, limit, lease).await
        };
        let claims = match tokio::time::timeout(lease, claim).await {
            Ok(Ok((claims, look))) => {
                self.clock.set(look);
                claims
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, queue = &**queue, "nothing could be claimed; trying again");
                return Vec::new();
            }
            Err(_) => {
                tracing::warn!(queue = &**queue, "the database does not answer; nothing could be claimed");
                return Vec::new();
            }
        };
        let mut activations: Vec<_> = claims.iter().map(|claim| self.leases.hold(claim, queue, began)).collect();
        metrics::claimed(queue, claims.len(), began);
        if let Err(error) = self.read(&mut activations).await {
            tracing::debug!(%error, "claimed runs could not be read together; each is read by itself");
        }
        activations
    }

    /// Reads the runs together: what PostgreSQL spends is spent per statement far more than per run.
    async fn read(&self, activations: &mut [Activation]) -> store::Result<()> {
        if activations.is_empty() {
            return Ok(());
        }
        let runs: Vec<_> = activations.iter().map(Activation::run).collect();
        let mut connection = self.store.engine().await?;
        let mut loaded = history::load_all(&mut connection, &runs, false).await?;
        let mut inboxes = history::inboxes(&mut connection, &runs).await?;
        for activation in activations {
            let inbox = inboxes.remove(&activation.run()).unwrap_or_default();
            activation.read = loaded.remove(&activation.run()).map(|loaded| Read { loaded, inbox });
        }
        Ok(())
    }
}

/// Forgets the hints that came before the look that is about to be made.
fn forget(hints: &mut broadcast::Receiver<Hint>) {
    while !matches!(hints.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
}
