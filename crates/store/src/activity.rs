//! What PostgreSQL has done so far, by its own counters: for those who measure.

use crate::{Connection, Result};

/// Counters that only grow; take the difference of two looks.
///
/// The log's position is exact at any time. `commits` and `fsyncs` are exact once the connections that did the work are
/// closed: PostgreSQL's sessions report about once a second, and at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Bytes of write-ahead log, of the whole server.
    pub wal_bytes: i64,
    /// How often the log was flushed to disk; `None` where the server does not count it (PostgreSQL 18 and later).
    pub fsyncs: Option<i64>,
    /// Transactions of this database that committed, those that wrote nothing included.
    pub commits: i64,
    /// Other sessions on this database.
    pub sessions: i64,
    /// The process of this session, if the server is on this machine.
    pub process: Option<i32>,
}

/// Looks at the counters.
///
/// # Errors
/// The database fails.
pub async fn read(connection: &mut Connection) -> Result<Activity> {
    Ok(sqlx::query_file_as!(Activity, "queries/activity.sql").fetch_one(connection).await?)
}
