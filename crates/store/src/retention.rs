//! Deleting what is old (REQUIREMENTS R12), in bounded steps: ended runs with their history, routed events, requests.
//!
//! The audit trail and the definitions are never deleted, and the schema refuses to delete the history of a run that goes on.

use engine::Timestamp;

use crate::{Connection, Result};

/// How much a step has deleted; nothing more is old when it is less than the limit everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Runs, with their facts.
    pub runs: u64,
    /// Events.
    pub events: u64,
    /// Idempotency keys.
    pub idempotency_keys: u64,
    /// Webhook deliveries.
    pub webhook_deliveries: u64,
}

/// Deletes up to `limit` rows of each kind that are older than `before`. Give it a transaction.
///
/// # Errors
/// The database fails.
pub async fn purge(connection: &mut Connection, before: Timestamp, limit: u32) -> Result<Purged> {
    let limit = i64::from(limit);
    let runs = purge_runs(connection, before, limit).await?;
    let events =
        sqlx::query_file_scalar!("queries/purge_events.sql", before, limit).fetch_one(&mut *connection).await?;
    let keys = sqlx::query!(
        "delete from idempotency_keys where ctid = any(array(select ctid from idempotency_keys where created_at < $1 limit $2))",
        before,
        limit
    )
    .execute(&mut *connection)
    .await?;
    let deliveries = sqlx::query!(
        "delete from webhook_deliveries
         where ctid = any(array(select ctid from webhook_deliveries where received_at < $1 limit $2))",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(Purged {
        runs,
        events: events.unsigned_abs(),
        idempotency_keys: keys.rows_affected(),
        webhook_deliveries: deliveries.rows_affected(),
    })
}

/// The history goes first: the schema keeps that of a run which does not exist, as that of one which goes on.
async fn purge_runs(connection: &mut Connection, before: Timestamp, limit: i64) -> Result<u64> {
    let runs =
        sqlx::query_scalar!("select run_id from runs where ended_at < $1 order by ended_at limit $2", before, limit)
            .fetch_all(&mut *connection)
            .await?;
    sqlx::query!("delete from facts where run_id = any($1)", &runs).execute(&mut *connection).await?;
    let deleted = sqlx::query!("delete from runs where run_id = any($1)", &runs).execute(connection).await?;
    Ok(deleted.rows_affected())
}
