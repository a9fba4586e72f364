//! Schedules: which runs start by themselves, and when next.
//!
//! A schedule belongs to a name and follows its latest version; registering one sets it (`definitions::register`). Whoever
//! holds its row, which it locks, starts what is due and moves it on in the same transaction. A run's identifier is made of
//! what it is started for, so that one time or one event starts one run, whatever crashes and whoever tries again.

use std::sync::Arc;

use definitions::{ContentHash, Data, Definition, DefinitionId, Schedule, Trigger};
use engine::{CloudEvent, OrgId, RunId, Timestamp};
use uuid::Uuid;

use crate::{
    Connection, Result, audit,
    events::EventId,
    history::content_hash,
    json,
    runs::{self, NewRun, Priority},
};

/// The queue on which the runs of schedules start.
const QUEUE: &str = "default";

/// A schedule whose row is locked.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Its organisation.
    pub org: OrgId,
    /// What it starts.
    pub id: DefinitionId,
    /// The hash of that.
    pub definition: ContentHash,
    /// The time that has come; where it waits for an end, when its last run ended.
    pub time: Timestamp,
    /// Whether the run that it started last is under way.
    pub busy: bool,
}

/// Where a schedule goes from here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Next {
    /// Its next time, and when the run for it starts.
    pub at: Option<(Timestamp, Timestamp)>,
    /// The run that it started last, if it started one now.
    pub started: Option<RunId>,
}

impl Scheduled {
    /// The text that tells its schedule from others of its organisation.
    #[must_use]
    pub fn seed(&self) -> String {
        seed(&self.id)
    }
}

fn seed(id: &DefinitionId) -> String {
    format!("{}/{}", id.namespace, id.name)
}

/// The event types that may start a run; an empty text stands for any.
fn event_types(schedule: &Schedule) -> Vec<String> {
    match &schedule.trigger {
        Trigger::On(strategy) => {
            strategy.filters().iter().map(|filter| filter.event_type().unwrap_or_default().to_owned()).collect()
        }
        Trigger::Every(_) | Trigger::Cron(_) | Trigger::After(_) => Vec::new(),
    }
}

