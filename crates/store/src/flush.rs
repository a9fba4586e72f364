//! What a driver hands over to be committed: one run's next facts, and all that belongs to them.

use std::sync::Arc;

use engine::{Effect, Fact, OrgId, Phase, RunId, Snapshot, Step, Timestamp};

use crate::{Error, Lease, audit, history::InboxId};

/// A run's next commit. At most one of a run is in flight; its facts count, and its effects and calls begin, when it is
/// [`Committed::Done`].
#[derive(Debug, Clone)]
pub struct Flush {
    /// The run, and the fence under which it is written.
    pub lease: Lease,
    /// Its organisation.
    pub org: OrgId,
    /// Its parent, as loaded: told when the run ends.
    pub parent: Option<Parent>,
    /// Commit only if the run has not been woken since: for facts that something in the inbox would have forestalled, such
    /// as a timer's.
    pub expect_wake: Option<i64>,
    /// The `seq` of the first of `facts`.
    pub seq: u64,
    /// What happened, in order.
    pub facts: Vec<Recorded>,
    /// The engine's now.
    pub at: Timestamp,
    /// Rows of the inbox that led to no fact, because nothing waits for them any more.
    pub discarded: Vec<InboxId>,
    /// Rows of the audit trail.
    pub audit: Vec<audit::Entry>,
    /// The fold after the last of `facts`.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Where the run stands after the last of `facts`.
    pub phase: Phase,
    /// What becomes of the activation.
    pub then: Then,
}

/// A fact, with what belongs to its commit.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The fact.
    pub fact: Fact,
    /// What applying it returned.
    pub effects: Vec<Effect>,
    /// The row of the inbox that it was made of.
    pub consumes: Option<InboxId>,
}

/// Where a child run came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The run that started it.
    pub run: RunId,
    /// The task that did.
    pub step: Step,
    /// Whether the parent waits for its end.
    pub awaited: bool,
}

/// What becomes of the activation. A run whose `phase` is an end is finished, whatever this says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The driver keeps the run.
    Stay,
    /// Nothing is to be done before `due`, or before the run is woken; unless it has been since `wake`.
    Park {
        /// The nearest timer.
        due: Option<Timestamp>,
        /// The wake up to which the driver has read the inbox.
        wake: i64,
    },
    /// There is more to do, by whoever claims it.
    Release,
    /// The history does not fit the definition: the run is set aside until an operator retries it.
    Quarantine {
        /// What does not fit.
        reason: String,
    },
}

/// How a commit ended.
#[derive(Debug)]
pub enum Committed {
    /// Everything is on disk.
    Done {
        /// How often the run has been woken.
        wake: i64,
        /// Whether the driver still holds it: it was to stay, or it was woken before it could park.
        held: bool,
    },
    /// Nothing was written: the run has been woken since [`Flush::expect_wake`].
    Woken {
        /// How often it has been woken.
        wake: i64,
    },
    /// Nothing was written: another worker holds the run, or nobody. Drop it.
    LeaseLost,
    /// Nothing was written: this flush would be refused again. The run is to be quarantined.
    Rejected(Error),
    /// The connection was lost at the commit: it may or may not be on disk. Load the run again.
    Unknown,
}
