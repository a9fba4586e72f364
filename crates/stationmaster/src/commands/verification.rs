//! `definition verify`: the guards of workflows, over all paths.

use std::{
    fs,
    path::{Path, PathBuf},
};

use analysis::verify::{Finding, Guards, Verdict};
use serde_json::{Value, json};

use crate::{
    catalogue::Catalogue,
    output::{Failure, Output},
};

/// Verifies definitions; fails if a guard is not proved, or if there is none.
pub(crate) fn verify(output: Output, paths: &[PathBuf], guards: &[PathBuf], home: &Path) -> Result<(), Failure> {
    let catalogue = Catalogue::new(home, crate::composition::host_functions());
    let library = catalogue.library()?;
    let guards = read(guards, &catalogue.workflows().join("guards"))?;
    let (mut proved, mut broken, mut rows) = (0_usize, 0_usize, Vec::new());
    for path in paths {
        for checked in catalogue.check(path).map_err(Failure::from_display)? {
            let definition = checked.definition.map_err(|findings| {
                let lines: Vec<_> =
                    findings.iter().map(|finding| format!("{}:{finding}", checked.file.display())).collect();
                Failure::new(lines.join("\n"))
            })?;
            for finding in guards.iter().flat_map(|guards| analysis::verify::verify(&definition, guards, &library)) {
                *(if finding.verdict.is_proved() { &mut proved } else { &mut broken }) += 1;
                tell(output, &finding);
                rows.push(row(&finding));
            }
        }
    }
    output.line(|| format!("{proved} guards proved, {broken} not"));
    output.document(|| json!({ "proved": proved, "broken": broken, "findings": rows }));
    match (proved, broken) {
        (0, 0) => Err(Failure::new("no guard speaks of these definitions: guards stand in `workflows/guards/`")),
        (_, 0) => Ok(()),
        _ => Err(Failure::silent()),
    }
}

fn read(given: &[PathBuf], directory: &Path) -> Result<Vec<Guards>, Failure> {
    let located = |path: &Path, reason: String| Failure::new(format!("{}: {reason}", path.display()));
    let mut files = given.to_vec();
    if files.is_empty() {
        for entry in fs::read_dir(directory).map_err(|error| located(directory, error.to_string()))? {
            let path = entry?.path();
            files.extend(path.extension().is_some_and(|extension| extension == "yaml").then_some(path));
        }
        files.sort();
    }
    let parse = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| located(path, error.to_string()))?;
        Guards::parse(&text).map_err(|error| located(path, error.to_string()))
    };
    files.iter().map(parse).collect()
}

fn tell(output: Output, finding: &Finding) {
    let Finding { guard, definition, verdict } = finding;
    match verdict {
        Verdict::Proved { states } => output.line(|| format!("proved   {definition}: {guard} ({states} states)")),
        Verdict::Unknown(why) => output.line(|| format!("UNKNOWN  {definition}: {guard}: {why}")),
        Verdict::Refuted(path) => {
            output.line(|| format!("REFUTED  {definition}: {guard}"));
            path.to_string().lines().for_each(|line| output.line(|| format!("         {line}")));
        }
    }
}

fn row(finding: &Finding) -> Value {
    let Finding { guard, definition, verdict } = finding;
    let mut row = json!({ "definition": definition.to_string(), "guard": guard });
    match verdict {
        Verdict::Proved { states } => {
            row["verdict"] = "proved".into();
            row["states"] = json!(states);
        }
        Verdict::Refuted(path) => {
            row["verdict"] = "refuted".into();
            row["counterexample"] = json!(path);
        }
        Verdict::Unknown(why) => {
            row["verdict"] = "unknown".into();
            row["reason"] = why.as_str().into();
        }
    }
    row
}
