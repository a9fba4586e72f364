//! `Idempotency-Key`: a repeated request gets the answer of the first.
//!
//! Key, effect and answer are committed together. A repetition that comes while the first is under way waits for its commit.

use engine::{OrgId, Timestamp};

use crate::{Connection, Result};

/// A request that names a key.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The organisation.
    pub org: OrgId,
    /// Who asks; keys of different callers have nothing to do with each other.
    pub caller: &'a str,
    /// The key.
    pub key: &'a str,
    /// A hash over method, path and body.
    pub request_hash: &'a [u8],
}

/// What is known about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Nothing: carry out the request, then [`answer`].
    Fresh,
    /// The answer that the same request got.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The key was used for another request.
    Mismatch,
}

/// Takes a key, in the transaction of the request's effect.
///
/// # Errors
/// The database fails.
pub async fn take(connection: &mut Connection, request: &Request<'_>, at: Timestamp) -> Result<Key> {
    let inserted = sqlx::query!(
        "insert into idempotency_keys (org_id, caller, key, request_hash, created_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        request.org.0,
        request.caller,
        request.key,
        request.request_hash,
        at
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Key::Fresh);
    }
    let row = sqlx::query!(
        "select request_hash, status, answer from idempotency_keys where org_id = $1 and caller = $2 and key = $3",
        request.org.0,
        request.caller,
        request.key
    )
    .fetch_one(connection)
    .await?;
    if row.request_hash != request.request_hash {
        return Ok(Key::Mismatch);
    }
    // A key without an answer was committed by a request that carried nothing out, or is this transaction's own.
    Ok(row
        .status
        .zip(row.answer)
        .map_or(Key::Fresh, |(status, body)| Key::Answered { status: status.unsigned_abs(), body }))
}

/// Keeps the answer, in the same transaction.
///
/// # Errors
/// The database fails.
pub async fn answer(connection: &mut Connection, request: &Request<'_>, status: u16, body: &str) -> Result<()> {
    sqlx::query!(
        "update idempotency_keys set status = $4, answer = $5 where org_id = $1 and caller = $2 and key = $3",
        request.org.0,
        request.caller,
        request.key,
        status.cast_signed(),
        body
    )
    .execute(connection)
    .await?;
    Ok(())
}
