//! `definition simulate` and `test`: runs in virtual time, against scenario files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use analysis::{
    Library,
    simulate::{Coverage, Report, Scenario, Scenarios},
};
use definitions::Definition;
use serde_json::{Value, json};

use crate::{
    catalogue::Catalogue,
    output::{Failure, Output},
};

/// Runs one definition and prints the timeline; fails if a scenario's expectations are not met.
pub(crate) fn simulate(
    output: Output,
    file: &Path,
    scenario: Option<&Path>,
    input: Option<&str>,
    home: &Path,
) -> Result<(), Failure> {
    let catalogue = Catalogue::new(home, crate::composition::host_functions());
    let definition = catalogue.one(file)?;
    let library = catalogue.library()?;
    let mut scenarios = match scenario {
        Some(path) => read(path)?.scenarios,
        None => vec![Scenario::default()],
    };
    if let Some(input) = input {
        let input: Value = super::argument(input)?;
        scenarios.iter_mut().for_each(|scenario| scenario.input = Some(input.clone()));
    }
    let mut failed = false;
    let mut documents = Vec::new();
    for scenario in &scenarios {
        let report = analysis::simulate::simulate(&definition, scenario, &library);
        if !scenario.name.is_empty() {
            output.line(|| format!("# {}", scenario.name));
        }
        report.lines().for_each(|line| output.line(|| line));
        output.line(|| outcome(&report));
        report.failures.iter().for_each(|failure| output.line(|| format!("FAILED: {failure}")));
        failed |= !report.failures.is_empty();
        documents.push(document(scenario, &report, true));
    }
    output.document(|| documents.into());
    if failed { Err(Failure::silent()) } else { Ok(()) }
}

/// Runs every scenario at or below some paths; fails if one does.
pub(crate) fn test(output: Output, paths: &[PathBuf], home: &Path) -> Result<(), Failure> {
    let catalogue = Catalogue::new(home, crate::composition::host_functions());
    let library = catalogue.library()?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    let mut documents = Vec::new();
    let mut covered: BTreeMap<String, Coverage> = BTreeMap::new();
    for path in paths {
        for file in scenario_files(path)? {
            let scenarios = read(&file)?;
            let definition = named(&library, &file, &scenarios.workflow)?;
            for scenario in &scenarios.scenarios {
                let report = analysis::simulate::simulate(definition, scenario, &library);
                let name = definition.id.to_string();
                tell(output, &name, scenario, &report);
                *(if report.failures.is_empty() { &mut passed } else { &mut failed }) += 1;
                documents.push(document(scenario, &report, false));
                covered.entry(name).or_insert_with(|| report.coverage.clone()).merge(&report.coverage);
            }
        }
    }
    covered.iter().for_each(|(name, coverage)| tell_coverage(output, name, coverage));
    output.line(|| format!("{passed} scenarios passed, {failed} failed"));
    let coverage = covered.iter().map(|(name, coverage)| (name.clone(), coverage_document(coverage)));
    let coverage: serde_json::Map<_, _> = coverage.collect();
    output.document(|| json!({ "passed": passed, "failed": failed, "scenarios": documents, "coverage": coverage }));
    match (passed, failed) {
        (0, 0) => Err(Failure::new("there are no scenarios: they stand in directories named `scenarios`")),
        (_, 0) => Ok(()),
        _ => Err(Failure::silent()),
    }
}

pub(crate) fn read(path: &Path) -> Result<Scenarios, Failure> {
    let located = |reason: String| Failure::new(format!("{}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| located(error.to_string()))?;
    Scenarios::parse(&text).map_err(|error| located(error.to_string()))
}

fn named<'l>(library: &'l Library, file: &Path, name: &str) -> Result<&'l Arc<Definition>, Failure> {
    library.find(name).ok_or_else(|| {
        Failure::new(format!("{}: there is no workflow `{name}`, or `definition lint` refuses it", file.display()))
    })
}

/// A file itself; of a directory, the YAML files in directories named `scenarios`.
fn scenario_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let located = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
    if !fs::metadata(path).map_err(located)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let inside = path.file_name().is_some_and(|name| name == "scenarios");
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(located)? {
        entries.push(entry.map_err(located)?.path());
    }
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(scenario_files(&entry)?);
        } else if inside && entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(entry);
        }
    }
    Ok(files)
}

fn tell(output: Output, name: &str, scenario: &Scenario, report: &Report) {
    let passed = report.failures.is_empty();
    let mark = if passed { "ok    " } else { "FAILED" };
    output.line(|| format!("{mark}  {name}: {} ({})", scenario.name, outcome(report)));
    if !passed {
        report.failures.iter().for_each(|failure| output.line(|| format!("        {failure}")));
        report.lines().for_each(|line| output.line(|| format!("        {line}")));
    }
}

fn outcome(report: &Report) -> String {
    format!("{} after {}", report.phase.name(), report.duration())
}

fn tell_coverage(output: Output, name: &str, coverage: &Coverage) {
    let ((tasks, all_tasks), (branches, all_branches)) = (coverage.tasks(), coverage.branches());
    output.line(|| {
        format!(
            "{:>4} %  {name}: {tasks} of {all_tasks} tasks, {branches} of {all_branches} branches",
            coverage.percent()
        )
    });
    coverage
        .missed_tasks()
        .for_each(|task| output.line(|| format!("        never entered: {}", analysis::place(task))));
    coverage.missed_branches().for_each(|branch| output.line(|| format!("        never taken: {branch}")));
}

fn coverage_document(coverage: &Coverage) -> Value {
    let missed = coverage.missed_branches().map(|branch| json!({ "task": branch.pointer, "way": branch.way }));
    json!({
        "percent": coverage.percent(),
        "tasks_missed": coverage.missed_tasks().collect::<Vec<_>>(),
        "branches_missed": missed.collect::<Vec<_>>(),
    })
}

fn document(scenario: &Scenario, report: &Report, timeline: bool) -> Value {
    let mut document = json!({
        "name": scenario.name,
        "phase": report.phase,
        "took_ms": report.took.num_milliseconds(),
        "failures": report.failures,
    });
    if timeline {
        document["timeline"] = json!(report.timeline);
    }
    document
}