/// Lets the schedule of a name follow a definition that has been registered, unless a later version is; its first time
/// counts from the engine's now.
///
/// # Errors
/// The database fails.
pub(crate) async fn follow(connection: &mut Connection, org: OrgId, definition: &Definition) -> Result<()> {
    let id = &definition.id;
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", format!("schedule {} {}", org, seed(id)))
        .execute(&mut *connection)
        .await?;
    let versions = crate::definitions::versions(&mut *connection, org, &id.namespace, &id.name).await?;
    if versions.first().is_none_or(|(_, latest)| *latest != definition.hash) {
        return Ok(());
    }
    let replaced = sqlx::query!(
        "delete from schedules where org_id = $1 and namespace = $2 and name = $3 and definition <> $4",
        org.0,
        &*id.namespace,
        &*id.name,
        definition.hash.0.as_slice()
    )
    .execute(&mut *connection)
    .await?;
    if replaced.rows_affected() > 0 {
        forget_events(&mut *connection, org, id).await?;
    }
    let Some(schedule) = &definition.workflow.schedule else { return Ok(()) };
    let time = schedule.first(crate::clock::read(&mut *connection).await?.now());
    sqlx::query_file!(
        "queries/follow_schedule.sql",
        org.0,
        &*id.namespace,
        &*id.name,
        definition.hash.0.as_slice(),
        &*id.version,
        &event_types(schedule),
        time,
        time.map(|time| schedule.due(time, &seed(id)))
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what a former version has gathered.
async fn forget_events(connection: &mut Connection, org: OrgId, id: &DefinitionId) -> Result<()> {
    sqlx::query!(
        "delete from schedule_events where org_id = $1 and namespace = $2 and name = $3",
        org.0,
        &*id.namespace,
        &*id.name
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks schedules whose time has come, the earliest first; those that somebody else holds are passed over.
///
/// # Errors
/// The database fails.
pub async fn due(connection: &mut Connection, limit: u32) -> Result<Vec<Scheduled>> {
    let rows = sqlx::query_file_as!(Row, "queries/due_schedules.sql", i64::from(limit)).fetch_all(connection).await?;
    rows.into_iter().map(Row::scheduled).collect()
}

/// Locks schedules that wait for their last run to end, and whose last run has.
///
/// # Errors
/// The database fails.
pub async fn ended(connection: &mut Connection, limit: u32) -> Result<Vec<Scheduled>> {
    let rows = sqlx::query_file_as!(Row, "queries/ended_schedules.sql", i64::from(limit)).fetch_all(connection).await?;
    rows.into_iter().map(Row::scheduled).collect()
}

/// The schedules of an organisation that an event of this type may start; their time is not set.
///
/// # Errors
/// The database fails.
pub async fn by_event(
    connection: &mut Connection,
    org: OrgId,
    event_type: &str,
) -> Result<Vec<(DefinitionId, ContentHash)>> {
    let rows = sqlx::query!(
        "select namespace, name, version, definition from schedules
         where org_id = $1 and event_types <> '{}' and event_types && $2",
        org.0,
        &[String::new(), event_type.to_owned()]
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|row| {
        let id = DefinitionId { namespace: row.namespace.into(), name: row.name.into(), version: row.version.into() };
        Ok((id, content_hash(&row.definition)?))
    });
    found.collect()
}

/// Moves a schedule on, whose row is locked.
///
/// # Errors
/// The database fails.
pub async fn advance(connection: &mut Connection, scheduled: &Scheduled, next: Next) -> Result<()> {
    let (time, due) = next.at.unzip();
    sqlx::query!(
        "update schedules set time = $4, due_at = $5, last_run = coalesce($6, last_run)
         where org_id = $1 and namespace = $2 and name = $3",
        scheduled.org.0,
        &*scheduled.id.namespace,
        &*scheduled.id.name,
        time,
        due,
        next.started.map(|run| run.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An event that one filter of a schedule with `all` accepts.
#[derive(Debug, Clone, Copy)]
pub struct Gathered<'a> {
    /// The event.
    pub event: EventId,
    /// Which of the filters.
    pub filter: usize,
    /// What ties it to the others: equal for those that belong together.
    pub grouping: &'a str,
    /// How many filters there are.
    pub filters: usize,
}

/// Adds an event to what a schedule has had. Returns the events that start a run, in the order of receipt, once each filter
/// has one; they are then used up.
///
/// The schedule's row stays locked until the commit, so that two events never both miss the other. A schedule that follows
/// another definition by now gathers nothing.
///
/// # Errors
/// The database fails; an event cannot be read back.
pub async fn gather(
    connection: &mut Connection,
    org: OrgId,
    (id, definition): (&DefinitionId, ContentHash),
    gathered: Gathered<'_>,
) -> Result<Option<Vec<CloudEvent>>> {
    let follows = sqlx::query_scalar!(
        "select 1 from schedules where org_id = $1 and namespace = $2 and name = $3 and definition = $4 for update",
        org.0,
        &*id.namespace,
        &*id.name,
        definition.0.as_slice()
    )
    .fetch_optional(&mut *connection)
    .await?;
    if follows.is_none() {
        return Ok(None);
    }
    let open = sqlx::query_file!(
        "queries/gather_events.sql",
        org.0,
        &*id.namespace,
        &*id.name,
        i32::try_from(gathered.filter).unwrap_or(i32::MAX),
        gathered.grouping,
        gathered.event.0
    )
    .fetch_all(&mut *connection)
    .await?;
    if open.len() < gathered.filters {
        return Ok(None);
    }
    let (events, filters): (Vec<_>, Vec<_>) = open.iter().map(|row| (row.event_id, row.filter)).unzip();
    sqlx::query!(
        "update schedule_events s set used = true
         from unnest($4::bigint[], $5::integer[]) as u (event_id, filter)
         where s.org_id = $1 and s.namespace = $2 and s.name = $3 and s.event_id = u.event_id and s.filter = u.filter",
        org.0,
        &*id.namespace,
        &*id.name,
        &events,
        &filters
    )
    .execute(connection)
    .await?;
    let event = |id: i64, text: &str| json::read(|| format!("event {id}"), text);
    open.iter().map(|row| event(row.event_id, &row.envelope)).collect::<Result<_>>().map(Some)
}

/// What a run is started for.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// A time of the schedule.
    Time(Timestamp),
    /// Events that its filters accept.
    Events(&'a [CloudEvent]),
}

/// Starts the run of a schedule for a cause, at `now`, with its audit row. The same cause gives the same run, which starts
/// once. Hint at the queue, which is returned, after the commit.
///
/// # Errors
/// The definition is not registered; the database fails.
pub async fn start(
    connection: &mut Connection,
    org: OrgId,
    (id, definition): (&DefinitionId, ContentHash),
    cause: Cause<'_>,
    now: Timestamp,
) -> Result<(RunId, Arc<str>)> {
    let (cause, input) = match cause {
        Cause::Time(time) => (time.to_rfc3339(), Data::object()),
        Cause::Events(events) => {
            let ids: Vec<_> = events.iter().map(|event| format!("{} {}", event.source, event.id)).collect();
            (ids.join(" "), Data::array(events.iter().map(CloudEvent::envelope)))
        }
    };
    let seed = seed(id);
    let run = RunId(Uuid::new_v5(&org.0, format!("schedule {seed} {cause}").as_bytes()));
    let actor = format!("schedule:{seed}");
    let new = NewRun {
        id: run,
        org,
        definition,
        input,
        queue: QUEUE.to_owned(),
        priority: Priority::Normal,
        started_by: actor.clone(),
        at: now,
    };
    if runs::start(&mut *connection, &new).await? {
        let details = Data::from_entries([("definition", Data::from(id.to_string()))]);
        let (action, subject) = ("run.started".to_owned(), format!("run/{run}"));
        let entry = audit::Entry { actor, action, subject, run: Some(run), correlation: cause, details };
        audit::append(connection, org, &entry, now).await?;
    }
    Ok((run, QUEUE.into()))
}

struct Row {
    org_id: Uuid,
    namespace: String,
    name: String,
    version: String,
    definition: Vec<u8>,
    time: Timestamp,
    busy: bool,
}

impl Row {
    fn scheduled(self) -> Result<Scheduled> {
        Ok(Scheduled {
            org: OrgId(self.org_id),
            id: DefinitionId { namespace: self.namespace.into(), name: self.name.into(), version: self.version.into() },
            definition: content_hash(&self.definition)?,
            time: self.time,
            busy: self.busy,
        })
    }
}
