//! Claiming runs and keeping them: the lease that fences everything a worker writes.
//!
//! A lease's token is made by the claimer and never used twice, so that a run which was parked, lost or claimed in a commit
//! that a crash undid cannot come back under the same token (DESIGN 5, 1). Claims and renewals go over
//! [`Store::relaxed`](crate::Store::relaxed) connections: losing them in a crash of the database costs time, never a fact.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use definitions::FunctionName;
use engine::{OrgId, RunId};
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
    counter: AtomicU64,
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
            counter: AtomicU64::new(0),
            semantics: semantics.into_iter().map(|version| version.cast_signed()).collect(),
            functions: functions
                .into_iter()
                .map(|function| format!("{}:{}", function.name, function.version))
                .collect(),
        }
    }

    fn token(&self) -> LeaseToken {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(self.process.as_bytes());
        bytes[16..].copy_from_slice(&self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        LeaseToken(bytes)
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
    let _ =
        (connection, claimer.token(), &claimer.semantics, &claimer.functions, queue, limit, duration, Instant::now());
    Err(crate::Error::Stopped)
}

/// Extends every given lease that is still held, in one statement that waits for nobody: a run whose commit is under way
/// keeps its lease and is renewed the next time.
///
/// # Errors
/// The database fails; the leases run on until they expire.
pub async fn renew(connection: &mut Connection, leases: &[Lease], duration: Duration) -> Result<Vec<Renewal>> {
    let _ = (connection, leases, duration);
    Err(crate::Error::Stopped)
}

/// Gives back runs that were claimed and not begun, so that others can claim them at once; the claim does not count.
///
/// # Errors
/// The database fails; the leases run on until they expire.
pub async fn release(connection: &mut Connection, leases: &[Lease]) -> Result<()> {
    let _ = (connection, leases);
    Err(crate::Error::Stopped)
}
