//! How a worker behaves; every field has a default that suits a process of two cores.

use std::time::Duration;

/// A worker's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The queues that are served, each by an apalis worker of its own.
    pub queues: Vec<Queue>,
    /// How long a claimed run stays this worker's without a renewal; renewed every third of it. Default 15 s, real time.
    pub lease: Duration,
    /// The pause between two looks for work when no hint comes: the shortest, after work was found. Default 250 ms.
    pub poll_min: Duration,
    /// The longest, after nothing was found several times. Default 1 s.
    pub poll_max: Duration,
    /// How long a shutdown may take before what still runs is dropped. Default 10 s.
    pub shutdown: Duration,
    /// How many flushes may share a transaction. Default 256.
    pub group: usize,
    /// A timer that is due sooner than this is waited for in memory, a later one in the database. Default 1 s, real time.
    pub short_wait: Duration,
    /// A snapshot is written when this many facts have gathered since the last; at a park, a tenth suffices. Default 200.
    pub snapshot_facts: u64,
    /// The same in bytes of facts. Default 256 KiB.
    pub snapshot_bytes: usize,
    /// A run that has this many facts is cancelled: longer work belongs in child runs. Default 50 000.
    pub history_limit: u64,
    /// The most bytes that a call's output may have, as JSON. Default 4 MiB.
    pub output_limit: usize,
    /// A run that was claimed more often than this without getting on is driven while nothing else is. Default 3.
    pub suspect_after: u16,
    /// A run that was claimed more often than this without getting on is set aside. Default 6.
    pub quarantine_after: u16,
    /// How long a suspect waits for others to end by themselves, and how long it then has the worker for itself. Default
    /// 15 s.
    pub solitude: Duration,
}

/// A queue and how much of it is done at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// How many of its runs are driven concurrently; one that waits for a call counts, one that is parked does not.
    pub concurrency: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queues: vec![Queue { name: "default".to_owned(), concurrency: 256 }],
            lease: Duration::from_secs(15),
            poll_min: Duration::from_millis(250),
            poll_max: Duration::from_secs(1),
            shutdown: Duration::from_secs(10),
            group: 256,
            short_wait: Duration::from_secs(1),
            snapshot_facts: 200,
            snapshot_bytes: 256 << 10,
            history_limit: 50_000,
            output_limit: 4 << 20,
            suspect_after: 3,
            quarantine_after: 6,
            solitude: Duration::from_secs(15),
        }
    }
}
