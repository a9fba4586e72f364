//! The ends of runs, as far as this process's own workers bring them about: for whoever has started a run and waits for it.
//!
//! Like a hint, such a word is never needed and may never come (another process may have driven the run): who waits looks
//! at the run as well, now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::RunId;
use tokio::sync::Notify;

/// Who waits for which run; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<HashMap<RunId, Arc<Notify>>>>);

/// A wait for the end of one run; one at a time for each run.
#[derive(Debug)]
pub struct End {
    ends: Ends,
    run: RunId,
    ended: Arc<Notify>,
}

impl Ends {
    /// Waits from now on.
    pub(crate) fn of(&self, run: RunId) -> End {
        let ended = Arc::clone(self.lock().entry(run).or_default());
        End { ends: self.clone(), run, ended }
    }

    /// A run has ended: its last commit is on disk.
    pub(crate) fn tell(&self, run: RunId) {
        if let Some(ended) = self.lock().remove(&run) {
            ended.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    /// Resolves when the run has ended, also if it did before this was called.
    pub async fn heard(&self) {
        self.ended.notified().await;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.ends.lock().remove(&self.run);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_end_is_heard_by_who_waited_first_and_by_nobody_else() {
        let (ends, run, other) = (Ends::default(), RunId(Uuid::from_u128(1)), RunId(Uuid::from_u128(2)));
        let end = ends.of(run);
        ends.tell(other);
        assert!(end.heard().now_or_never().is_none());
        ends.tell(run);
        assert!(end.heard().now_or_never().is_some(), "it ended before anybody listened");
        drop(ends.of(other));
        assert!(ends.lock().is_empty(), "who no longer waits leaves nothing behind");
    }
}
