//! Commands to a run: rows of its inbox and a wake, never facts written by an outsider (DESIGN 5, 7).

use engine::{OrgId, RunId};

use crate::{Connection, Result};

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
    let _ = (connection, org, run, command);
    Err(crate::Error::Stopped)
}
