//! Starting a run by the name of its definition: the port to whoever can link definitions.
//!
//! `store` starts runs of a hash with their sub-workflows resolved; finding both by name takes the linked definition, which
//! this crate does not have.

use definitions::Data;
use engine::{OrgId, RunId, Timestamp};
use futures::future::BoxFuture;
use store::{Connection, runs::Priority};

/// A run to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The organisation.
    pub org: OrgId,
    /// The definition's namespace.
    pub namespace: String,
    /// The definition's name.
    pub name: String,
    /// Its version; the latest if absent.
    pub version: Option<String>,
    /// The run's input.
    pub input: Data,
    /// Which workers run it.
    pub queue: String,
    /// How soon.
    pub priority: Priority,
    /// Who starts it.
    pub started_by: String,
    /// The engine's now.
    pub at: Timestamp,
}

/// Starts runs by name.
pub trait Launcher: Send + Sync {
    /// Starts a run in the caller's transaction. An unknown definition is [`store::Error::UnknownDefinition`].
    fn launch<'a>(&'a self, connection: &'a mut Connection, launch: Launch) -> BoxFuture<'a, store::Result<RunId>>;
}
