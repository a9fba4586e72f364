//! What a run may start: the workflows that its definition names, each resolved to one content hash when the run starts,
//! `latest` included. Its first fact pins them, so that a version registered later never touches it (DESIGN 5, 9).

use std::collections::{BTreeMap, HashMap};

use semver::Version;
use uuid::Uuid;

use crate::{Connection, Result, history::content_hash};

/// The hashes of the workflows that a run may start, by `namespace/name:version` as its definition names them. One that is
/// not registered is absent, and the task that wants it fails.
pub(crate) type Pins = BTreeMap<String, String>;

/// The pins of runs that start now, by organisation and definition.
pub(super) async fn resolve(
    connection: &mut Connection,
    orgs: &[Uuid],
    definitions: &[Vec<u8>],
) -> Result<HashMap<(Uuid, Vec<u8>), Pins>> {
    let mut rows = sqlx::query_file!("queries/pins.sql", orgs, definitions).fetch_all(connection).await?;
    // The greatest version comes last, and stays.
    rows.sort_by_cached_key(|row| Version::parse(&row.version).ok());
    let mut pins = HashMap::<_, Pins>::new();
    for row in rows {
        let name = format!("{}/{}:{}", row.namespace, row.name, row.named);
        let hash = content_hash(&row.hash)?.to_string();
        pins.entry((row.org_id, row.definition)).or_default().insert(name, hash);
    }
    Ok(pins)
}
