//! Starting runs, and showing them to people.

use std::collections::BTreeMap;

use definitions::{ContentHash, Data, DefinitionId};
use engine::{Fact, Fault, OrgId, RunId, Timestamp};

use crate::{Connection, Parent, Result};

/// How soon a run is claimed, compared with others of its queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Before everything else.
    Urgent = 0,
    /// Before what nobody waits for.
    High = 1,
    /// As it comes.
    #[default]
    Normal = 2,
    /// When there is nothing else to do.
    Low = 3,
}

/// A run to start.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its identifier: fresh, or derived from what it must not be started twice for.
    pub id: RunId,
    /// Its organisation.
    pub org: OrgId,
    /// What it runs.
    pub definition: ContentHash,
    /// The hashes of the workflows that it may run, by name, `latest` resolved.
    pub workflows: BTreeMap<String, String>,
    /// Its input.
    pub input: Data,
    /// Which workers run it.
    pub queue: String,
    /// How soon.
    pub priority: Priority,
    /// Who started it.
    pub started_by: String,
    /// The engine's now.
    pub at: Timestamp,
}

/// Starts a run: its row, its first fact, its activation. Hint at its queue after the commit.
///
/// Returns whether it is new: starting the same identifier again changes nothing.
///
/// # Errors
/// The definition is not registered; the database fails.
pub async fn start(connection: &mut Connection, run: &NewRun) -> Result<bool> {
    let _ = (connection, run);
    Err(crate::Error::Stopped)
}

/// Starts many runs in a few statements. Returns how many are new.
///
/// # Errors
/// A definition is not registered; the database fails.
pub async fn start_all(connection: &mut Connection, runs: &[NewRun]) -> Result<usize> {
    let _ = (connection, runs);
    Err(crate::Error::Stopped)
}

/// A run as people see it.
#[derive(Debug, Clone)]
pub struct RunView {
    /// Its identifier.
    pub id: RunId,
    /// What it runs.
    pub definition: ContentHash,
    /// What people call that.
    pub definition_id: DefinitionId,
    /// `running`, `suspended`, `completed`, `faulted`, `cancelled` or `quarantined`.
    pub phase: String,
    /// Which workers run it.
    pub queue: String,
    /// Who started it.
    pub started_by: String,
    /// Where it came from, unless it was started from outside.
    pub parent: Option<Parent>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its output, once it has completed.
    pub output: Option<Data>,
    /// Its error, if it faulted.
    pub fault: Option<Fault>,
    /// Why it was cancelled or quarantined.
    pub reason: Option<String>,
    /// When it is next due, if it has a timer or something to do.
    pub due_at: Option<Timestamp>,
}

/// Which runs to list; an absent field does not filter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those in this phase.
    pub phase: Option<String>,
    /// Those of this namespace and name.
    pub definition: Option<(String, String)>,
    /// The children of this run.
    pub parent: Option<RunId>,
    /// Those created at or after this.
    pub since: Option<Timestamp>,
    /// Those created before this.
    pub before: Option<Timestamp>,
}

/// A place in the list of runs: just after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the run was created.
    pub created_at: Timestamp,
    /// Its identifier.
    pub id: RunId,
}

/// Lists runs of an organisation, the newest first.
///
/// # Errors
/// The database fails.
pub async fn list(
    connection: &mut Connection,
    org: OrgId,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<RunView>> {
    let _ = (connection, org, filter, after, limit);
    Err(crate::Error::Stopped)
}

/// Shows a run.
///
/// # Errors
/// There is no such run in this organisation; the database fails.
pub async fn show(connection: &mut Connection, org: OrgId, run: RunId) -> Result<RunView> {
    let _ = (connection, org, run);
    Err(crate::Error::Stopped)
}

/// A page of a run's history, from `seq` on.
///
/// # Errors
/// The database fails; a text cannot be read back.
pub async fn facts(
    connection: &mut Connection,
    org: OrgId,
    run: RunId,
    seq: u64,
    limit: u32,
) -> Result<Vec<(u64, Fact)>> {
    let _ = (connection, org, run, seq, limit);
    Err(crate::Error::Stopped)
}

/// How much a queue has to do (REQUIREMENTS R31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMetrics {
    /// The queue.
    pub queue: String,
    /// Runs that could be claimed now.
    pub runnable: i64,
    /// Runs that a worker holds.
    pub held: i64,
    /// Runs whose nearest timer lies ahead.
    pub scheduled: i64,
    /// How long the oldest runnable one has been due, in milliseconds of engine time.
    pub lag_ms: i64,
}

/// How much every queue has to do.
///
/// # Errors
/// The database fails.
pub async fn queues(connection: &mut Connection) -> Result<Vec<QueueMetrics>> {
    let _ = connection;
    Err(crate::Error::Stopped)
}
