//! What a child may use: limits of the operating system, and a watchdog that ends it when its processor time is used up.
//!
//! Time is processor time: an evaluation that had to wait for others is not a long one.

use std::{
    io::{self, Write},
    process,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

/// How a child ends that has used up its time.
pub(crate) const OUT_OF_TIME: i32 = 3;

/// The stack of the thread that evaluates, which is not to be what legitimate recursion meets first.
pub(crate) const STACK_BYTES: usize = 128 << 20;

/// Everything that a child may map: its program, two large stacks (the compiler has one of its own), and half a gigabyte.
const ADDRESS_SPACE: u64 = 1 << 30;

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(10);

/// Gives up what a child does not need, for good.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn confine() -> io::Result<()> {
    // When memory is short, the kernel is to take a child before anything else; where it cannot be told, so be it.
    if let Ok(mut file) = std::fs::File::options().write(true).open("/proc/self/oom_score_adj") {
        drop(file.write_all(b"1000"));
    }
    let exactly = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::As, exactly(ADDRESS_SPACE))?;
    setrlimit(Resource::Fsize, exactly(0))?;
    setrlimit(Resource::Core, exactly(0))?;
    setrlimit(Resource::Nofile, exactly(8))?; // standard streams and the socket
    Ok(())
}

/// Ends the process when an evaluation has used up its processor time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchdog(Arc<Watched>);

#[derive(Debug, Default)]
struct Watched {
    /// The processor time of this process at which it ends, while something is evaluated.
    end: Mutex<Option<Duration>>,
    begun: Condvar,
}

impl Watchdog {
    /// Starts to watch.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(crate) fn start() -> io::Result<Self> {
        let watchdog = Self::default();
        let watched = Arc::clone(&watchdog.0);
        thread::Builder::new().name("watchdog".to_owned()).stack_size(64 << 10).spawn(move || watched.watch())?;
        Ok(watchdog)
    }

    /// Watches an evaluation that may use so much processor time.
    pub(crate) fn during<T>(&self, time: Duration, evaluate: impl FnOnce() -> T) -> T {
        let end = used().saturating_add(time);
        // Should the watchdog fail, the kernel does its work a little later.
        let last = Some(end.as_secs() + 2);
        let _ = setrlimit(Resource::Cpu, Rlimit { current: last, maximum: None });
        self.0.set(Some(end));
        let result = evaluate();
        self.0.set(None);
        result
    }
}

impl Watched {
    fn set(&self, end: Option<Duration>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
        self.begun.notify_one();
    }

    fn watch(&self) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            end = match *end {
                None => self.begun.wait(end).unwrap_or_else(PoisonError::into_inner),
                Some(limit) if used() >= limit => process::exit(OUT_OF_TIME),
                Some(_) => self.begun.wait_timeout(end, LOOK).unwrap_or_else(PoisonError::into_inner).0,
            }
        }
    }
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}
