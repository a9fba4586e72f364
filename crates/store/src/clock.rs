//! The engine's clock: the database's time, mapped by the virtual clock, and monotonic between two looks at it.

use std::time::{Duration, Instant};

use engine::Timestamp;

use crate::{Connection, Result};

/// A look at the clock. `now` goes on from there by the process's monotonic clock, whatever its wall clock says.
#[derive(Debug, Clone, Copy)]
pub struct EngineClock {
    base: Timestamp,
    taken: Instant,
    factor: f64,
}

impl EngineClock {
    /// A clock that shows `base` at the moment `taken` and runs `factor` times as fast as real time; 0 stands still.
    #[must_use]
    pub fn new(base: Timestamp, taken: Instant, factor: f64) -> Self {
        Self { base, taken, factor }
    }

    /// The engine's now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// How many seconds of the engine's time pass in one real second.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// What the clock shows at a moment.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Timestamp {
        let elapsed = moment.saturating_duration_since(self.taken).as_secs_f64() * self.factor;
        let elapsed = chrono::Duration::try_milliseconds(0)
            .map_or_else(chrono::Duration::zero, |zero| zero + chrono::Duration::microseconds((elapsed * 1e6) as i64));
        self.base.checked_add_signed(elapsed).unwrap_or(Timestamp::MAX_UTC)
    }

    /// How long to wait, in real time, until the clock shows `due`; zero if it has, `None` if it never will.
    #[must_use]
    pub fn until(&self, due: Timestamp) -> Option<Duration> {
        let ahead = (due - self.now()).to_std().unwrap_or(Duration::ZERO);
        if ahead.is_zero() {
            return Some(Duration::ZERO);
        }
        Duration::try_from_secs_f64(ahead.as_secs_f64() / self.factor).ok()
    }
}

/// Looks at the clock.
///
/// # Errors
/// The database fails.
pub async fn read(connection: &mut Connection) -> Result<EngineClock> {
    let row = sqlx::query!(r#"select engine_now() as "now!", factor from clock"#).fetch_one(connection).await?;
    Ok(EngineClock::new(row.now, Instant::now(), row.factor))
}

/// Sets the engine's now and how fast it runs from here on. Workers see it with their next claim.
///
/// Timers keep their times: moving the clock forwards makes them due.
///
/// # Errors
/// The database fails, or `factor` is negative or not a number.
pub async fn set(connection: &mut Connection, now: Timestamp, factor: f64) -> Result<()> {
    sqlx::query!("update clock set real_origin = statement_timestamp(), engine_origin = $1, factor = $2", now, factor)
        .execute(connection)
        .await?;
    Ok(())
}
