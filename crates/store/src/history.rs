//! Reading a run back: its definition's hash, its snapshot, its facts since, and what waits in its inbox.

use std::collections::HashMap;

use definitions::ContentHash;
use engine::{ChildOutcome, CloudEvent, Fact, OrgId, RunId, Snapshot, Step};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Connection, Error, Parent, Result, json};

/// A run as it is stored; facts and phase are those of one moment.
#[derive(Debug)]
pub struct Loaded {
    /// Its organisation.
    pub org: OrgId,
    /// What it runs.
    pub definition: ContentHash,
    /// Where it came from, unless it was started from outside.
    pub parent: Option<Parent>,
    /// Why it was set aside, if it was: it must not be driven. A [`MessageBody::Cancel`] still ends it, by a flush that
    /// appends the fact and says the phase without folding.
    pub quarantined: Option<String>,
    /// A cache of the fold, and how many facts it holds.
    pub snapshot: Option<(u64, Snapshot)>,
    /// The facts after the snapshot, or all of them.
    pub facts: Vec<Fact>,
    /// The bytes of `facts`, as stored.
    pub bytes: usize,
    /// Whether there was anything in its inbox.
    pub waits: bool,
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

impl MessageBody {
    /// The kind of message, as it is stored.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
            Self::ChildEnded { .. } => "child",
            Self::Cancel { .. } | Self::Suspend | Self::Resume => "command",
        }
    }
}

/// Where an event goes; the rest of its row is the event itself.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    step: Step,
    filter: usize,
}

/// Reads a run.
///
/// `whole` leaves the snapshot out: after a change of its shape, or to check it.
///
/// # Errors
/// There is no such run; the database fails; a text cannot be read back.
pub async fn load(connection: &mut Connection, run: RunId, whole: bool) -> Result<Loaded> {
    load_all(connection, &[run], whole).await?.remove(&run).ok_or(Error::UnknownRun(run))
}

/// Reads many runs in one statement; one that does not exist is left out.
///
/// # Errors
/// The database fails; a text cannot be read back.
pub async fn load_all(connection: &mut Connection, runs: &[RunId], whole: bool) -> Result<HashMap<RunId, Loaded>> {
    let ids: Vec<_> = runs.iter().map(|run| run.0).collect();
    let rows = sqlx::query_file!("queries/load_runs.sql", &ids, whole).fetch_all(&mut *connection).await?;
    let mut loaded = HashMap::with_capacity(rows.len());
    let mut unreadable = Vec::new();
    for row in rows {
        let run = RunId(row.run_id);
        let snapshot = match (row.seq, row.state) {
            (Some(seq), Some(state)) => match serde_json::from_str(&state) {
                Ok(snapshot) => Some((seq.unsigned_abs(), snapshot)),
                Err(_) => {
                    // A snapshot is a cache: one of a shape that this binary does not know is as good as none.
                    unreadable.push(run);
                    continue;
                }
            },
            _ => None,
        };
        let fact = |(index, body): (usize, &String)| json::read(|| format!("fact {index} of run {run}"), body);
        loaded.insert(
            run,
            Loaded {
                org: OrgId(row.org_id),
                definition: content_hash(&row.definition)?,
                parent: parent(row.parent_run, row.parent_pointer, row.parent_visit, row.awaited),
                quarantined: row.quarantined,
                snapshot,
                facts: row.facts.iter().enumerate().map(fact).collect::<Result<_>>()?,
                bytes: row.facts.iter().map(String::len).sum(),
                waits: row.waits,
            },
        );
    }
    if !unreadable.is_empty() {
        loaded.extend(Box::pin(load_all(connection, &unreadable, true)).await?);
    }
    Ok(loaded)
}

/// Reads a run's inbox, oldest first. Read `wake` before it.
///
/// # Errors
/// The database fails; a text cannot be read back.
pub async fn inbox(connection: &mut Connection, run: RunId) -> Result<Vec<Message>> {
    Ok(inboxes(connection, &[run]).await?.remove(&run).unwrap_or_default())
}

/// Reads many runs' inboxes in one statement; an empty one is left out.
///
/// # Errors
/// The database fails; a text cannot be read back.
pub async fn inboxes(connection: &mut Connection, runs: &[RunId]) -> Result<HashMap<RunId, Vec<Message>>> {
    let ids: Vec<_> = runs.iter().map(|run| run.0).collect();
    let mut inboxes: HashMap<_, Vec<_>> = HashMap::new();
    if ids.is_empty() {
        return Ok(inboxes);
    }
    for row in sqlx::query_file!("queries/load_inbox.sql", &ids).fetch_all(connection).await? {
        let what = || format!("row {} of an inbox", row.inbox_id);
        let body = match &row.envelope {
            Some(envelope) => {
                let Place { step, filter } = json::read(what, &row.body)?;
                MessageBody::Event { step, filter, event: json::read(what, envelope)? }
            }
            None => json::read(what, &row.body)?,
        };
        inboxes.entry(RunId(row.run_id)).or_default().push(Message { id: InboxId(row.inbox_id), body });
    }
    Ok(inboxes)
}

/// The children that a run waits for and that have not ended.
///
/// # Errors
/// The database fails.
pub async fn children(connection: &mut Connection, run: RunId) -> Result<Vec<RunId>> {
    let children = sqlx::query_scalar!(
        "select run_id from runs where parent_run = $1 and awaited and ended_at is null order by run_id",
        run.0
    )
    .fetch_all(connection)
    .await?;
    Ok(children.into_iter().map(RunId).collect())
}

/// Where a run came from, of the columns that say so.
pub(crate) fn parent(run: Option<Uuid>, pointer: Option<String>, visit: Option<i64>, awaited: bool) -> Option<Parent> {
    let step = step(&pointer?, visit?);
    Some(Parent { run: RunId(run?), step, awaited })
}

/// A step, of its columns.
pub(crate) fn step(pointer: &str, visit: i64) -> Step {
    Step { pointer: pointer.into(), visit: u32::try_from(visit).unwrap_or(u32::MAX) }
}

/// A content hash, of its column.
pub(crate) fn content_hash(bytes: &[u8]) -> Result<ContentHash> {
    let hash = <[u8; 32]>::try_from(bytes).map(ContentHash);
    hash.map_err(|error| Error::Database(sqlx::Error::Decode(Box::new(error))))
}
