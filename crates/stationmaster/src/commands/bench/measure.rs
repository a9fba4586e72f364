//! What a piece of work cost: time, processor seconds of this process and of PostgreSQL's, write-ahead log, memory.
//!
//! Processor seconds come from `/proc`; PostgreSQL's are there only if the server runs on this machine.

use std::{
    fs,
    time::{Duration, Instant},
};

use store::{
    Store,
    activity::{self, Activity},
};

use crate::output::Failure;

/// Clock ticks per second in `/proc`: the same on every Linux.
const TICKS: f64 = 100.0;

/// How long sessions that were closed may take to be gone, and with them their counts to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was used between two moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Real time.
    pub(crate) seconds: f64,
    /// Processor seconds of this process, the bench itself included.
    pub(crate) own_cpu_seconds: f64,
    /// Processor seconds of all of PostgreSQL's processes.
    pub(crate) postgres_cpu_seconds: Option<f64>,
    pub(crate) wal_bytes: i64,
    pub(crate) commits: i64,
    pub(crate) fsyncs: Option<i64>,
    /// Memory of this process at the end, resident.
    pub(crate) resident_bytes: u64,
}

/// Measures once: `open`, then `start` and `stop` around the work, then `close` when the sessions that did it are closed.
#[derive(Debug)]
pub(crate) struct Meter {
    postmaster: Option<i32>,
    before: Activity,
    started: Option<Moment>,
    stopped: Option<Moment>,
}

#[derive(Debug)]
struct Moment {
    at: Instant,
    own: f64,
    postgres: Option<f64>,
    wal_bytes: i64,
}

impl Meter {
    /// A meter for work that has not begun; no session may be at work on the database.
    pub(crate) async fn open(store: &Store) -> Result<Self, Failure> {
        let before = settled(store).await?;
        let postmaster = before.process.and_then(parent);
        Ok(Self { postmaster, before, started: None, stopped: None })
    }

    /// The work that counts begins.
    pub(crate) async fn start(&mut self, store: &Store) -> Result<(), Failure> {
        self.started = Some(self.now(store).await?);
        Ok(())
    }

    /// It has ended.
    pub(crate) async fn stop(&mut self, store: &Store) -> Result<(), Failure> {
        self.stopped = Some(self.now(store).await?);
        Ok(())
    }

    /// What was used. Commits and flushes are counted from `open` on: their `share` is that of the work.
    pub(crate) async fn close(self, store: &Store, share: f64) -> Result<Usage, Failure> {
        let (Some(from), Some(to)) = (self.started, self.stopped) else {
            return Err(Failure::new("a measurement was closed that did not take place"));
        };
        let after = settled(store).await?;
        let part = |count: i64| (count as f64 * share).round() as i64;
        Ok(Usage {
            seconds: (to.at - from.at).as_secs_f64(),
            own_cpu_seconds: to.own - from.own,
            postgres_cpu_seconds: to.postgres.zip(from.postgres).map(|(to, from)| to - from),
            wal_bytes: to.wal_bytes - from.wal_bytes,
            commits: part(after.commits - self.before.commits),
            fsyncs: after.fsyncs.zip(self.before.fsyncs).map(|(after, before)| part(after - before)),
            resident_bytes: resident(),
        })
    }

    async fn now(&self, store: &Store) -> Result<Moment, Failure> {
        let wal_bytes = look(store).await?.wal_bytes;
        let (own, postgres) = (own_cpu(), self.postmaster.map(server_cpu));
        Ok(Moment { at: Instant::now(), own, postgres, wal_bytes })
    }
}

async fn look(store: &Store) -> Result<Activity, Failure> {
    let mut connection = store.owner().await?;
    Ok(activity::read(&mut connection).await?)
}

/// The counters once every other session is gone.
async fn settled(store: &Store) -> Result<Activity, Failure> {
    let began = Instant::now();
    loop {
        let activity = look(store).await?;
        if activity.sessions == 0 || began.elapsed() > PATIENCE {
            return Ok(activity);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The postmaster above one of its processes, if that is a process of this machine's PostgreSQL.
fn parent(process: i32) -> Option<i32> {
    let stat = Stat::read(&process.to_string())?;
    (stat.name == "postgres").then_some(stat.parent)
}

/// Everything that the server has used: its living processes and those that have ended.
fn server_cpu(postmaster: i32) -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|entry| Stat::read(entry.file_name().to_str()?));
    let mut seconds = 0.0;
    for stat in stats {
        if stat.process == postmaster {
            seconds += stat.used + stat.children;
        } else if stat.parent == postmaster {
            seconds += stat.used;
        }
    }
    seconds
}

fn own_cpu() -> f64 {
    Stat::read("self").map_or(0.0, |stat| stat.used + stat.children)
}

/// The memory of this process that is resident.
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// A line of `/proc/<process>/stat`, times in seconds.
struct Stat {
    process: i32,
    name: String,
    parent: i32,
    used: f64,
    /// By its children that have ended and were waited for.
    children: f64,
}

impl Stat {
    fn read(process: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name is in parentheses and may itself contain some.
        let (head, rest) = line.rsplit_once(')')?;
        let (process, name) = head.split_once('(')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / TICKS);
        Some(Self {
            process: process.trim().parse().ok()?,
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            used: seconds(11)? + seconds(12)?,
            children: seconds(13)? + seconds(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_process_is_called() {
        let stat = Stat::parse("12 (a) b (c)) S 7 12 12 0 -1 0 1 2 3 4 150 50 30 20 20 0 1 0 5").unwrap();
        assert_eq!((stat.process, stat.name.as_str(), stat.parent), (12, "a) b (c)", 7));
        assert!((stat.used - 2.0).abs() < 1e-9 && (stat.children - 0.5).abs() < 1e-9);
        assert!(Stat::read("self").is_some_and(|own| own.process.unsigned_abs() == std::process::id()));
    }
}
