//! The engine's clock as this process knows it: the last look of a claim, shared by everything that waits for a time.
//!
//! Looks differ by how long the database took to answer; only one that says more than that wakes those who wait.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::SubsecRound;
use engine::Timestamp;
use store::EngineClock;
use tokio::sync::watch;

/// A difference between two looks that is put down to the network, in real time.
const TOLERANCE: Duration = Duration::from_millis(250);

/// The shared clock; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<watch::Sender<EngineClock>>);

impl Clock {
    pub(crate) fn new(clock: EngineClock) -> Self {
        Self(Arc::new(watch::Sender::new(clock)))
    }

    /// The engine's now, cut to the microseconds that facts keep.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.borrow().now().trunc_subsecs(6)
    }

    /// Takes a newer look at the clock.
    pub(crate) fn set(&self, look: EngineClock) {
        self.0.send_if_modified(|clock| {
            let changed = differ(clock, &look);
            if changed {
                *clock = look;
            }
            changed
        });
    }

    /// Waits until the clock shows `due`, however it is moved meanwhile.
    pub(crate) async fn until(&self, due: Timestamp) {
        let mut clock = self.0.subscribe();
        loop {
            let left = clock.borrow_and_update().until(due).unwrap_or(Duration::MAX);
            if left.is_zero() {
                return;
            }
            let wait = left.clamp(Duration::from_millis(1), Duration::from_secs(3600));
            let _ = tokio::time::timeout(wait, clock.changed()).await;
        }
    }

    /// How long that would take, if the clock is not moved; `None` for ever.
    pub(crate) fn left(&self, due: Timestamp) -> Option<Duration> {
        self.0.borrow().until(due)
    }
}

/// Whether two looks disagree about now, or about how fast time passes.
fn differ(one: &EngineClock, other: &EngineClock) -> bool {
    let now = Instant::now();
    let later = now + Duration::from_secs(1000);
    let apart = |moment| (one.at(moment) - other.at(moment)).abs().as_seconds_f64();
    let speed = (one.at(later) - one.at(now)).as_seconds_f64() / 1000.0;
    let allowed = TOLERANCE.as_secs_f64() * speed;
    apart(now) > allowed || apart(later) > allowed
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn look(shift: TimeDelta, factor: f64) -> EngineClock {
        EngineClock::new(Timestamp::UNIX_EPOCH + shift, Instant::now(), factor)
    }

    #[test]
    fn a_look_that_differs_by_the_network_is_not_news() {
        assert!(!differ(&look(TimeDelta::zero(), 1.0), &look(TimeDelta::milliseconds(100), 1.0)));
        assert!(!differ(&look(TimeDelta::zero(), 1e6), &look(TimeDelta::hours(24), 1e6)), "86 ms of real time");
        assert!(differ(&look(TimeDelta::zero(), 1.0), &look(TimeDelta::milliseconds(600), 1.0)), "the clock was moved");
        assert!(differ(&look(TimeDelta::zero(), 1.0), &look(TimeDelta::zero(), 2.0)), "the clock runs faster");
        assert!(
            differ(&look(TimeDelta::zero(), 0.0), &look(TimeDelta::milliseconds(1), 0.0)),
            "a still clock was moved"
        );
    }

    #[tokio::test]
    async fn those_who_wait_see_the_clock_being_moved() {
        let clock = Clock::new(look(TimeDelta::zero(), 0.0));
        let due = Timestamp::UNIX_EPOCH + TimeDelta::days(30);
        assert_eq!(clock.left(due), None, "a clock that stands still never gets there");
        let waiting = clock.until(due);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        clock.set(look(TimeDelta::days(31), 0.0));
        waiting.await;
    }
}
