//! The leases that this process holds, buffered and running alike: kept, watched, given back.
//!
//! ```text
//!  dispatcher ── hold(claim) ─▶ Activation ─▶ its drive
//!                                 │  wake: renewals bring how often the run was woken
//!                                 │  lost: cancelled when the lease is another's, or could be
//!                                 └─ dropped ─▶ release, unless a commit has ended the lease
//! ```
//!
//! Renewing is done on a task and a connection of its own, so that neither a long call nor a slow commit lets a lease expire.
//! A hint that something happened in one of our queues makes the runs that wait be looked at sooner; without hints they see a
//! cancel or an event with the next renewal.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use engine::{OrgId, RunId};
use store::{
    Claim, Hint, Hints, Lease, LeaseToken, Store,
    history::{Loaded, Message},
    lease,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{alarm::Alarm, metrics, sweep};

/// The least time between two looks at the runs that wait, however many hints come.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// The leases that are held; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    held: Arc<Mutex<HashMap<LeaseToken, Held>>>,
    releases: mpsc::UnboundedSender<Lease>,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    wake: watch::Sender<i64>,
    waits: Arc<AtomicBool>,
    lost: CancellationToken,
    renewed: Instant,
}

/// A claimed run: who has this may write it, until it is lost. Dropping it gives the run back.
#[derive(Debug)]
pub(crate) struct Activation {
    pub(crate) lease: Lease,
    pub(crate) org: OrgId,
    pub(crate) queue: Arc<str>,
    /// Told when the run is parked with a timer.
    pub(crate) alarm: Alarm,
    /// How often the run had been woken when it was claimed.
    pub(crate) claimed_wake: i64,
    /// How often the run was claimed since it last got on, this time included.
    pub(crate) claims: u16,
    /// Cancelled when the lease is lost, or may be.
    pub(crate) lost: CancellationToken,
    /// The run as it was read together with those that were claimed with it; nobody else writes it since.
    pub(crate) read: Option<Read>,
    wake: watch::Receiver<i64>,
    waits: Arc<AtomicBool>,
    over: bool,
    leases: Leases,
}

/// A run and its inbox, read after its claim.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) loaded: Loaded,
    pub(crate) inbox: Vec<Message>,
}

impl Leases {
    /// No leases yet, and where those to be released come out.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Lease>) {
        let (releases, released) = mpsc::unbounded_channel();
        (Self { held: Arc::default(), releases }, released)
    }

    /// Keeps a claim that was made no earlier than `claimed`.
    pub(crate) fn hold(&self, claim: &Claim, queue: &Arc<str>, alarm: &Alarm, claimed: Instant) -> Activation {
        let (sender, wake) = watch::channel(claim.wake);
        let (waits, lost) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let held =
            Held { lease: claim.lease, wake: sender, waits: Arc::clone(&waits), lost: lost.clone(), renewed: claimed };
        let mut all = self.lock();
        all.insert(claim.lease.token, held);
        metrics::leases(all.len());
        drop(all);
        Activation {
            lease: claim.lease,
            org: claim.org,
            queue: Arc::clone(queue),
            alarm: alarm.clone(),
            claimed_wake: claim.wake,
            claims: claim.claims,
            lost,
            read: None,
            wake,
            waits,
            over: false,
            leases: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseToken, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leases(&self, only_waiting: bool) -> Vec<Lease> {
        let held = self.lock();
        held.values()
            .filter(|held| !only_waiting || held.waits.load(Ordering::Relaxed))
            .map(|held| held.lease)
            .collect()
    }

    fn renewed(&self, renewals: &[lease::Renewal], asked: Instant) {
        let mut all = self.lock();
        for renewal in renewals {
            let Some(held) = all.get_mut(&renewal.lease.token) else { continue };
            match renewal.wake {
                Some(wake) => {
                    held.renewed = asked;
                    held.wake.send_if_modified(|known| std::mem::replace(known, wake.max(*known)) < wake);
                }
                None => lose(held),
            }
        }
    }

    /// A lease that has not been renewed for its whole length may be another's by now.
    fn expire(&self, duration: Duration) {
        for held in self.lock().values().filter(|held| held.renewed.elapsed() >= duration) {
            lose(held);
        }
    }
}

fn lose(held: &Held) {
    if !held.lost.is_cancelled() {
        tracing::warn!(run.id = %held.lease.run, "the lease of a run was lost; what is under way for it is dropped");
        metrics::lease_lost();
        held.lost.cancel();
    }
}

impl Activation {
    /// The run.
    pub(crate) fn run(&self) -> RunId {
        self.lease.run
    }

    /// How often the run has been woken, as far as this process knows.
    pub(crate) fn wake(&self) -> i64 {
        *self.wake.borrow()
    }

    /// Waits until the run has been woken more often than `known`.
    pub(crate) async fn woken(&mut self, known: i64) {
        self.waits.store(true, Ordering::Relaxed);
        if self.wake.wait_for(|wake| *wake > known).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The drive waits no longer: hints need not bring its wake.
    pub(crate) fn busy(&self) {
        self.waits.store(false, Ordering::Relaxed);
    }

    /// A commit has ended the lease, or it is lost: there is nothing to give back.
    pub(crate) fn end(mut self) {
        self.over = true;
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        let mut all = self.leases.lock();
        all.remove(&self.lease.token);
        metrics::leases(all.len());
        drop(all);
        if !self.over {
            let _ = self.leases.releases.send(self.lease);
        }
    }
}

/// Renews every lease each third of `duration`, and those of waiting runs when a hint of one of `queues` comes.
pub(crate) async fn keep(store: Store, leases: Leases, hints: Hints, queues: Vec<String>, duration: Duration) {
    let mut hints = hints.take();
    let ours = |hint: &Hint| matches!(hint, Hint::Queue(queue) if queues.iter().any(|ours| **ours == **queue));
    let mut tick = tokio::time::interval(duration / 3);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let only_waiting = tokio::select! {
            _ = tick.tick() => false,
            () = sweep::hinted(&mut hints, ours) => true,
        };
        renew(&store, &leases, only_waiting, duration).await;
        leases.expire(duration);
        if only_waiting {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
}

async fn renew(store: &Store, leases: &Leases, only_waiting: bool, duration: Duration) {
    let held = leases.leases(only_waiting);
    if held.is_empty() {
        return;
    }
    let asked = Instant::now();
    let renewals = async { lease::renew(&mut *store.relaxed().await?, &held, duration).await };
    match tokio::time::timeout(duration / 3, renewals).await {
        Ok(Ok(renewals)) => leases.renewed(&renewals, asked),
        Ok(Err(error)) => tracing::warn!(%error, leases = held.len(), "leases could not be renewed; trying again"),
        Err(_) => tracing::warn!(leases = held.len(), "the database does not answer; leases could not be renewed"),
    }
}

/// Gives leases back as they come, until all senders are gone or `stop` is cancelled and nothing is left to give back.
pub(crate) async fn release(store: Store, mut released: mpsc::UnboundedReceiver<Lease>, stop: CancellationToken) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            count = released.recv_many(&mut batch, 1000) => if count == 0 { return },
            () = stop.cancelled() => return,
        }
        let given_back = async { lease::release(&mut *store.relaxed().await?, &batch).await };
        if let Err(error) = given_back.await {
            tracing::warn!(%error, leases = batch.len(), "leases could not be given back; they expire by themselves");
        }
        batch.clear();
    }
}
