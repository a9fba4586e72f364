//! PostgreSQL's own programs, run: `initdb`, `postgres`, `pg_ctl stop`.
//!
//! Callers hold the transition lock. Whether a server lives is told by the
//! lock on its log (see [`Layout::lock_log`]), whether it is ready by the
//! status line of its `postmaster.pid`, as `pg_ctl` does it.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use sqlx::postgres::PgConnectOptions;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::layout::{Layout, SOCKET, TICK};
use crate::{Error, SUPERUSER};

/// Part of [`SOCKET`]; there is no TCP port.
const PORT: u16 = 5432;

/// How long a fast shutdown may take, in seconds.
const STOP_SECONDS: &str = "60";

/// Settings of every server, on the command line so that they always hold.
/// Who wants to tune a server brings their own in `DATABASE_URL`.
const SETTINGS: [&str; 8] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "shared_buffers=128MB",
    "synchronous_commit=on",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// Whether data survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does.
    Full,
    /// It need not: tests.
    None,
}

/// A server that accepts connections.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    socket: PathBuf,
}

impl Server {
    pub(crate) fn socket_directory(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn connect_options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass().socket(&self.socket).port(PORT).username(SUPERUSER).database(database)
    }
}

/// Makes a new cluster. The data appear complete or not at all.
pub(crate) async fn initialise(
    binaries: &Binaries,
    account: &Account,
    layout: &Layout,
    durability: Durability,
) -> Result<(), Error> {
    let new = layout.new_data(account)?;
    let mut command = command(binaries.path("initdb"), account, layout);
    command
        .arg("--pgdata")
        .arg(&new)
        .args(["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C"])
        .args(["--data-checksums", "--no-instructions"]);
    if durability == Durability::None {
        command.arg("--no-sync");
    }
    let output = tokio::process::Command::from(command).output().await;
    check(binaries.path("initdb"), output)?;
    layout.adopt_data(&new)
}

/// A server that accepts connections on the cluster: the one that lives, or
/// a new one, with its process.
pub(crate) async fn ensure(
    binaries: &Binaries,
    account: &Account,
    layout: &Layout,
    deadline: Instant,
) -> Result<(Server, Option<Child>), Error> {
    // One that was left by a killed process may still be starting or stopping.
    let log = match await_ready(layout, deadline).await? {
        State::Ready(server) => return Ok((server, None)),
        State::Ended(log) => log,
    };
    if ready_socket(&layout.data()).is_none() {
        layout.remove_pids()?;
    }
    let command = postgres(binaries, account, layout, Durability::Full)?;
    let child = spawn(command, log)?;
    match await_ready(layout, deadline).await? {
        State::Ready(server) => Ok((server, Some(child))),
        State::Ended(_) => Err(Error::Exited { log: layout.log(), tail: layout.log_tail() }),
    }
}

/// The command that runs the server on `layout`.
pub(crate) fn postgres(
    binaries: &Binaries,
    account: &Account,
    layout: &Layout,
    durability: Durability,
) -> Result<Command, Error> {
    let socket = layout.socket_directory(account)?;
    let mut command = command(binaries.path("postgres"), account, layout);
    command.arg("-D").arg(layout.data()).args(["-p", &PORT.to_string()]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    // A list of quoted paths, in PostgreSQL's eyes.
    let quoted = crate::quoted(&socket.to_string_lossy());
    command.arg("-c").arg(format!("unix_socket_directories={quoted}"));
    if durability == Durability::None {
        command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    Ok(command)
}

/// Starts `command` with the log, and the log's lock, as its output. It gets
/// a process group of its own: Ctrl-C in the terminal is for the service,
/// which still needs its database while it drains.
pub(crate) fn spawn(mut command: Command, log: File) -> Result<Child, Error> {
    Layout::trim_log(&log)?;
    let duplicate = log.try_clone().map_err(Error::io("duplicate the log's descriptor"))?;
    command
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(duplicate))
        .process_group(0)
        .spawn()
        .map_err(Error::io("run postgres"))
}

/// What a wait for a server comes to.
#[derive(Debug)]
pub(crate) enum State {
    /// It accepts connections.
    Ready(Server),
    /// None lives; the log is locked for the next.
    Ended(File),
}

/// Waits until the server that lives accepts connections, or has ended.
pub(crate) async fn await_ready(layout: &Layout, deadline: Instant) -> Result<State, Error> {
    loop {
        if let Some(log) = layout.lock_log()? {
            return Ok(State::Ended(log));
        }
        if let Some(socket) = ready_socket(&layout.data()) {
            return Ok(State::Ready(Server { socket }));
        }
        if Instant::now() >= deadline {
            return Err(Error::NotReady { log: layout.log(), tail: layout.log_tail() });
        }
        tokio::time::sleep(TICK).await;
    }
}

/// The socket's directory, once `postmaster.pid` (its fifth and eighth line)
/// calls the server ready and somebody listens: a killed server's file keeps
/// saying so while the last of its processes go.
fn ready_socket(data: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let socket = lines.nth(4)?;
    let ready = lines.nth(2)?.trim() == "ready";
    let listens = || UnixStream::connect(Path::new(socket).join(SOCKET)).is_ok();
    (ready && listens()).then(|| socket.into())
}

/// Stops the server, if one lives, and waits until it is gone.
pub(crate) fn stop(binaries: &Binaries, account: &Account, layout: &Layout) -> Result<(), Error> {
    if layout.lock_log()?.is_some() {
        return Ok(());
    }
    let output = command(binaries.path("pg_ctl"), account, layout)
        .args(["stop", "--silent", "--wait", "--mode=fast", "--timeout", STOP_SECONDS, "--pgdata"])
        .arg(layout.data())
        .output();
    check(binaries.path("pg_ctl"), output)?;
    await_end(&layout.log())
}

/// Waits until the last process of the server has let go of its log.
fn await_end(log: &Path) -> Result<(), Error> {
    let wait = || File::open(log)?.lock();
    wait().map_err(Error::io("wait for the server's end"))
}

/// `program` as `account`, in a directory that it may enter, and with nothing
/// in its environment that would bend it.
pub(crate) fn command(program: PathBuf, account: &Account, layout: &Layout) -> Command {
    let mut command = Command::new(program);
    let bending = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_str().is_some_and(|name| name.starts_with("PG") || name.starts_with("LC_")));
    for name in bending {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").current_dir(layout.directory()).stdin(Stdio::null());
    account.run(&mut command);
    command
}

/// Turns a failed run of `program` into an error that tells what it printed.
fn check(program: PathBuf, output: std::io::Result<std::process::Output>) -> Result<(), Error> {
    let output = output.map_err(Error::io(format!("run {}", program.display())))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let output_text = String::from_utf8_lossy(&printed).trim().to_owned();
    Err(Error::Program { program, status: output.status, output: output_text })
}
