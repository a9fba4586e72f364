//! Who may drive beside whom: everybody, except that a suspect drives alone.
//!
//! A run whose claims do not lead to progress may be what kills the process, or a mere neighbour of what does. So a suspect
//! waits until the others have ended, asks those that have not within a while to give their runs back, and then has the
//! process for itself: if that dies now, it is known whose fault it was, and nobody else is blamed (DESIGN 5, 12).

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, watch};

/// The turns of a worker's drives; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    lock: Arc<RwLock<()>>,
    /// How often those who drive were asked to make room.
    asked: Arc<watch::Sender<u64>>,
}

/// The right to drive.
#[derive(Debug)]
pub(crate) struct Turn {
    held: Option<Guard>,
    asked: watch::Receiver<u64>,
}

#[derive(Debug)]
enum Guard {
    Beside { _others: OwnedRwLockReadGuard<()> },
    Alone(OwnedRwLockWriteGuard<()>),
}

impl Turns {
    /// A turn beside others.
    pub(crate) async fn beside(&self) -> Turn {
        let guard = Arc::clone(&self.lock).read_owned().await;
        Turn { held: Some(Guard::Beside { _others: guard }), asked: self.watch() }
    }

    /// A turn alone; after `patience` those who still drive are asked to make room.
    pub(crate) async fn alone(&self, patience: Duration) -> Turn {
        let lock = Arc::clone(&self.lock).write_owned();
        tokio::pin!(lock);
        let guard = match tokio::time::timeout(patience, &mut lock).await {
            Ok(guard) => guard,
            Err(_) => {
                self.asked.send_modify(|asked| *asked += 1);
                lock.await
            }
        };
        Turn { held: Some(Guard::Alone(guard)), asked: self.watch() }
    }

    fn watch(&self) -> watch::Receiver<u64> {
        let mut asked = self.asked.subscribe();
        asked.mark_unchanged();
        asked
    }
}

impl Turn {
    /// Lets others drive beside this one from now on.
    pub(crate) fn share(&mut self) {
        self.held = self.held.take().map(|held| match held {
            Guard::Alone(guard) => Guard::Beside { _others: guard.downgrade() },
            beside @ Guard::Beside { .. } => beside,
        });
    }

    /// Whether nobody else drives.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.held, Some(Guard::Alone(_)))
    }

    /// Waits until this one is asked to make room.
    pub(crate) async fn asked(&mut self) {
        if self.asked.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, poll};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_suspect_waits_for_the_others_and_keeps_them_out() {
        let turns = Turns::default();
        let (one, mut two) = (turns.beside().await, turns.beside().await);
        let alone = turns.alone(Duration::from_secs(15));
        tokio::pin!(alone);
        assert!(poll!(&mut alone).is_pending());
        let late = turns.beside();
        tokio::pin!(late);
        assert!(poll!(&mut late).is_pending(), "whoever comes later waits behind the suspect");
        drop(one);
        tokio::select! {
            () = two.asked() => {} // after the suspect's patience, which passes at once in paused time
            _ = &mut alone => panic!("the second still drives"),
        }
        drop(two);
        let mut suspect = alone.await;
        assert!(suspect.is_alone() && poll!(&mut late).is_pending());
        suspect.share();
        assert!(late.now_or_never().is_some(), "the suspect got on, so the others go on beside it");
    }
}
