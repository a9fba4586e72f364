//! Commands to a run: rows of its inbox and a wake, never facts written by an outsider (DESIGN 5, 7).

use engine::{OrgId, RunId};

use crate::{
    Connection, Error, Result,
    history::MessageBody,
    rows::{self, MessageRows},
};

/// What somebody wants of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To end, with all that it has started.
    Cancel {
        /// Why.
        reason: String,
    },
    /// To pause.
    Suspend,
    /// To go on after a pause.
    Resume,
    /// To be tried again after it was quarantined.
    Retry,
}

/// Sends a command. Its run takes it between two commits, even while a call is under way. Hint at its queue afterwards.
///
/// Returns the run's queue.
///
/// # Errors
/// There is no such run; it has ended, or does not stand where the command makes sense; the database fails.
pub async fn send(connection: &mut Connection, org: OrgId, run: RunId, command: &Command) -> Result<String> {
    let phase = sqlx::query_scalar!("select phase from runs where org_id = $1 and run_id = $2", org.0, run.0)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(Error::UnknownRun(run))?;
    if !command.fits(&phase) {
        return Err(Error::CommandRefused { run, phase, command: command.participle() });
    }
    let queue = rows::wake(connection, &[run.0]).await?.pop().map(|woken| woken.queue).ok_or(Error::UnknownRun(run))?;
    match command.message() {
        Some(message) => {
            let mut messages = MessageRows::default();
            messages.push(run, &message)?;
            messages.insert(connection).await?;
        }
        None => {
            sqlx::query!(
                "update runs set phase = 'running', reason = null where run_id = $1 and phase = 'quarantined'",
                run.0
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(queue)
}

impl Command {
    fn fits(&self, phase: &str) -> bool {
        match self {
            Self::Cancel { .. } => matches!(phase, "running" | "suspended" | "quarantined"),
            Self::Suspend => phase == "running",
            Self::Resume => phase == "suspended",
            Self::Retry => phase == "quarantined",
        }
    }

    fn participle(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancelled",
            Self::Suspend => "suspended",
            Self::Resume => "resumed",
            Self::Retry => "retried",
        }
    }

    fn message(&self) -> Option<MessageBody> {
        match self {
            Self::Cancel { reason } => Some(MessageBody::Cancel { reason: reason.clone() }),
            Self::Suspend => Some(MessageBody::Suspend),
            Self::Resume => Some(MessageBody::Resume),
            Self::Retry => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_phase_and_command_makes_sense_or_is_refused() {
        let cancel = || Command::Cancel { reason: "enough".to_owned() };
        let table = [
            ("running", vec![cancel(), Command::Suspend]),
            ("suspended", vec![cancel(), Command::Resume]),
            ("quarantined", vec![cancel(), Command::Retry]),
            ("completed", vec![]),
            ("faulted", vec![]),
            ("cancelled", vec![]),
        ];
        for (phase, fitting) in table {
            for command in [cancel(), Command::Suspend, Command::Resume, Command::Retry] {
                assert_eq!(command.fits(phase), fitting.contains(&command), "{phase} + {command:?}");
            }
        }
    }
}
