//! One supervised program: a process group of its own, its output in a file, killed as a whole
//! when its time is over, when it is no longer wanted, and when this process dies.
//!
//! The last is done without any trust in us: the group's shell reads a pipe that only we hold
//! open. When we are gone, even by SIGKILL, the pipe ends and the shell kills its own group. Until
//! then the group keeps the lock under which it works, so that nobody begins the same work anew.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::lock::Lock;

/// A program and its surroundings; no variable of this process reaches it but those listed.
#[derive(Debug, Clone)]
pub(super) struct Invocation<'a> {
    /// What stays locked until the last process of the group is gone.
    pub(super) lock: &'a Lock,
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) directory: PathBuf,
}

/// How a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It ended with this code, or was ended by a signal.
    Exit(Option<i32>),
    /// It did not end in time.
    Timeout(Duration),
    /// It could not be started, or not be watched.
    Start(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(Some(127)) => write!(f, "the program was not found (exit code 127)"),
            Self::Exit(Some(code)) => write!(f, "exit code {code}"),
            Self::Exit(None) => write!(f, "ended by a signal"),
            Self::Timeout(limit) => write!(f, "not done in {} s, killed", limit.as_secs()),
            Self::Start(reason) => write!(f, "not started: {reason}"),
        }
    }
}

/// Runs the program beside a watcher that waits for the end of our pipe. The watcher outlives the
/// program, so that closing the pipe also ends whatever the program left behind. The lock comes in
/// as standard error and is moved aside.
const SUPERVISOR: &str = r#"
exec 3<&0 4>&2 2>&1
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 &
"$@" 3<&- </dev/null
"#;

/// Kills the group when dropped before its leader was seen to end.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // Fails only when the whole group is gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs `what` for at most `limit`, its output appended to `log`. Dropping the future kills it.
pub(super) async fn run(what: &Invocation<'_>, log: &Path, limit: Duration) -> Result<(), Failure> {
    let start = |error: std::io::Error| Failure::Start(error.to_string());
    let output = std::fs::OpenOptions::new().create(true).append(true).open(log).map_err(start)?;
    let lock = what.lock.handle().map_err(start)?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", SUPERVISOR, "supervisor"])
        .arg(&what.program)
        .args(&what.args)
        .env_clear()
        .envs(what.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&what.directory)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(lock)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    // Kept open until the end: its end is the sign of our death. `wait` would close it.
    let _alive = child.stdin.take();
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    match tokio::time::timeout(limit, child.wait()).await {
        Err(_) => Err(Failure::Timeout(limit)),
        Ok(Err(error)) => Err(start(error)),
        Ok(Ok(status)) => {
            group.0 = None;
            if status.success() { Ok(()) } else { Err(Failure::Exit(status.code())) }
        }
    }
}

#[cfg(test)]
mod tests;
