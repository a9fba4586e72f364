//! Activations: waking runs, and what becomes of those that a commit held.

use engine::{RunId, Timestamp};
use uuid::Uuid;

use crate::{Connection, Result};

/// A run that was woken.
#[derive(Debug)]
pub(crate) struct Woken {
    pub(crate) run: RunId,
    /// How often it has been.
    pub(crate) wake: i64,
    pub(crate) queue: String,
}

/// Wakes runs, new ones included. Nothing else may be locked after this but what belongs to them.
pub(crate) async fn wake(connection: &mut Connection, runs: &[Uuid]) -> Result<Vec<Woken>> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_file!("queries/wake.sql", runs).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| Woken { run: RunId(row.run_id), wake: row.wake, queue: row.queue }).collect())
}

/// What becomes of activations after a commit.
#[derive(Debug, Default)]
pub(crate) struct Settlements {
    run: Vec<Uuid>,
    kept: Vec<bool>,
    due_at: Vec<Option<Timestamp>>,
    /// Runs that have nothing to do before something wakes them.
    asleep: Vec<Uuid>,
}

impl Settlements {
    /// The driver keeps the run.
    pub(crate) fn keep(&mut self, run: RunId) {
        self.push(run, true, None);
    }

    /// Anybody may claim the run when it is due; at once if that is not given.
    pub(crate) fn give_up(&mut self, run: RunId, due: Option<Timestamp>) {
        self.push(run, false, due);
    }

    /// Nobody claims the run before it is woken.
    pub(crate) fn put_to_sleep(&mut self, run: RunId) {
        self.asleep.push(run.0);
    }

    fn push(&mut self, run: RunId, kept: bool, due_at: Option<Timestamp>) {
        self.run.push(run.0);
        self.kept.push(kept);
        self.due_at.push(due_at);
    }

    pub(crate) async fn apply(&self, connection: &mut Connection) -> Result<()> {
        if !self.run.is_empty() {
            sqlx::query_file!("queries/settle.sql", &self.run, &self.kept, &self.due_at as &[Option<Timestamp>])
                .execute(&mut *connection)
                .await?;
        }
        if !self.asleep.is_empty() {
            sqlx::query!("delete from activations where run_id = any($1)", &self.asleep).execute(connection).await?;
        }
        Ok(())
    }
}
