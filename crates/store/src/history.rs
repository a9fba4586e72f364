//! Reading a run back: its definition's hash, its snapshot, its facts since, and what waits in its inbox.

use definitions::ContentHash;
use engine::{ChildOutcome, CloudEvent, Fact, OrgId, RunId, Snapshot, Step};
use serde::{Deserialize, Serialize};

use crate::{Connection, Parent, Result};

/// A run as it is stored; facts and phase are those of one moment.
#[derive(Debug)]
pub struct Loaded {
    /// Its organisation.
    pub org: OrgId,
    /// What it runs.
    pub definition: ContentHash,
    /// Where it came from, unless it was started from outside.
    pub parent: Option<Parent>,
    /// Why it was set aside, if it was: it must not be driven.
    pub quarantined: Option<String>,
    /// A cache of the fold, and how many facts it holds.
    pub snapshot: Option<(u64, Snapshot)>,
    /// The facts after the snapshot, or all of them.
    pub facts: Vec<Fact>,
    /// The bytes of `facts`, as stored.
    pub bytes: usize,
}

/// A row of an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId(pub i64);

/// What happened to a run from outside and is not yet a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its row: deleted with the commit of its fact, or discarded.
    pub id: InboxId,
    /// What happened.
    pub body: MessageBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum MessageBody {
    /// An event came that a `listen` waits for.
    Event {
        /// The `listen`.
        step: Step,
        /// Which of its filters.
        filter: usize,
        /// The event.
        event: CloudEvent,
    },
    /// A child ended.
    ChildEnded {
        /// The task that started it.
        step: Step,
        /// The child.
        child: RunId,
        /// How.
        outcome: ChildOutcome,
    },
    /// Somebody wants the run to end.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Somebody wants it to pause.
    Suspend,
    /// Somebody wants it to go on.
    Resume,
}

/// Reads a run.
///
/// `whole` leaves the snapshot out: after a change of its shape, or to check it.
///
/// # Errors
/// There is no such run; the database fails; a text cannot be read back.
pub async fn load(connection: &mut Connection, run: RunId, whole: bool) -> Result<Loaded> {
    let _ = (connection, run, whole);
    Err(crate::Error::Stopped)
}

/// Reads a run's inbox, oldest first. Read `wake` before it.
///
/// # Errors
/// The database fails; a text cannot be read back.
pub async fn inbox(connection: &mut Connection, run: RunId) -> Result<Vec<Message>> {
    let _ = (connection, run);
    Err(crate::Error::Stopped)
}
