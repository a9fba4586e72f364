//! The short way of a commit: members with one fact each and no other rows, in one statement.
//!
//! Most commits are of this kind: a call has returned, the run goes on, or ends. They cost one round trip instead of one for
//! each table, `BEGIN` and `COMMIT`. A member that the statement did not find held is committed the long way, which says why.

use std::collections::HashMap;

use engine::{FactBody, Timestamp};
use uuid::Uuid;

use crate::{Committed, Flush, Result, Store, Then, json, rows::Ending};

/// Whether a flush can go the short way.
pub(crate) fn fits(flush: &Flush) -> bool {
    let [only] = flush.facts.as_slice() else { return false };
    let ends = flush.phase.is_terminal();
    let told = flush.parent.as_ref().is_some_and(|parent| parent.awaited);
    let moved = matches!(only.fact.body, FactBody::Suspended | FactBody::Resumed);
    let stays = flush.then == Then::Stay && flush.snapshot.is_none();
    let extras = only.consumes.is_some() || !only.effects.is_empty() || !flush.discarded.is_empty();
    let over = ends && !told && matches!(flush.then, Then::Park { .. });
    (over || (stays && !ends)) && !moved && !extras && flush.audit.is_empty()
}

/// How the statement ended: for each member, or not known for any.
pub(crate) enum Ended {
    /// `None` for a member that was not held.
    Known(Vec<Option<Committed>>),
    /// The connection was lost on the way: it may or may not be on disk.
    Unknown(sqlx::Error),
}

/// Commits members that [fit](fits).
///
/// # Errors
/// Nothing was committed.
pub(crate) async fn commit(store: &Store, flushes: &[&Flush]) -> Result<Ended> {
    let mut sorted = flushes.to_vec();
    sorted.sort_unstable_by_key(|flush| flush.lease.run);
    let mut rows = Steps::default();
    for flush in sorted {
        rows.push(flush)?;
    }
    let mut connection = store.engine().await?;
    let written = rows.write(&mut connection).await;
    let held = match written {
        Ok(held) => held,
        Err(error) if refused(&error) => return Err(error.into()),
        Err(error) => {
            // The session may be anywhere in its transaction.
            drop(connection.detach());
            return Ok(Ended::Unknown(error));
        }
    };
    let done = |flush: &&Flush| {
        let wake = *held.get(&flush.lease.run.0)?;
        Some(Committed::Done { wake, held: !flush.phase.is_terminal() })
    };
    Ok(Ended::Known(flushes.iter().map(done).collect()))
}

/// Whether the server says that it has not committed. When it goes down it may have, and say so too late.
fn refused(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_none_or(|code| !code.starts_with("57P")),
        _ => false,
    }
}

/// The members by column.
#[derive(Debug, Default)]
struct Steps {
    run: Vec<Uuid>,
    org: Vec<Uuid>,
    lease: Vec<Vec<u8>>,
    only_wake: Vec<Option<i64>>,
    seq: Vec<i64>,
    at: Vec<Timestamp>,
    name: Vec<&'static str>,
    body: Vec<String>,
    phase: Vec<Option<&'static str>>,
    output: Vec<Option<String>>,
    fault: Vec<Option<String>>,
    reason: Vec<Option<String>>,
}

impl Steps {
    fn push(&mut self, flush: &Flush) -> Result<()> {
        let Some(recorded) = flush.facts.first() else { return Ok(()) };
        self.body.push(json::write("a fact", &recorded.fact)?);
        self.run.push(flush.lease.run.0);
        self.org.push(flush.org.0);
        self.lease.push(flush.lease.token.0.to_vec());
        self.seq.push(flush.seq.cast_signed());
        self.at.push(recorded.fact.at);
        self.name.push(recorded.fact.name());
        let ending = if flush.phase.is_terminal() { Some(Ending::of(&flush.phase)?) } else { None };
        let read = match flush.then {
            Then::Park { wake, .. } => Some(wake),
            Then::Stay | Then::Release | Then::Quarantine { .. } => None,
        };
        self.only_wake.push(flush.expect_wake.or(read));
        self.phase.push(ending.as_ref().map(|_| flush.phase.name()));
        let Ending { output, fault, reason } = ending.unwrap_or_default();
        self.output.push(output);
        self.fault.push(fault);
        self.reason.push(reason);
        Ok(())
    }

    /// Gives the runs that were held, and how often each has been woken.
    async fn write(&self, connection: &mut crate::Connection) -> Result<HashMap<Uuid, i64>, sqlx::Error> {
        let rows = sqlx::query_file!(
            "queries/commit_steps.sql",
            &self.run,
            &self.org,
            &self.lease,
            &self.only_wake as &[Option<i64>],
            &self.seq,
            &self.at,
            &self.name as &[&str],
            &self.body,
            &self.phase as &[Option<&str>],
            &self.output as &[Option<String>],
            &self.fault as &[Option<String>],
            &self.reason as &[Option<String>]
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| (row.run_id, row.wake)).collect())
    }
}
