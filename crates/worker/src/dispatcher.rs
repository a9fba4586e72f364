//! Claims the runs of one queue for the bounded channel of its apalis worker.
//!
//! It registers for a hint before it looks and looks again when the next timer is due, at the latest after a pause that grows
//! while nothing is found, so that hints are never needed. It claims no more than the channel has room for, survives every error of the database, and
//! ends when the other end of the channel is gone or `stop` is cancelled; what it still holds is then given back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use engine::Timestamp;
use store::{Claimer, Hint, Hints, Store, history, lease};
use tokio::sync::{
    broadcast::{self, error::TryRecvError},
    mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Config,
    alarm::Alarm,
    clock::Clock,
    leases::{Activation, Leases, Read},
    metrics, sweep,
};

/// How far our idea of the database's clock may be ahead of it; a timer is looked for this much later.
const CLOCK_SKEW: Duration = Duration::from_millis(10);

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
        let (mut hints, alarm) = (self.hints.take(), Alarm::default());
        let (mut pause, wanted) = (self.config.poll_min, Hint::Queue(Arc::clone(&queue)));
        loop {
            let Some(mut places) = self.places(&channel).await else { return };
            forget(&mut hints);
            alarm.reset();
            let (room, claimed) = (places.len(), self.claim(&queue, &alarm, places.len()).await);
            let found = claimed.len();
            for (place, activation) in places.by_ref().zip(claimed) {
                place.send(activation);
            }
            drop(places);
            if found == room {
                continue;
            }
            let timer = self.timer(&queue).await;
            pause = if found > 0 { self.config.poll_min } else { (pause * 2).min(self.config.poll_max) };
            tokio::select! {
                () = sweep::hinted(&mut hints, |hint| *hint == wanted) => pause = self.config.poll_min,
                () = tokio::time::sleep(pause) => {}
                () = self.come(timer, &alarm) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// When the queue's nearest timer is due; a pause at the most is lost where that cannot be read.
    async fn timer(&self, queue: &str) -> Option<Timestamp> {
        let read = async { lease::next_due(&mut *self.store.relaxed().await?, queue).await };
        match tokio::time::timeout(self.config.lease, read).await {
            Ok(Ok(due)) => due,
            Ok(Err(error)) => {
                tracing::debug!(%error, queue, "the next timer could not be read");
                None
            }
            Err(_) => None,
        }
    }

    /// Waits for the nearest timer to be due, by the database's clock too: `timer`, or one that is parked meanwhile.
    async fn come(&self, timer: Option<Timestamp>, alarm: &Alarm) {
        let mut parked = alarm.watch();
        loop {
            let due = [timer, *parked.borrow_and_update()].into_iter().flatten().min();
            let come = async {
                match due {
                    Some(due) => self.clock.until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = come => break,
                _nearer = parked.changed() => {} // the alarm is ours: it does not go away
            }
        }
        tokio::time::sleep(CLOCK_SKEW).await;
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

    async fn claim(&self, queue: &Arc<str>, alarm: &Alarm, limit: usize) -> Vec<Activation> {
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
        let mut activations: Vec<_> = claims.iter().map(|claim| self.leases.hold(claim, queue, alarm, began)).collect();
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
        let waiting: Vec<_> = loaded.iter().filter(|(_, loaded)| loaded.waits).map(|(run, _)| *run).collect();
        let mut inboxes = history::inboxes(&mut connection, &waiting).await?;
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
