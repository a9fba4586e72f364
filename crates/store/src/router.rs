//! Matching events with the runs that wait for them.
//!
//! Event and subscription are each committed first and matched afterwards, under a snapshot taken later than either commit:
//! whichever of the two comes second finds the other, without a lock. If both do, `deliveries` keeps the first find. What a
//! filter accepts is the caller's to say, for it knows the definitions:
//!
//! ```text
//! unrouted ─▶ for each event: correlations(type) ─ key ─▶ candidates (in pages) ─ filter ─▶ deliver ─▶ mark_routed
//! unscanned ─▶ for each subscription: earlier events (in pages) ─ key, filter ─▶ deliver ─▶ mark_scanned
//! ```

use std::{collections::BTreeSet, sync::Arc};

use definitions::ContentHash;
use engine::{CloudEvent, OrgId, RunId, Step};
use uuid::Uuid;

use crate::{
    Connection, Result,
    events::EventId,
    history::{content_hash, step},
    json, rows,
};

/// An event that is stored.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its number.
    pub id: EventId,
    /// Its organisation.
    pub org: OrgId,
    /// The event.
    pub event: CloudEvent,
}

/// A subscription's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub i64);

/// A wait that may match: its type and key do, its filter is still to be evaluated.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The wait.
    pub id: SubscriptionId,
    /// Its organisation.
    pub org: OrgId,
    /// The run that waits.
    pub run: RunId,
    /// What it runs.
    pub definition: ContentHash,
    /// The `listen`.
    pub step: Step,
    /// Which of its filters.
    pub filter: usize,
    /// The only event type that can match, where the filter names one.
    pub event_type: Option<Arc<str>>,
    /// The expressions that give an event's key.
    pub correlation: Vec<Arc<str>>,
    /// The key that a matching event has.
    pub key: Option<String>,
}

/// A way in which events of a type are keyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    /// The type; `None` is any.
    pub event_type: Option<Arc<str>>,
    /// The expressions, evaluated on the event's envelope.
    pub expressions: Vec<Arc<str>>,
}

/// The text under which a correlation is stored.
pub(crate) fn correlation_text(expressions: &[Arc<str>]) -> Result<String> {
    json::write("a correlation", &expressions)
}

/// An event that a wait accepts.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    /// The event.
    pub event: &'a StoredEvent,
    /// The wait.
    pub candidate: &'a Candidate,
}

/// Events that have not been matched, the oldest first.
///
/// # Errors
/// The database fails; an event cannot be read back.
pub async fn unrouted(connection: &mut Connection, limit: u32) -> Result<Vec<StoredEvent>> {
    let rows = sqlx::query!(
        r#"select event_id, org_id, envelope::text as "envelope!" from events where not routed order by event_id limit $1"#,
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| stored_event(row.event_id, row.org_id, &row.envelope)).collect()
}

/// The ways in which an event of this type may be keyed, those of waits for any type included.
///
/// # Errors
/// The database fails.
pub async fn correlations(connection: &mut Connection, org: OrgId, event_type: &str) -> Result<Vec<Correlation>> {
    let rows = sqlx::query!(
        "select event_type, correlation from correlations where org_id = $1 and event_type = any($2)",
        org.0,
        &[String::new(), event_type.to_owned()]
    )
    .fetch_all(connection)
    .await?;
    let correlation = |event_type: &str, text: &str| {
        Ok(Correlation {
            event_type: type_of(event_type),
            expressions: json::read(|| "a correlation".to_owned(), text)?,
        })
    };
    rows.iter().map(|row| correlation(&row.event_type, &row.correlation)).collect()
}

