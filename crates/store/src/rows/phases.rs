//! Where runs stand, for people and for their parents.

use engine::{Phase, RunId, Timestamp};
use uuid::Uuid;

use crate::{Connection, Result, json};

/// The columns that say how a run ended.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) output: Option<String>,
    pub(crate) fault: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Ending {
    /// Those of a phase; all empty where it is no end.
    pub(crate) fn of(phase: &Phase) -> Result<Self> {
        let mut ending = Self::default();
        match phase {
            Phase::Completed { output } => ending.output = Some(json::write("an output", output)?),
            Phase::Faulted { fault } => ending.fault = Some(json::write("a fault", fault)?),
            Phase::Cancelled { reason } => ending.reason = Some(reason.clone()),
            Phase::Pending | Phase::Running | Phase::Suspended => {}
        }
        Ok(ending)
    }
}

/// Runs whose phase changes.
#[derive(Debug, Default)]
pub(crate) struct PhaseRows {
    run: Vec<Uuid>,
    phase: Vec<&'static str>,
    ended_at: Vec<Option<Timestamp>>,
    output: Vec<Option<String>>,
    fault: Vec<Option<String>>,
    reason: Vec<Option<String>>,
    at: Vec<Timestamp>,
    ended: Vec<Uuid>,
}

impl PhaseRows {
    pub(crate) fn push(&mut self, run: RunId, phase: &Phase, at: Timestamp) -> Result<()> {
        let ending = Ending::of(phase)?;
        let name = if matches!(phase, Phase::Pending) { Phase::Running.name() } else { phase.name() };
        let ended = phase.is_terminal();
        if ended {
            self.ended.push(run.0);
        }
        self.columns(run, name, (at, ended.then_some(at)), ending);
        Ok(())
    }

    /// The run is set aside until an operator retries it.
    pub(crate) fn quarantine(&mut self, run: RunId, reason: &str, at: Timestamp) {
        let ending = Ending { reason: Some(reason.to_owned()), ..Ending::default() };
        self.columns(run, "quarantined", (at, None), ending);
    }

    fn columns(
        &mut self,
        run: RunId,
        phase: &'static str,
        (at, ended_at): (Timestamp, Option<Timestamp>),
        ending: Ending,
    ) {
        let Ending { output, fault, reason } = ending;
        self.run.push(run.0);
        self.phase.push(phase);
        self.ended_at.push(ended_at);
        self.output.push(output);
        self.fault.push(fault);
        self.reason.push(reason);
        self.at.push(at);
    }

    /// Sets the phases, and forgets what ended runs no longer need, their activations included.
    pub(crate) async fn apply(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/set_phases.sql",
            &self.run,
            &self.phase as &[&str],
            &self.ended_at as &[Option<Timestamp>],
            &self.output as &[Option<String>],
            &self.fault as &[Option<String>],
            &self.reason as &[Option<String>],
            &self.at
        )
        .execute(&mut *connection)
        .await?;
        if !self.ended.is_empty() {
            sqlx::query_file!("queries/forget.sql", &self.ended).execute(connection).await?;
        }
        Ok(())
    }
}
