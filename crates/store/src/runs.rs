//! Starting runs, and showing them to people.

use definitions::{ContentHash, Data, DefinitionId};
use engine::{Fact, Fault, OrgId, RunId, Timestamp};
use uuid::Uuid;

use crate::{
    Connection, Error, Parent, Result,
    history::{content_hash, parent},
    json,
    rows::{self, FactRows, RunRows},
};

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

/// Starts a run: its row, its first fact with the versions of the workflows that it may run itself, its activation. Hint at its queue after the commit.
///
/// Returns whether it is new: starting the same identifier again changes nothing.
///
/// # Errors
/// The definition is not registered; the database fails.
pub async fn start(connection: &mut Connection, run: &NewRun) -> Result<bool> {
    Ok(start_all(connection, std::slice::from_ref(run)).await? == 1)
}

/// Starts many runs in a few statements. Returns how many are new.
///
/// # Errors
/// A definition is not registered; the database fails.
pub async fn start_all(connection: &mut Connection, runs: &[NewRun]) -> Result<usize> {
    let (mut rows, mut facts) = (RunRows::default(), FactRows::default());
    for run in runs {
        rows.push(run);
    }
    let started = rows.insert(connection, &mut facts).await?;
    if let Some(missing) = runs.iter().find(|run| !started.contains(&run.id.0)) {
        refuse_unregistered(connection, missing).await?;
    }
    facts.insert(connection).await?;
    let mut woken = Vec::from_iter(started);
    woken.sort_unstable();
    rows::wake(connection, &woken).await?;
    Ok(woken.len())
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
    select(connection, org, None, filter, after, limit).await
}

/// Shows a run.
///
/// # Errors
/// There is no such run in this organisation; the database fails.
pub async fn show(connection: &mut Connection, org: OrgId, run: RunId) -> Result<RunView> {
    let mut rows = select(connection, org, Some(run), &Filter::default(), None, 1).await?;
    rows.pop().ok_or(Error::UnknownRun(run))
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
    let rows = sqlx::query!(
        r#"select seq, body::text as "body!" from facts where org_id = $1 and run_id = $2 and seq >= $3 order by seq limit $4"#,
        org.0,
        run.0,
        seq.cast_signed(),
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?;
    let fact =
        |seq: i64, body: &str| Ok((seq.unsigned_abs(), json::read(|| format!("fact {seq} of run {run}"), body)?));
    rows.iter().map(|row| fact(row.seq, &row.body)).collect()
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
    let rows = sqlx::query_file_as!(QueueMetrics, "queries/queue_metrics.sql").fetch_all(connection).await?;
    Ok(rows)
}

/// A run that was not started exists, or its definition is missing.
async fn refuse_unregistered(connection: &mut Connection, run: &NewRun) -> Result<()> {
    let exists =
        sqlx::query_scalar!("select 1 from runs where run_id = $1", run.id.0).fetch_optional(connection).await?;
    let definition = || run.definition.to_string();
    exists.map(|_| ()).ok_or_else(|| Error::UnknownDefinition { org: run.org, definition: definition() })
}

async fn select(
    connection: &mut Connection,
    org: OrgId,
    run: Option<RunId>,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<RunView>> {
    let (namespace, name) = filter.definition.as_ref().map(|(namespace, name)| (namespace, name)).unzip();
    let rows = sqlx::query_file_as!(
        RunRow,
        "queries/list_runs.sql",
        org.0,
        run.map(|run| run.0),
        filter.phase.as_ref(),
        namespace,
        name,
        filter.parent.map(|run| run.0),
        filter.since,
        filter.before,
        after.map(|cursor| cursor.created_at),
        after.map(|cursor| cursor.id.0),
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(RunRow::view).collect()
}

struct RunRow {
    run_id: Uuid,
    definition: Vec<u8>,
    namespace: String,
    name: String,
    version: String,
    phase: String,
    queue: String,
    started_by: String,
    parent_run: Option<Uuid>,
    parent_pointer: Option<String>,
    parent_visit: Option<i64>,
    awaited: bool,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
    output: Option<String>,
    fault: Option<String>,
    reason: Option<String>,
    due_at: Option<Timestamp>,
}

impl RunRow {
    fn view(self) -> Result<RunView> {
        let what = |part| move || format!("the {part} of run {}", self.run_id);
        Ok(RunView {
            id: RunId(self.run_id),
            definition: content_hash(&self.definition)?,
            definition_id: DefinitionId {
                namespace: self.namespace.into(),
                name: self.name.into(),
                version: self.version.into(),
            },
            phase: self.phase,
            queue: self.queue,
            started_by: self.started_by,
            parent: parent(self.parent_run, self.parent_pointer, self.parent_visit, self.awaited),
            created_at: self.created_at,
            ended_at: self.ended_at,
            output: self.output.map(|text| json::read(what("output"), &text)).transpose()?,
            fault: self.fault.map(|text| json::read(what("fault"), &text)).transpose()?,
            reason: self.reason,
            due_at: self.due_at,
        })
    }
}
