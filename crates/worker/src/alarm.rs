//! The nearest timer that a queue's runs were parked with since its dispatcher last looked.
//!
//! A dispatcher reads the next timer from the database when it looks for work; what its own drives park after that, it is
//! told here, so that it wakes for it. What other processes park is found by polling.

use std::sync::Arc;

use engine::Timestamp;
use tokio::sync::watch;

/// A queue's alarm; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarm(Arc<watch::Sender<Option<Timestamp>>>);

impl Alarm {
    /// A run was parked until `due`.
    pub(crate) fn set(&self, due: Timestamp) {
        self.0.send_if_modified(|nearest| {
            let nearer = nearest.is_none_or(|nearest| due < nearest);
            if nearer {
                *nearest = Some(due);
            }
            nearer
        });
    }

    /// Forgets what the look that is about to be made will find.
    pub(crate) fn reset(&self) {
        self.0.send_if_modified(|nearest| {
            *nearest = None;
            false
        });
    }

    /// The nearest timer as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Timestamp>> {
        self.0.subscribe()
    }
}
