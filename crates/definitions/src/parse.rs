//! From the document's tree to the typed workflow: the grammar, the static rules, and the linking of functions.
//!
//! Parsing goes on after a finding, so that an author sees all of them at once; what could not be read is left out, and the
//! definition is refused in the end. Files follow the DSL's chapters: `workflow`, `task`, `flow` (lists and `then`), `call`,
//! `events`, `errors`, `value`.

mod call;
mod errors;
mod events;
mod flow;
mod object;
mod task;
mod value;
mod workflow;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{Catalog, Diagnostic, FunctionName, Location, Pointer, Severity, Task, document::Node};
pub(crate) use workflow::{function, workflow};

/// A value of the document and its pointer.
#[derive(Debug, Clone)]
pub(crate) struct At<'n> {
    node: &'n Node,
    pointer: Pointer,
}

/// Reusable components, by name (`use`).
#[derive(Debug, Clone, Default)]
struct Components<'n> {
    authentications: BTreeMap<String, At<'n>>,
    errors: BTreeMap<String, At<'n>>,
    functions: BTreeMap<String, At<'n>>,
    retries: BTreeMap<String, At<'n>>,
    timeouts: BTreeMap<String, At<'n>>,
    secrets: Vec<String>,
}

/// A parser at work on one definition and the functions that it calls.
struct Parser<'a> {
    catalog: &'a dyn Catalog,
    findings: Vec<Diagnostic>,
    /// Variables of `for` and `catch` that are visible where the parser stands, each with its `$`.
    variables: Vec<String>,
    /// Every task so far.
    tasks: BTreeMap<Pointer, Arc<Task>>,
    /// Functions of the host.
    needs: BTreeSet<FunctionName>,
    /// Texts of functions written in the DSL, by `name:version`.
    functions: BTreeMap<String, String>,
    /// The functions that are being inlined, outermost first.
    inlining: Vec<String>,
}

/// How deep functions may call each other.
const DEEPEST_CALL: usize = 8;

impl Parser<'_> {
    /// Reports what refuses the definition.
    fn error(&mut self, at: &At<'_>, rule: &'static str, message: impl Into<String>, hint: Option<String>) {
        self.report(Severity::Error, at, rule, message.into(), hint);
    }

    /// Reports what its author probably did not mean.
    fn warn(&mut self, at: &At<'_>, rule: &'static str, message: impl Into<String>, hint: Option<String>) {
        self.report(Severity::Warning, at, rule, message.into(), hint);
    }

    /// Reports a feature that this runtime does not have.
    fn unsupported(&mut self, at: &At<'_>, feature: &str, why: &str) {
        self.error(at, "unsupported", format!("{feature} is not supported: {why}"), None);
    }

    fn report(&mut self, severity: Severity, at: &At<'_>, rule: &'static str, message: String, hint: Option<String>) {
        let (message, location) = match (self.inlining.last(), at.node.location) {
            (None, location) => (message, location),
            (Some(function), None) => (format!("in the function {function}: {message}"), None),
            (Some(function), Some(Location { line, column })) => {
                (format!("in the function {function}, {line}:{column}: {message}"), None)
            }
        };
        let pointer = at.pointer.clone();
        self.findings.push(Diagnostic { severity, rule, message, hint, pointer, location });
    }
}

impl<'n> At<'n> {
    /// The value of a field, where this is an object that has it.
    fn get(&self, name: &str) -> Option<At<'n>> {
        self.node.get(name).map(|node| At { node, pointer: self.pointer.child(name) })
    }
}

/// The known name that was probably meant.
fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let scored = known.into_iter().map(|candidate| (strsim::jaro_winkler(name, candidate), candidate));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(score, _)| *score > 0.8);
    best.map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests;
