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
    let _ = (connection, request, at);
    Err(crate::Error::Stopped)
}

/// Keeps the answer, in the same transaction.
///
/// # Errors
/// The database fails.
pub async fn answer(connection: &mut Connection, request: &Request<'_>, status: u16, body: &str) -> Result<()> {
    let _ = (connection, request, status, body);
    Err(crate::Error::Stopped)
}
