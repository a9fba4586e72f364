//! `definition diff`: what another version changes, and where it would leave runs in flight standing.

use std::path::Path;

use analysis::diff::{Change, Changed};
use serde_json::json;

use crate::{
    catalogue::Catalogue,
    output::{Failure, Output},
};

/// Compares two versions.
pub(crate) fn diff(output: Output, old: &Path, new: &Path, home: &Path) -> Result<(), Failure> {
    let catalogue = Catalogue::new(home, crate::composition::host_functions());
    let (old, new) = (catalogue.one(old)?, catalogue.one(new)?);
    let found = analysis::diff::diff(&old, &new);
    found.changes.iter().for_each(|change| tell(output, change));
    output.line(|| match found.stranded.len() {
        0 => "a run could move from wherever it stands".to_owned(),
        places => format!("a run could not move from {places} places:"),
    });
    for stranded in &found.stranded {
        output.line(|| format!("  {}: {}", analysis::place(&stranded.pointer), stranded.reason));
    }
    output.document(|| json!(found));
    Ok(())
}

fn tell(output: Output, change: &Change) {
    let Change { place, kind } = change;
    match kind {
        Changed::Added => output.line(|| format!("+ {place}")),
        Changed::Removed => output.line(|| format!("- {place}")),
        Changed::Moved => output.line(|| format!("> {place} stands elsewhere")),
        Changed::Modified { properties } => {
            output.line(|| format!("~ {place}"));
            for (name, values) in properties {
                output.line(|| format!("    {name}: {} → {}", values.was, values.is));
            }
        }
    }
}
