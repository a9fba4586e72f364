//! Hints that there is something to do. They are never needed: polling alone would find it.
//!
//! `NOTIFY` takes a lock over the whole database at its commit, so it is never sent in the transaction of a step: one task
//! sends what has gathered while it sent the last, from a connection that does not wait for the disk (DESIGN 5, 13). Within
//! the process a [`Hint`] comes without the database.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::RunId;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, broadcast};
use uuid::Uuid;

use crate::{
    Result, Store,
    ends::{End, Ends},
};

/// The channel that every process notifies and listens on.
const CHANNEL: &str = "stationmaster";

/// How long to wait before the database is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What there may be to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hint {
    /// A run of this queue may be claimed.
    Queue(Arc<str>),
    /// An event may be routed.
    Event,
    /// A row of the audit trail may be sealed.
    Audit,
}

/// Gives and takes hints; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hints {
    local: broadcast::Sender<Hint>,
    unsent: Arc<Unsent>,
    ends: Ends,
}

#[derive(Debug, Default)]
struct Unsent {
    hints: Mutex<BTreeSet<Hint>>,
    some: Notify,
}

impl Hints {
    /// Hints, and the task that sends them to other processes and passes theirs on, which the caller spawns and stops.
    pub fn new(store: Store) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let hints = Self { local: broadcast::channel(1024).0, unsent: Arc::default(), ends: Ends::default() };
        let (here, process) = (hints.clone(), Uuid::now_v7().simple().to_string());
        let task = async move {
            loop {
                let error = tokio::select! {
                    Err(error) = here.send(&store, &process) => error,
                    Err(error) = here.listen(&store, &process) => error,
                    else => return,
                };
                tracing::warn!(%error, "hints pause; workers find their work by polling");
                tokio::time::sleep(PAUSE).await;
            }
        };
        (hints, task)
    }

    /// Gives a hint, here and to other processes. Call it after the commit.
    pub fn give(&self, hint: Hint) {
        // Nobody here may be interested.
        let _ = self.local.send(hint.clone());
        self.unsent.hints.lock().unwrap_or_else(PoisonError::into_inner).insert(hint);
        self.unsent.some.notify_one();
    }

    /// Takes hints from now on. Take first, look for work next, wait last. A receiver that lags has missed some: look.
    #[must_use]
    pub fn take(&self) -> broadcast::Receiver<Hint> {
        self.local.subscribe()
    }

    /// Waits from now on for a run to be ended by a worker of this process. Ask first, start or signal the run next.
    #[must_use]
    pub fn end_of(&self, run: RunId) -> End {
        self.ends.of(run)
    }

    /// Tells who waits for it, in this process, that a run has ended. Call it after the commit.
    pub fn ended(&self, run: RunId) {
        self.ends.tell(run);
    }

    /// Sends what has gathered while the last was sent: one notification, however many hints.
    async fn send(&self, store: &Store, process: &str) -> Result<()> {
        loop {
            self.unsent.some.notified().await;
            let hints = std::mem::take(&mut *self.unsent.hints.lock().unwrap_or_else(PoisonError::into_inner));
            if hints.is_empty() {
                continue;
            }
            let payload = hints.iter().fold(process.to_owned(), |payload, hint| payload + "\n" + &hint.encode());
            sqlx::query_scalar!("select pg_notify($1, $2)::text", CHANNEL, payload)
                .fetch_one(&mut *store.relaxed().await?)
                .await?;
        }
    }

    /// Passes on what other processes send.
    async fn listen(&self, store: &Store, process: &str) -> Result<()> {
        let mut listener = PgListener::connect_with(store.relaxed_pool()).await?;
        listener.listen(CHANNEL).await?;
        loop {
            let notification = listener.recv().await?;
            let mut lines = notification.payload().lines();
            if lines.next() != Some(process) {
                for hint in lines.filter_map(Hint::decode) {
                    let _ = self.local.send(hint);
                }
            }
        }
    }
}

impl Hint {
    fn encode(&self) -> String {
        match self {
            Self::Queue(queue) => format!("queue {queue}"),
            Self::Event => "event".to_owned(),
            Self::Audit => "audit".to_owned(),
        }
    }

    fn decode(line: &str) -> Option<Self> {
        match line {
            "event" => Some(Self::Event),
            "audit" => Some(Self::Audit),
            _ => line.strip_prefix("queue ").map(|queue| Self::Queue(queue.into())),
        }
    }
}
