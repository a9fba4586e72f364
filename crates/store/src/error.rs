//! What can go wrong between the engine and its database.

use engine::{OrgId, RunId};
use thiserror::Error;

/// An error of the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// PostgreSQL, or the way to it.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration.
    #[error("the schema could not be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A stored text is not what was written.
    #[error("{what} cannot be read back: {source}")]
    Corrupt {
        /// Which text.
        what: String,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
    /// A value has no JSON text.
    #[error("{what} cannot be written as JSON: {source}")]
    Unwritable {
        /// Which value.
        what: &'static str,
        /// Why it cannot be written.
        source: serde_json::Error,
    },
    /// A run was asked for that does not exist, or not in this organisation.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// A definition was named that is not registered.
    #[error("organisation {org} has no definition {definition}: register it first")]
    UnknownDefinition {
        /// The organisation.
        org: OrgId,
        /// Its hash, or `namespace/name:version`.
        definition: String,
    },
    /// What is stored is refused by this version of the program.
    #[error("definition {definition} cannot be parsed by this version: {reason}")]
    UnreadableDefinition {
        /// `namespace/name:version`.
        definition: String,
        /// Why.
        reason: String,
    },
    /// Another text is registered under the same namespace, name and version.
    #[error("{0} is registered with another content: raise its version")]
    VersionTaken(String),
    /// A command does not fit where the run stands.
    #[error("run {run} is {phase}: it cannot be {command}")]
    CommandRefused {
        /// The run.
        run: RunId,
        /// Where it stands.
        phase: String,
        /// What was asked, as a participle.
        command: &'static str,
    },
    /// A child run has the identifier of another run, or a definition that is not registered.
    #[error("child run {0} could not be started: its definition is not registered, or its identifier is taken")]
    ChildRefused(RunId),
    /// The committer's task has ended.
    #[error("the committer has stopped; nothing more can be committed")]
    Stopped,
}

impl Error {
    /// Whether the same work may succeed when it is tried again: the connection failed, or two transactions crossed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => is_transient(error),
            _ => false,
        }
    }
}

/// Whether the statement itself was not at fault.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            let class = &code[..2.min(code.len())];
            // Crossed transactions; connection, resource, operator and system failures.
            class == "40" || class == "08" || class == "53" || class == "57" || class == "58" || code == "55P03"
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}
