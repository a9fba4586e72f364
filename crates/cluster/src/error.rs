//! What can go wrong with an embedded server, said to the person at the
//! terminal: what was tried, what was found, what to do.

use std::path::PathBuf;

use crate::binaries::OLDEST_MAJOR;

/// Why a cluster could not be started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No PostgreSQL on this machine.
    #[error(
        "no PostgreSQL programs (initdb, postgres, pg_ctl) found; searched: {searched}. \
         Install PostgreSQL {OLDEST_MAJOR} or newer (Debian and Ubuntu: apt-get install postgresql; \
         macOS: brew install postgresql), or set DATABASE_URL to a server that already runs"
    )]
    BinariesNotFound {
        /// The directories looked into, in order.
        searched: String,
    },
    /// There is a PostgreSQL, but not one that can serve this directory.
    #[error(
        "PostgreSQL {wanted} is needed, found only {found}. \
         Install it, or set DATABASE_URL to a server that already runs"
    )]
    VersionNotFound {
        /// The version and why it is needed.
        wanted: String,
        /// The versions found, with their directories.
        found: String,
    },
    /// No variable tells where data may be kept.
    #[error("no place for the data: set STATIONMASTER_DATA (or HOME) to a directory")]
    NoDataHome,
    /// PostgreSQL refuses to run as root and there is no account for it.
    #[error(
        "PostgreSQL refuses to run as root, and neither the user postgres nor the user nobody \
         exists: run as another user, or set DATABASE_URL"
    )]
    NoServerAccount,
    /// The account that PostgreSQL runs as cannot enter the directory.
    #[error(
        "{directory} cannot be entered by the user {account}, as which PostgreSQL runs here: \
         {obstacle} is closed to it. Set STATIONMASTER_DATA to a directory outside it"
    )]
    Unreachable {
        /// The cluster's directory.
        directory: PathBuf,
        /// The user that the server runs as.
        account: String,
        /// The ancestor without search permission.
        obstacle: PathBuf,
    },
    /// Somebody else is starting or stopping the same server.
    #[error("{directory} is being started or stopped by another process, which does not finish")]
    Busy {
        /// The cluster's directory.
        directory: PathBuf,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// Its path.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it printed.
        output: String,
    },
    /// The server ended while it started.
    #[error("PostgreSQL did not start. The end of {log}:\n{tail}")]
    Exited {
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server did not accept connections in time.
    #[error("PostgreSQL does not accept connections in time. The end of {log}:\n{tail}")]
    NotReady {
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// A file or a process could not be handled.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The server refused a statement or a connection.
    #[error("cannot {action}: {source}")]
    Database {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// A template's name is not usable in a database name.
    #[error("the template name {name:?} must be 1 to 40 characters of a-z, 0-9 and _")]
    TemplateName {
        /// The name given.
        name: String,
    },
    /// The caller's set-up of a template database failed.
    #[error("setting up the template database {name} failed: {source}")]
    TemplateSetup {
        /// The template's name.
        name: String,
        /// What the set-up returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Maps an I/O error of `action` ("create /some/path").
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
