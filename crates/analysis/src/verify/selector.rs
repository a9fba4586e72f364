//! Selectors: which moments of which tasks a guard speaks of.

use std::fmt;

use definitions::{Call, CallTarget, Data, Match, Task, TaskKind, Template};
use serde::Deserialize;

use crate::{
    TaskRef,
    flow::{Node, NodeKind},
    place::function,
};

/// The function that opens a gate and ends only when it is passed.
pub(crate) const GATE: &str = "human-approval";

/// What a guard looks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Selector {
    /// A call of a function of the catalogue: `name` or `name:version`.
    Call(TaskRef),
    /// A gate that asks at least for this.
    Gate(Gate),
    /// A task, by name or pointer.
    Task(TaskRef),
    /// A case of a `switch`.
    Case(Case),
    /// A task whose `if` does not hold.
    Skipped(TaskRef),
    /// A task that emits events of this type.
    Emits(String),
    /// A `listen` all of whose events are of this type.
    Listens(String),
    /// A child run of this workflow: `name` or `namespace/name`.
    Runs(String),
    /// The end of a task that another selector speaks of, if it ends without an error.
    Ended(Box<Self>),
    /// The end of the run, if it completes.
    Completes(bool),
}

/// What a gate asks for: read from what its call gives literally, for nothing else can be proved.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Gate {
    /// Nobody but these roles may decide, beside the Admin, who always may.
    roles: Option<Vec<String>>,
    /// This many have to approve, or more.
    #[serde(default)]
    quorum: i64,
    /// Nobody approves their own request.
    #[serde(default)]
    four_eyes: bool,
}

/// A case of a `switch`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The `switch`.
    of: TaskRef,
    name: String,
    /// The case's condition, to the letter.
    when: Option<String>,
}

/// Whether a moment is the one that a selector means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It is about to happen.
    Reached,
    /// It has happened.
    Passed,
}

impl Selector {
    /// Whether the node is a moment that the selector speaks of.
    pub(crate) fn selects(&self, node: &Node, moment: Moment) -> bool {
        let Some(task) = &node.task else {
            return matches!(self, Self::Completes(true)) && node.kind == NodeKind::Completed && node.within.is_empty();
        };
        match (self, node.kind) {
            (Self::Case(case), NodeKind::Chosen(index)) => case.is(task, index),
            (Self::Skipped(name), NodeKind::Skipped) => name.names(&task.pointer),
            (Self::Ended(of), NodeKind::Done | NodeKind::Chosen(_)) => of.is(task),
            (Self::Case(_) | Self::Skipped(_) | Self::Ended(_) | Self::Completes(_), _) => false,
            (_, kind) => match moment {
                Moment::Reached => kind == NodeKind::Enter && self.is(task),
                Moment::Passed => matches!(kind, NodeKind::Done | NodeKind::Chosen(_)) && self.is(task),
            },
        }
    }

    /// Whether the task is one that the selector speaks of.
    fn is(&self, task: &Task) -> bool {
        match (self, &task.kind) {
            (Self::Task(name), _) => name.names(&task.pointer),
            (Self::Call(name), _) => function(task).is_some_and(|(base, version)| name.is_function(&base, &version)),
            (Self::Gate(gate), TaskKind::Call(call)) => {
                function(task).is_some_and(|(name, _)| name == GATE) && gate.is_asked_by(call)
            }
            (Self::Emits(kind), TaskKind::Emit(event)) => {
                matches!(given(event, "type"), Given::Value(value) if value.as_str() == Some(kind))
            }
            (Self::Listens(kind), TaskKind::Listen(listen)) => {
                let filters = listen.strategy.filters();
                let only = |with: &[(std::sync::Arc<str>, Match)]| {
                    with.iter().any(|(name, condition)| {
                        &**name == "type" && matches!(condition, Match::Equals(value) if value.as_str() == Some(kind))
                    })
                };
                !filters.is_empty() && filters.iter().all(|filter| only(&filter.with))
            }
            (Self::Runs(name), TaskKind::Run(child)) => {
                *name == *child.name || *name == format!("{}/{}", child.namespace, child.name)
            }
            _ => false,
        }
    }
}

impl Gate {
    fn is_asked_by(&self, call: &Call) -> bool {
        if !matches!(call.target, CallTarget::Inline(_)) {
            return false;
        }
        let among = |wanted: &Vec<String>| {
            let role =
                |role: &Data| role.as_str().is_some_and(|role| role == "admin" || wanted.iter().any(|w| w == role));
            matches!(given(&call.with, "roles"), Given::Value(roles) if roles.items().is_some_and(|roles| roles.iter().all(role)))
        };
        // What is not given is what the function itself assumes: one approval, and no four eyes.
        let quorum = match given(&call.with, "quorum") {
            Given::Absent => 1,
            Given::Computed => 0,
            Given::Value(quorum) => quorum.as_i64().unwrap_or(0),
        };
        let four_eyes = matches!(given(&call.with, "fourEyes"), Given::Value(value) if value.is_truthy());
        self.roles.as_ref().is_none_or(among) && quorum >= self.quorum && (four_eyes || !self.four_eyes)
    }
}

impl Case {
    fn is(&self, task: &Task, index: usize) -> bool {
        let TaskKind::Switch(cases) = &task.kind else { return false };
        let Some(case) = cases.get(index) else { return false };
        let condition = || case.when.as_ref().map(|when| when.source().trim().to_owned());
        let when = self.when.as_ref().is_none_or(|wanted| condition().as_deref() == Some(wanted.trim()));
        *case.name == self.name && self.of.names(&task.pointer) && when
    }
}

/// What an object gives for a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// Nothing.
    Absent,
    /// Something that only a run knows.
    Computed,
    /// This.
    Value(Data),
}

/// What a template gives for a field.
pub(crate) fn given(template: &Template, name: &str) -> Given {
    match template {
        Template::Literal(value) => value.get(name).map_or(Given::Absent, Given::Value),
        Template::Object(entries) => {
            let found = entries.iter().find(|(field, _)| field == name);
            found.map_or(Given::Absent, |(_, value)| literal(value).map_or(Given::Computed, Given::Value))
        }
        Template::Expression(_) | Template::Uri(_) | Template::Array(_) => Given::Computed,
    }
}

/// The value of a template that computes nothing.
fn literal(template: &Template) -> Option<Data> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        Template::Array(items) => items.iter().map(literal).collect::<Option<Vec<_>>>().map(Data::array),
        Template::Object(_) | Template::Expression(_) | Template::Uri(_) => None,
    }
}

impl fmt::Display for Selector {
    /// What has to be passed, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(name) => write!(f, "a call of `{name}`"),
            Self::Gate(gate) => {
                f.write_str("a gate")?;
                gate.roles.as_ref().map_or(Ok(()), |roles| write!(f, " decided by {}", roles.join(" or ")))?;
                if gate.quorum > 1 {
                    write!(f, ", approved by {}", gate.quorum)?;
                }
                if gate.four_eyes { f.write_str(" with four eyes") } else { Ok(()) }
            }
            Self::Task(name) => write!(f, "`{name}`"),
            Self::Case(case) => write!(f, "the case `{}` of `{}`", case.name, case.of),
            Self::Skipped(name) => write!(f, "`{name}` being skipped"),
            Self::Emits(kind) => write!(f, "emitting {kind}"),
            Self::Listens(kind) => write!(f, "receiving {kind}"),
            Self::Runs(name) => write!(f, "a run of `{name}`"),
            Self::Ended(of) => write!(f, "the end of {of}"),
            Self::Completes(_) => f.write_str("the end of the run"),
        }
    }
}
