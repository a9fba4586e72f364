//! The embedded PostgreSQL: a private cluster, started from the machine's own
//! binaries, and throw-away databases for tests.
//!
//! It is a real PostgreSQL, so nothing above this crate knows the difference
//! to a `DATABASE_URL`. Called by the binary (`dev`, `demo`, and every verb
//! that has no `DATABASE_URL`) and, through [`testing`], by the tests of all
//! crates that speak SQL.
//!
//! ```text
//! <directory>/            owned by the caller
//! ├── data/               the cluster, owned by the server's account, 0700
//! ├── run/                the socket,  owned by the server's account, 0700
//! ├── server.log          locked by the server while one of its processes lives
//! ├── users.lock          locked (shared) by every process that uses the server
//! └── transition.lock     locked while somebody starts or stops the server
//! ```
//!
//! Invariants:
//! - Who may enter `run/` may connect, as superuser: the server's account and
//!   root. There is no TCP listener and no password.
//! - All state of "who runs it, who uses it" is in `flock` locks, which the
//!   kernel releases when a process dies, however it dies. No pid is trusted.
//! - The last user to leave stops the server. A user killed with `SIGKILL`
//!   leaves it running, and the next one takes it over.

mod account;
mod binaries;
mod error;
mod layout;
mod server;
pub mod testing;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

pub use binaries::Search;
pub use error::Error;

use account::Account;
use binaries::Binaries;
use layout::Layout;
use server::Server;

/// The superuser of every cluster made here.
const SUPERUSER: &str = "stationmaster";

/// Where a cluster lives and how it is found.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster's directory; made when missing.
    pub directory: PathBuf,
    /// Where PostgreSQL's programs are looked for.
    pub search: Search,
    /// How long a start may take, recovery after a crash included.
    pub patience: Duration,
}

impl Options {
    /// A cluster in `directory`, from the machine's own binaries.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), search: Search::machine(), patience: Duration::from_secs(180) }
    }

    /// A cluster in the directory `postgres` of [`data_home`].
    ///
    /// # Errors
    /// [`Error::NoDataHome`] if no directory can be derived.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(data_home()?.join("postgres")))
    }
}

/// The service's own data directory.
///
/// `STATIONMASTER_DATA`; else, for root, `/var/lib/stationmaster` (the
/// server's account must be able to enter it, which rules out root's home);
/// else `XDG_DATA_HOME/stationmaster` or `~/.local/share/stationmaster`.
///
/// # Errors
/// [`Error::NoDataHome`] if none of these variables is set.
pub fn data_home() -> Result<PathBuf, Error> {
    layout::data_home(|name| std::env::var_os(name), rustix::process::geteuid().is_root())
}

/// A running embedded server, and this process's claim on it.
///
/// Leave it with [`Cluster::stop`]; dropping does the same as well as it can.
#[derive(Debug)]
pub struct Cluster {
    layout: Layout,
    account: Account,
    binaries: Binaries,
    server: Server,
    /// Reaps the server, if this process spawned it.
    reaper: Option<JoinHandle<std::io::Result<ExitStatus>>>,
    /// The claim; `None` once given back.
    claim: Option<layout::Claim>,
}

impl Cluster {
    /// Makes the cluster if it is new, starts its server if none runs, and
    /// joins it. Returns when it accepts connections.
    ///
    /// # Errors
    /// What stands in the way, with what to do about it; if the server itself
    /// failed, with the end of its log.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let deadline = Instant::now() + options.patience;
        let account = Account::for_server()?;
        let layout = Layout::prepare(&options.directory, &account)?;
        let transition = layout.begin_transition(deadline).await?;
        let binaries = options.search.find(layout.data_version()?)?;
        if layout.data_version()?.is_none() {
            server::initialise(&binaries, &account, &layout, server::Durability::Full).await?;
        }
        let (server, child) = server::ensure(&binaries, &account, &layout, deadline).await?;
        let claim = layout.claim()?;
        drop(transition);
        // At once, whenever it ends: PostgreSQL takes a dead but unreaped
        // server for a living one and refuses to start the next.
        let reaper = child.map(|mut child| std::thread::spawn(move || child.wait()));
        Ok(Self { layout, account, binaries, server, reaper, claim: Some(claim) })
    }

    /// Whether this process started the server (rather than joined one that
    /// already ran).
    #[must_use]
    pub const fn started_here(&self) -> bool {
        self.reaper.is_some()
    }

    /// The directory of the server's socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        self.server.socket_directory()
    }

    /// How to connect to `database` with sqlx.
    #[must_use]
    pub fn connect_options(&self, database: &str) -> PgConnectOptions {
        self.server.connect_options(database)
    }

    /// The URL of `database`, for sqlx and for `psql`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(&self.connect_options(database))
    }

    /// Creates `database` if it is missing.
    ///
    /// # Errors
    /// [`Error::Database`] if the server refuses.
    pub async fn ensure_database(&self, database: &str) -> Result<(), Error> {
        let context = |source| Error::Database { action: format!("create database {database}"), source };
        let options = self.connect_options("postgres");
        let mut connection = PgConnection::connect_with(&options).await.map_err(context)?;
        let exists = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
            .bind(database)
            .fetch_optional(&mut connection)
            .await
            .map_err(context)?;
        if exists.is_none() {
            let create = AssertSqlSafe(format!("CREATE DATABASE {}", quoted(database)));
            match sqlx::query(create).execute(&mut connection).await {
                Err(error) if !is_duplicate(&error) => return Err(context(error)),
                _ => {}
            }
        }
        connection.close().await.map_err(context)
    }

    /// Leaves the server; the last to leave shuts it down (fast: open
    /// transactions are rolled back) and waits until it is gone.
    ///
    /// # Errors
    /// If the server could not be stopped.
    pub async fn stop(mut self) -> Result<(), Error> {
        tokio::task::spawn_blocking(move || {
            let transition = self.layout.begin_transition_blocking()?;
            let left = self.leave();
            drop(transition);
            left
        })
        .await
        .map_err(|source| Error::Io { action: "stop the server".into(), source: source.into() })?
    }

    /// Gives the claim back and stops the server if nobody else has one.
    /// Called under the transition lock.
    fn leave(&mut self) -> Result<(), Error> {
        let Some(claim) = self.claim.take() else { return Ok(()) };
        if !claim.give_back()? {
            tracing::debug!(directory = %self.layout.directory().display(), "left the server to its other users");
            return Ok(());
        }
        server::stop(&self.binaries, &self.account, &self.layout)?;
        self.layout.remove_socket_directory(self.server.socket_directory());
        match self.reaper.take().map(JoinHandle::join) {
            Some(Ok(Err(source))) => Err(Error::Io { action: "wait for the server".into(), source }),
            _ => Ok(()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.claim.is_none() {
            return;
        }
        // Never blocks on the lock: whoever holds it may be waiting for this
        // very thread. Then the server stays, and its next user takes it over.
        let left = match self.layout.try_begin_transition() {
            Ok(Some(_transition)) => self.leave(),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = left {
            tracing::warn!(%error, "the embedded server was not stopped");
        }
    }
}

/// The URL of `options`, reduced to what libpq understands as well.
fn url(options: &PgConnectOptions) -> String {
    let mut url = options.to_url_lossy();
    url.set_query(None);
    url.into()
}

/// `name` as a quoted SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether somebody else created the same database at the same time
/// (`duplicate_database`, or the unique index when truly simultaneous).
fn is_duplicate(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("42P04" | "23505"))
}

#[cfg(test)]
mod tests;
