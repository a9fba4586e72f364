//! Registering the definitions of the home directory.

use engine::{OrgId, Timestamp};
use store::{Store, definitions};

use crate::{catalogue::Catalogue, output::Failure};

/// Registers every definition below `workflows/`; gives how many are new. Nothing is registered if one is refused.
pub(crate) async fn register(
    store: &Store,
    org: OrgId,
    catalogue: &Catalogue,
    at: Timestamp,
) -> Result<usize, Failure> {
    let workflows = catalogue.workflows();
    if !workflows.is_dir() {
        let why = "it holds the definitions of the service; name its parent directory by --home or STATIONMASTER_HOME";
        return Err(Failure::new(format!("{} is no directory: {why}", workflows.display())));
    }
    let mut checked = Vec::new();
    for file in catalogue.check(&workflows)? {
        let definition = file.definition.map_err(|findings| {
            let lines: Vec<_> = findings.iter().map(|finding| format!("{}:{finding}", file.file.display())).collect();
            Failure::new(lines.join("\n"))
        })?;
        checked.push(definition);
    }
    let mut transaction = store.begin(org).await?;
    let mut new = 0;
    for definition in &checked {
        new += usize::from(definitions::register(&mut transaction, org, definition, "service", at).await?);
    }
    transaction.commit().await?;
    Ok(new)
}
