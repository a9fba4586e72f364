//! Publishing events. What they match is found afterwards, by [`router`](crate::router).

use engine::{CloudEvent, OrgId, Timestamp};

use crate::{Connection, Result, rows::EventRows};

/// An event's number, in the order of receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub i64);

/// Whether an event was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is stored and will be matched.
    New(EventId),
    /// One of the same source and id was published before; nothing changed.
    Duplicate,
}

/// Publishes an event within an organisation.
///
/// # Errors
/// The database fails, or refuses a value (a NUL character).
pub async fn publish(connection: &mut Connection, org: OrgId, event: &CloudEvent, at: Timestamp) -> Result<Published> {
    let mut rows = EventRows::default();
    rows.push(org, event, at)?;
    Ok(rows.insert(connection).await?.first().map_or(Published::Duplicate, |id| Published::New(*id)))
}

/// Remembers a webhook's delivery. Returns whether it is the first of its identifier.
///
/// # Errors
/// The database fails.
pub async fn webhook(connection: &mut Connection, org: OrgId, source: &str, id: &str, at: Timestamp) -> Result<bool> {
    let inserted = sqlx::query!(
        "insert into webhook_deliveries (org_id, source, delivery_id, received_at) values ($1, $2, $3, $4)
         on conflict do nothing",
        org.0,
        source,
        id,
        at
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
