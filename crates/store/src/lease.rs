//! Claiming runs and keeping them: the lease that fences everything a worker writes.
//!
//! A lease's token is made by the claimer and never used twice, so that a run which was parked, lost or claimed in a commit
//! that a crash undid cannot come back under the same token (DESIGN 5, 1). Claims and renewals go over
//! [`Store::relaxed`](crate::Store::relaxed) connections: losing them in a crash of the database costs time, never a fact.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use definitions::FunctionName;
use engine::{OrgId, RunId, Timestamp};
use uuid::Uuid;

use crate::{Connection, EngineClock, Result};

/// What fences a run: 16 bytes of the process, 8 of its counter.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub(crate) [u8; 24]);

/// A run and the token it is held under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The fence.
    pub token: LeaseToken,
}

/// A process that claims runs, and what it can run.
#[derive(Debug)]
pub struct Claimer {
    process: Uuid,
    counter: AtomicI64,
    looked: Mutex<Option<Instant>>,
    semantics: Vec<i32>,
    functions: Vec<String>,
}

/// A claimed run. Read its inbox after this, and park it with this `wake` or a later one.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The run, and the fence of everything that is written for it.
    pub lease: Lease,
    /// Its organisation.
    pub org: OrgId,
    /// How often it had been woken.
    pub wake: i64,
    /// How often it was claimed since it last got on, this time included.
    pub claims: u16,
}

/// What became of a lease that was to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The lease.
    pub lease: Lease,
    /// How often its run has been woken; `None` if the lease is lost, and with it the right to go on.
    pub wake: Option<i64>,
}

impl Claimer {
    /// A claimer for a process that no other process, past or future, shares its identifier with.
    #[must_use]
    pub fn new(
        process: Uuid,
        semantics: impl IntoIterator<Item = u32>,
        functions: impl IntoIterator<Item = FunctionName>,
    ) -> Self {
        Self {
            process,
            counter: AtomicI64::new(0),
            looked: Mutex::new(None),
            semantics: semantics.into_iter().map(|version| version.cast_signed()).collect(),
            functions: functions.into_iter().map(|function| function_name(&function)).collect(),
        }
    }

    /// Whether it is time to take runs from holders that let their lease expire: with the first claim, then twice per lease.
    fn looks_for_expired(&self, now: Instant, duration: Duration) -> bool {
        let Ok(mut looked) = self.looked.lock() else { return true };
        let due = looked.is_none_or(|last| now.saturating_duration_since(last) * 2 >= duration);
        if due {
            *looked = Some(now);
        }
        due
    }
}

/// The name of a function, as activations give it.
pub(crate) fn function_name(function: &FunctionName) -> String {
    if function.version.is_empty() {
        function.name.to_string()
    } else {
        format!("{}:{}", function.name, function.version)
    }
}

impl fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Claims up to `limit` runs of a queue, the urgent before the rest, the longest due first; also those whose holder has let
/// its lease expire. The clock is as the database saw it.
///
/// # Errors
/// The database fails.
pub async fn claim(
    connection: &mut Connection,
    claimer: &Claimer,
    queue: &str,
    limit: usize,
    duration: Duration,
) -> Result<(Vec<Claim>, EngineClock)> {
    let taken = Instant::now();
    if claimer.looks_for_expired(taken, duration) {
        sqlx::query_file!("queries/expire_leases.sql").execute(&mut *connection).await?;
    }
    let count = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query_file!(
        "queries/claim.sql",
        queue,
        &claimer.semantics,
        &claimer.functions,
        count,
        claimer.process.as_bytes().as_slice(),
        claimer.counter.fetch_add(count, Ordering::Relaxed),
        duration.as_secs_f64()
    )
    .fetch_all(connection)
    .await?;
    let clock = rows.first().map(|row| EngineClock::new(row.now, taken, row.factor));
    let claims = rows.into_iter().filter_map(|row| {
        let token = LeaseToken(row.lease?.try_into().ok()?);
        let lease = Lease { run: RunId(row.run_id?), token };
        Some(Claim { lease, org: OrgId(row.org_id?), wake: row.wake?, claims: row.claims?.unsigned_abs() })
    });
    Ok((claims.collect(), clock.ok_or(sqlx::Error::RowNotFound)?))
}

/// When the nearest of a queue's timers is due that is not due yet: there is nothing to claim before, unless a run is woken.
///
/// # Errors
/// The database fails.
pub async fn next_due(connection: &mut Connection, queue: &str) -> Result<Option<Timestamp>> {
    Ok(sqlx::query_file_scalar!("queries/next_due.sql", queue).fetch_one(connection).await?)
}

/// Extends every given lease that is still held, in one statement that waits for nobody: a run whose commit is under way
/// keeps its lease and is renewed the next time.
///
/// # Errors
/// The database fails; the leases run on until they expire.
pub async fn renew(connection: &mut Connection, leases: &[Lease], duration: Duration) -> Result<Vec<Renewal>> {
    let (runs, tokens) = columns(leases);
    let held: HashMap<_, _> = sqlx::query_file!("queries/renew.sql", &runs, &tokens, duration.as_secs_f64())
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(|row| ((row.run_id, row.lease), row.wake))
        .collect();
    let wake = |lease: &Lease| held.get(&(lease.run.0, lease.token.0.to_vec())).copied();
    Ok(leases.iter().map(|lease| Renewal { lease: *lease, wake: wake(lease) }).collect())
}

/// Gives back runs that were claimed and not begun, so that others can claim them at once; the claim does not count.
///
/// # Errors
/// The database fails; the leases run on until they expire.
pub async fn release(connection: &mut Connection, leases: &[Lease]) -> Result<()> {
    let (runs, tokens) = columns(leases);
    sqlx::query_file!("queries/release.sql", &runs, &tokens).execute(connection).await?;
    Ok(())
}

/// How often a run that is still held has been woken; `None` if its lease is lost.
///
/// Waits for a commit of the run whose outcome is unknown: what is read after this is final.
///
/// # Errors
/// The database fails.
pub async fn confirm(connection: &mut Connection, lease: Lease) -> Result<Option<i64>> {
    let wake = sqlx::query_scalar!(
        "select wake from activations where run_id = $1 and lease = $2 for update",
        lease.run.0,
        lease.token.0.as_slice()
    )
    .fetch_optional(connection)
    .await?;
    Ok(wake)
}

/// Runs that are due and that a worker cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starved {
    /// Their queue.
    pub queue: String,
    /// The semantics version that they follow.
    pub semantics: u32,
    /// The functions that they need.
    pub functions: Vec<String>,
    /// How many there are.
    pub runs: u64,
}

/// What is due and what a worker like `claimer` would leave lying: `doctor` names it, with what is missing.
///
/// # Errors
/// The database fails.
pub async fn starved(connection: &mut Connection, claimer: &Claimer) -> Result<Vec<Starved>> {
    let rows =
        sqlx::query_file!("queries/starved.sql", &claimer.semantics, &claimer.functions).fetch_all(connection).await?;
    let starved = rows.into_iter().map(|row| Starved {
        queue: row.queue,
        semantics: row.semantics.unsigned_abs(),
        functions: row.functions,
        runs: row.runs.unsigned_abs(),
    });
    Ok(starved.collect())
}

fn columns(leases: &[Lease]) -> (Vec<Uuid>, Vec<Vec<u8>>) {
    leases.iter().map(|lease| (lease.run.0, lease.token.0.to_vec())).unzip()
}
