//! `definition …`: what can be said of a definition without running it.

use std::path::{Path, PathBuf};

use definitions::Severity;
use serde_json::json;

use crate::{
    catalogue::Catalogue,
    cli::Definition,
    client::Client,
    commands::{comparison, picture, simulation, verification},
    output::{Failure, Output},
};

/// Performs one of the verbs.
pub(crate) async fn definition(output: Output, verb: Definition) -> Result<(), Failure> {
    match verb {
        Definition::Lint { paths, home } => lint(output, &paths, &home.home),
        Definition::Simulate { file, scenario, input, home } => {
            simulation::simulate(output, &file, scenario.as_deref(), input.as_deref(), &home.home)
        }
        Definition::Verify { paths, guards, home } => verification::verify(output, &paths, &guards, &home.home),
        Definition::Graph { file, format, output: to, run, scenario, home, remote } => {
            let progress = match (run, scenario) {
                (Some(run), _) => picture::Of::Run(Client::new(&remote)?, run),
                (None, Some(file)) => picture::Of::Scenario(file),
                (None, None) => picture::Of::Nothing,
            };
            picture::graph(&file, format, to.as_deref(), progress, &home.home).await
        }
        Definition::Diff { old, new, home } => comparison::diff(output, &old, &new, &home.home),
        Definition::List { remote } => list(output, &Client::new(&remote)?).await,
    }
}

/// Checks files and directories; fails if any definition is refused.
fn lint(output: Output, paths: &[PathBuf], home: &Path) -> Result<(), Failure> {
    let catalogue = Catalogue::new(home, crate::composition::host_functions());
    let (mut files, mut errors, mut rows) = (0_usize, 0_usize, Vec::new());
    for path in paths {
        for checked in catalogue.check(path).map_err(Failure::from_display)? {
            files += 1;
            let findings = checked.definition.map_or_else(|findings| findings, |definition| definition.warnings);
            for finding in findings {
                errors += usize::from(finding.severity == Severity::Error);
                output.line(|| format!("{}:{finding}", checked.file.display()));
                rows.push(json!({ "file": checked.file, "finding": finding }));
            }
        }
    }
    output.line(|| format!("{files} definitions checked, {errors} errors, {} warnings", rows.len() - errors));
    output.document(|| json!({ "checked": files, "errors": errors, "findings": rows }));
    if errors > 0 { Err(Failure::silent()) } else { Ok(()) }
}

/// Lists the registered definitions.
async fn list(output: Output, client: &Client) -> Result<(), Failure> {
    let answer = client.get("/definitions").await?;
    for definition in answer["definitions"].as_array().into_iter().flatten() {
        let word = |name: &str| definition[name].as_str().unwrap_or_default().to_owned();
        output.line(|| format!("{}/{}:{}  {}", word("namespace"), word("name"), word("version"), word("hash")));
    }
    output.document(|| answer);
    Ok(())
}
