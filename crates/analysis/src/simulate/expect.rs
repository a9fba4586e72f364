//! Holding a report against what its scenario expects.

use definitions::{Data, Pointer};
use engine::Phase;
use serde_json::Value;

use super::{
    report::{Report, span},
    scenario::Expect,
};
use crate::TaskRef;

/// What is not as it was expected, each in a sentence.
pub(crate) fn unmet(expect: &Expect, report: &Report) -> Vec<String> {
    let mut unmet = Vec::new();
    phase(expect, report, &mut unmet);
    way(expect, report, &mut unmet);
    for (name, expected) in &expect.calls {
        let counted = report
            .calls
            .iter()
            .filter(|((pointer, function, version), _)| name.names(pointer) || name.is_function(function, version));
        let actual: usize = counted.map(|(_, count)| count).sum();
        if actual != *expected {
            unmet.push(format!("`{name}` was to be called {expected} times, and was called {actual} times"));
        }
    }
    let mut emitted = report.emitted.iter();
    if let Some(missing) = expect.emits.iter().find(|kind| !emitted.any(|emitted| emitted == *kind)) {
        unmet.push(format!(
            "`{missing}` was to be emitted (after the ones before it); emitted were {:?}",
            report.emitted
        ));
    }
    if let Some(within) = expect.within.filter(|within| report.took > within.0) {
        unmet.push(format!("the run was to end within {}, and took {}", span(within.0), span(report.took)));
    }
    if let Some(beyond) = expect.beyond.filter(|beyond| report.took < beyond.0) {
        unmet.push(format!("the run was to take {} at least, and took {}", span(beyond.0), span(report.took)));
    }
    unmet
}

fn phase(expect: &Expect, report: &Report, unmet: &mut Vec<String>) {
    let assumed = if expect.fault.is_some() { "faulted" } else { "completed" };
    let expected = expect.phase.as_deref().unwrap_or(assumed);
    if report.phase.name() != expected {
        let why = match &report.phase {
            Phase::Faulted { fault } => format!(": {fault}"),
            Phase::Cancelled { reason } => format!(": {reason}"),
            Phase::Completed { output } => format!(" with {output}"),
            Phase::Pending | Phase::Running | Phase::Suspended => String::new(),
        };
        unmet.push(format!("the run was to be {expected}, and is {}{why}", report.phase.name()));
    }
    let none = Data::NULL;
    let output = report.output().unwrap_or(&none);
    if let Some(expected) = expect.output.as_ref().filter(|expected| !output.contains(&Data::from((*expected).clone())))
    {
        unmet.push(format!("the output was to contain {expected}, and is {output}"));
    }
    let fault = match &report.phase {
        Phase::Faulted { fault } => fault.data(),
        Phase::Pending | Phase::Running | Phase::Suspended | Phase::Completed { .. } | Phase::Cancelled { .. } => none,
    };
    if let Some(expected) = expect.fault.as_ref().filter(|expected| !matches(&fault, expected)) {
        unmet.push(format!("the error was to contain {expected}, and is {fault}"));
    }
}

/// Whether the error has what is expected of it; types are compared as `catch` compares them.
fn matches(fault: &Data, expected: &Value) -> bool {
    let mut expected = expected.clone();
    if let (Some(entries), Some(kind)) = (expected.as_object_mut(), fault.get("type")) {
        let same = entries.get("type").and_then(Value::as_str).zip(kind.as_str());
        if same.is_some_and(|(wanted, actual)| definitions::same_error_type(actual, wanted)) {
            entries.insert("type".to_owned(), Value::from(&kind));
        }
    }
    fault.contains(&Data::from(expected))
}

fn way(expect: &Expect, report: &Report, unmet: &mut Vec<String>) {
    let mut way = report.way.iter();
    let passes = |name: &&TaskRef| !way.any(|pointer: &Pointer| name.names(pointer));
    if let Some(missed) = expect.passes.iter().find(passes) {
        unmet.push(format!("the run was to pass `{missed}` (after the ones before it), and did not"));
    }
    for name in &expect.avoids {
        if report.way.iter().any(|pointer| name.names(pointer)) {
            unmet.push(format!("the run was to avoid `{name}`, and passed it"));
        }
    }
}
