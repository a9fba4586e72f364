//! Definitions as they are stored: a text and the texts of the functions it was linked with, for ever.

use std::collections::BTreeMap;

use definitions::{ContentHash, Definition, DefinitionId};
use engine::{OrgId, Timestamp};

use crate::{Connection, Result};

/// A definition as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What runs pin.
    pub hash: ContentHash,
    /// What people call it.
    pub id: DefinitionId,
    /// Its text.
    pub source: String,
    /// The texts of the functions it was linked with, by `name:version`.
    pub functions: BTreeMap<String, String>,
    /// Who registered it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Registers a definition. Registering the same text again changes nothing.
///
/// Returns whether it is new.
///
/// # Errors
/// Its version is taken by another text; the database fails.
pub async fn register(
    connection: &mut Connection,
    org: OrgId,
    definition: &Definition,
    by: &str,
    at: Timestamp,
) -> Result<bool> {
    let _ = (connection, org, definition, by, at);
    Err(crate::Error::Stopped)
}

/// The definition of a hash.
///
/// # Errors
/// It is not registered in this organisation; the database fails.
pub async fn get(connection: &mut Connection, org: OrgId, hash: ContentHash) -> Result<Stored> {
    let _ = (connection, org, hash);
    Err(crate::Error::Stopped)
}

/// The registered versions of a name with their hashes, the latest (by semantic version) first.
///
/// # Errors
/// The database fails.
pub async fn versions(
    connection: &mut Connection,
    org: OrgId,
    namespace: &str,
    name: &str,
) -> Result<Vec<(DefinitionId, ContentHash)>> {
    let _ = (connection, org, namespace, name);
    Err(crate::Error::Stopped)
}

/// Every definition of an organisation, by name and version.
///
/// # Errors
/// The database fails.
pub async fn list(connection: &mut Connection, org: OrgId) -> Result<Vec<(DefinitionId, ContentHash)>> {
    let _ = (connection, org);
    Err(crate::Error::Stopped)
}
