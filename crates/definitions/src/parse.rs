//! From a document to the model: the grammar of the DSL, and the static rules that need no more than what is at hand.
//!
//! A parse goes on after an error, so that an author sees all findings at once; [`Refused`] says that a finding has been
//! reported. Pointers are those of the tasks of a run: where a function is inlined they continue the call's pointer.

mod agents;
mod authentication;
mod call;
mod event;
mod fault;
mod fields;
mod flow;
mod header;
mod run;
mod schedule;
mod task;
mod value;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    Catalog, DefinitionId, Diagnostic, FunctionName, Location, Pointer, Severity, Task,
    document::{Node, Value},
};

pub(crate) use workflow::{parse_function, parse_workflow};

/// What was reported as a finding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;

type Parsed<T> = Result<T, Refused>;

/// A value and its pointer.
#[derive(Clone, Debug)]
struct At<'n> {
    node: &'n Node,
    pointer: Pointer,
}

impl<'n> At<'n> {
    /// The items of a list.
    fn items(&self) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else { return None };
        let item = |(index, node)| Self { node, pointer: self.pointer.child(index) };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The entries of an object.
    fn entries(&self) -> Option<Vec<(&'n str, Self)>> {
        let Value::Map(entries) = &self.node.value else { return None };
        let entry = |entry: &'n crate::document::Entry| {
            (&*entry.name, Self { node: &entry.value, pointer: self.pointer.child(&entry.name) })
        };
        Some(entries.iter().map(entry).collect())
    }

    fn text(&self) -> Option<&'n str> {
        let Value::Text(text) = &self.node.value else { return None };
        Some(text)
    }
}

/// When an expression is evaluated, which decides what it can see (DSL X1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    WorkflowInput,
    /// `if` and `input.from`.
    TaskInput,
    Task,
    /// The arguments of a function of the host: the only place where secrets are.
    HostCall,
    Export,
    WorkflowOutput,
    /// On an event's envelope, outside any run.
    Envelope,
}

/// What an expression can see.
#[derive(Clone, Debug)]
struct Scope {
    moment: Moment,
    /// Variables of loops and caught errors, each with its `$`.
    locals: Vec<String>,
}

impl Scope {
    fn task(locals: &[String]) -> Self {
        Self { moment: Moment::Task, locals: locals.to_vec() }
    }

    fn at(&self, moment: Moment) -> Self {
        Self { moment, locals: self.locals.clone() }
    }

    fn variables(&self) -> Vec<&str> {
        let given: &[&str] = match self.moment {
            Moment::WorkflowInput => &["$workflow", "$runtime"],
            Moment::TaskInput => &["$context", "$task", "$workflow", "$runtime"],
            Moment::Task => &["$context", "$input", "$task", "$workflow", "$runtime", "$authorization"],
            Moment::HostCall => &["$context", "$input", "$task", "$workflow", "$runtime", "$authorization", "$secrets"],
            Moment::Export => &["$context", "$input", "$output", "$task", "$workflow", "$runtime", "$authorization"],
            Moment::WorkflowOutput => &["$context", "$workflow", "$runtime"],
            Moment::Envelope => &[],
        };
        given.iter().copied().chain(self.locals.iter().map(String::as_str)).collect()
    }
}

/// Names that a loop or a `catch` cannot give to a variable.
const RESERVED: [&str; 8] = ["context", "input", "output", "secrets", "authorization", "task", "workflow", "runtime"];

/// The state of a parse.
struct Parser<'a> {
    catalog: &'a dyn Catalog,
    /// `use`, by section and name.
    reusable: BTreeMap<(&'static str, &'a str), At<'a>>,
    /// Components that were referred to.
    referenced: BTreeSet<(&'static str, &'a str)>,
    secrets: Vec<String>,
    /// Functions that are being inlined, the outermost first.
    calls: Vec<String>,
    /// How many tasks enclose the present one.
    depth: usize,
    /// How many tasks the callers of the present function have so far.
    outer_tasks: usize,
    findings: Vec<Diagnostic>,
    tasks: BTreeMap<Pointer, Arc<Task>>,
    needs: BTreeSet<FunctionName>,
    workflows: BTreeSet<DefinitionId>,
    functions: BTreeMap<String, String>,
}

impl<'a> Parser<'a> {
    fn new(catalog: &'a dyn Catalog, calls: Vec<String>, depth: usize) -> Self {
        Self {
            catalog,
            reusable: BTreeMap::new(),
            referenced: BTreeSet::new(),
            secrets: Vec::new(),
            calls,
            depth,
            outer_tasks: 0,
            findings: Vec::new(),
            tasks: BTreeMap::new(),
            needs: BTreeSet::new(),
            workflows: BTreeSet::new(),
            functions: BTreeMap::new(),
        }
    }

    fn report(&mut self, finding: Diagnostic) {
        let same = |other: &Diagnostic| {
            other.rule == finding.rule && other.message == finding.message && other.location == finding.location
        };
        if !self.findings.iter().any(same) {
            self.findings.push(finding);
        }
    }

    /// Reports an error at a place.
    fn refuse<T>(
        &mut self,
        at: &At<'_>,
        rule: &'static str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Parsed<T> {
        self.refuse_at(at.pointer.clone(), at.node.location, rule, message.into(), hint)
    }

    fn refuse_at<T>(
        &mut self,
        pointer: Pointer,
        location: Location,
        rule: &'static str,
        message: String,
        hint: Option<String>,
    ) -> Parsed<T> {
        let severity = Severity::Error;
        self.report(Diagnostic { severity, rule, message, hint, pointer, location: Some(location) });
        Err(Refused)
    }

    /// Reports a feature of the DSL that this profile does not have.
    fn unsupported<T>(&mut self, at: &At<'_>, feature: &str, reason: &str) -> Parsed<T> {
        self.refuse(at, "unsupported", format!("{feature} is not supported"), Some(reason.to_owned()))
    }

    fn warn(&mut self, at: &At<'_>, rule: &'static str, message: String, hint: &str) {
        let (pointer, location) = (at.pointer.clone(), Some(at.node.location));
        let hint = Some(hint.to_owned());
        self.report(Diagnostic { severity: Severity::Warning, rule, message, hint, pointer, location });
    }
}

#[cfg(test)]
mod tests;
