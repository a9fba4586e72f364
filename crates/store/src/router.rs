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

use std::sync::Arc;

use definitions::ContentHash;
use engine::{CloudEvent, OrgId, RunId, Step};

use crate::{Connection, Result, events::EventId};

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
    let _ = (connection, limit);
    Err(crate::Error::Stopped)
}

/// The ways in which an event of this type may be keyed, those of waits for any type included.
///
/// # Errors
/// The database fails.
pub async fn correlations(connection: &mut Connection, org: OrgId, event_type: &str) -> Result<Vec<Correlation>> {
    let _ = (connection, org, event_type);
    Err(crate::Error::Stopped)
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
    let _ = (connection, org, correlation, key, after, limit);
    Err(crate::Error::Stopped)
}

/// Puts events into the inboxes of the runs that wait for them, and wakes these.
///
/// A wait that is over, and a delivery made before, are passed over. Keep the number of matches small: their activations stay locked until the commit.
///
/// Returns the queues to hint at.
///
/// # Errors
/// The database fails.
pub async fn deliver(connection: &mut Connection, matches: &[Match<'_>]) -> Result<Vec<String>> {
    let _ = (connection, matches);
    Err(crate::Error::Stopped)
}

/// Says that everything which these events match has been delivered.
///
/// # Errors
/// The database fails.
pub async fn mark_routed(connection: &mut Connection, events: &[EventId]) -> Result<()> {
    let _ = (connection, events);
    Err(crate::Error::Stopped)
}

/// Waits that have not looked back: those of one run, which must not park before they have, or of all.
///
/// # Errors
/// The database fails.
pub async fn unscanned(connection: &mut Connection, run: Option<RunId>, limit: u32) -> Result<Vec<Candidate>> {
    let _ = (connection, run, limit);
    Err(crate::Error::Stopped)
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
    let _ = (connection, candidate, after, limit);
    Err(crate::Error::Stopped)
}

/// Says that these waits have looked back.
///
/// # Errors
/// The database fails.
pub async fn mark_scanned(connection: &mut Connection, subscriptions: &[SubscriptionId]) -> Result<()> {
    let _ = (connection, subscriptions);
    Err(crate::Error::Stopped)
}
