//! Starting a run by the name of its definition.
//!
//! The run keeps the versions that there are now, of its definition and of every workflow of the organisation that it may
//! start: by name and version, and the latest of each name as `latest` (DESIGN 5, 9).

use std::collections::BTreeMap;

use definitions::{ContentHash, Data, DefinitionId};
use engine::{OrgId, RunId, Timestamp};
use semver::Version;
use store::{
    Connection, Error, definitions as registry,
    runs::{self, NewRun, Priority},
};

/// A run to start.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) id: RunId,
    pub(crate) org: OrgId,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The latest if absent.
    pub(crate) version: Option<String>,
    pub(crate) input: Data,
    pub(crate) queue: String,
    pub(crate) priority: Priority,
    pub(crate) started_by: String,
    pub(crate) at: Timestamp,
}

/// Starts the run in the caller's transaction.
///
/// # Errors
/// The definition is not registered; the database fails.
pub(crate) async fn launch(connection: &mut Connection, launch: Launch) -> store::Result<()> {
    let versions = registry::versions(connection, launch.org, &launch.namespace, &launch.name).await?;
    let wanted = |id: &DefinitionId| launch.version.as_deref().is_none_or(|version| *id.version == *version);
    let Some((_, definition)) = versions.into_iter().find(|(id, _)| wanted(id)) else {
        let version = launch.version.as_deref().unwrap_or("latest");
        let definition = format!("{}/{}:{version}", launch.namespace, launch.name);
        return Err(Error::UnknownDefinition { org: launch.org, definition });
    };
    let run = NewRun {
        id: launch.id,
        org: launch.org,
        definition,
        workflows: pinned(registry::list(connection, launch.org).await?),
        input: launch.input,
        queue: launch.queue,
        priority: launch.priority,
        started_by: launch.started_by,
        at: launch.at,
    };
    runs::start(connection, &run).await.map(drop)
}

/// Every definition under its own name, and the latest of each under `latest`.
fn pinned(mut all: Vec<(DefinitionId, ContentHash)>) -> BTreeMap<String, String> {
    let order = |id: &DefinitionId| Version::parse(&id.version).ok();
    all.sort_by_cached_key(|(id, _)| order(id));
    let names = all.iter().flat_map(|(id, hash)| {
        let latest = format!("{}/{}:latest", id.namespace, id.name);
        [(id.to_string(), hash.to_string()), (latest, hash.to_string())]
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_is_the_greatest_version_and_not_the_last_text() {
        let definition = |name: &str, version: &str, hash| {
            (
                DefinitionId { namespace: "n".into(), name: name.into(), version: version.into() },
                ContentHash([hash; 32]),
            )
        };
        let all = vec![
            definition("a", "1.10.0", 3),
            definition("a", "1.9.0", 2),
            definition("a", "1.10.0-rc.1", 1),
            definition("b", "0.1.0", 4),
        ];
        let pinned = pinned(all);
        assert_eq!(pinned["n/a:latest"], ContentHash([3; 32]).to_string());
        assert_eq!(pinned["n/a:1.9.0"], ContentHash([2; 32]).to_string());
        assert_eq!(pinned["n/b:latest"], ContentHash([4; 32]).to_string());
        assert_eq!(pinned.len(), 6);
    }
}