/// The waits with this correlation and key, in pages: those after `after`, up to `limit`.
///
/// # Errors
/// The database fails.
pub async fn candidates(
    connection: &mut Connection,
    org: OrgId,
    correlation: &Correlation,
    key: Option<&str>,
    after: Option<SubscriptionId>,
    limit: u32,
) -> Result<Vec<Candidate>> {
    let rows = sqlx::query_file_as!(
        CandidateRow,
        "queries/candidates.sql",
        org.0,
        correlation.event_type.as_deref().unwrap_or_default(),
        correlation_text(&correlation.expressions)?,
        key.unwrap_or_default(),
        after.map_or(0, |id| id.0),
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(CandidateRow::candidate).collect()
}

/// Puts events into the inboxes of the runs that wait for them, and wakes these.
///
/// A wait that is over, and a delivery made before, are passed over. Keep the number of matches small: their activations
/// stay locked until the commit.
///
/// Returns the queues to hint at.
///
/// # Errors
/// The database fails.
pub async fn deliver(connection: &mut Connection, matches: &[Match<'_>]) -> Result<BTreeSet<String>> {
    // The runs are woken first: as long as their activations are locked, none of their waits can end unseen.
    let runs: BTreeSet<_> = matches.iter().map(|found| found.candidate.run.0).collect();
    let woken = rows::wake(connection, &Vec::from_iter(runs)).await?;
    let (events, waits): (Vec<_>, Vec<_>) =
        matches.iter().map(|found| (found.event.id.0, found.candidate.id.0)).unzip();
    sqlx::query_file!("queries/deliver.sql", &events, &waits).execute(connection).await?;
    Ok(woken.into_iter().map(|woken| woken.queue).collect())
}

/// Says that everything which these events match has been delivered.
///
/// # Errors
/// The database fails.
pub async fn mark_routed(connection: &mut Connection, events: &[EventId]) -> Result<()> {
    let ids: Vec<_> = events.iter().map(|event| event.0).collect();
    sqlx::query!("update events set routed = true where event_id = any($1)", &ids).execute(connection).await?;
    Ok(())
}

/// Waits that have not looked back: those of one run, which must not park before they have, or of all.
///
/// # Errors
/// The database fails.
pub async fn unscanned(connection: &mut Connection, run: Option<RunId>, limit: u32) -> Result<Vec<Candidate>> {
    let run = run.map(|run| run.0);
    let rows = sqlx::query_file_as!(CandidateRow, "queries/unscanned.sql", run, i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(CandidateRow::candidate).collect()
}

/// The events that a wait may have missed, in pages: of its type, received since its run started, and not consumed by its
/// run before the wait began.
///
/// # Errors
/// The database fails; an event cannot be read back.
pub async fn earlier(
    connection: &mut Connection,
    candidate: &Candidate,
    after: Option<EventId>,
    limit: u32,
) -> Result<Vec<StoredEvent>> {
    let after = after.map_or(0, |event| event.0);
    let rows =
        sqlx::query_file!("queries/earlier.sql", candidate.id.0, after, i64::from(limit)).fetch_all(connection).await?;
    rows.into_iter().map(|row| stored_event(row.event_id, row.org_id, &row.envelope)).collect()
}

/// Says that these waits have looked back.
///
/// # Errors
/// The database fails.
pub async fn mark_scanned(connection: &mut Connection, subscriptions: &[SubscriptionId]) -> Result<()> {
    let ids: Vec<_> = subscriptions.iter().map(|subscription| subscription.0).collect();
    sqlx::query!("update subscriptions set scanned = true where subscription_id = any($1)", &ids)
        .execute(connection)
        .await?;
    Ok(())
}

struct CandidateRow {
    subscription_id: i64,
    org_id: Uuid,
    run_id: Uuid,
    definition: Vec<u8>,
    pointer: String,
    visit: i64,
    filter: i32,
    event_type: String,
    correlation: String,
    key: String,
}

impl CandidateRow {
    fn candidate(self) -> Result<Candidate> {
        Ok(Candidate {
            id: SubscriptionId(self.subscription_id),
            org: OrgId(self.org_id),
            run: RunId(self.run_id),
            definition: content_hash(&self.definition)?,
            step: step(&self.pointer, self.visit),
            filter: usize::try_from(self.filter).unwrap_or(usize::MAX),
            event_type: type_of(&self.event_type),
            correlation: json::read(|| "a correlation".to_owned(), &self.correlation)?,
            key: Some(self.key).filter(|key| !key.is_empty()),
        })
    }
}

fn type_of(stored: &str) -> Option<Arc<str>> {
    (!stored.is_empty()).then(|| stored.into())
}

fn stored_event(id: i64, org: Uuid, envelope: &str) -> Result<StoredEvent> {
    let event = json::read(|| format!("event {id}"), envelope)?;
    Ok(StoredEvent { id: EventId(id), org: OrgId(org), event })
}
