//! Lists of tasks and where the flow goes in them.

use std::{collections::BTreeSet, sync::Arc};

use super::{At, Parser, nearest, task::Names};
use crate::{Flow, Task, TaskKind, TaskList};

impl<'n> Parser<'_> {
    /// A list of named tasks.
    pub(super) fn list(&mut self, at: &At<'n>, components: &super::Components<'n>) -> TaskList {
        let mut named = Vec::new();
        for item in self.items(at) {
            if let Some((name, value)) = self.single(&item, "task") {
                named.push((name, value));
            }
        }
        let names: Vec<_> = named.iter().map(|(name, _)| *name).collect();
        let mut seen = BTreeSet::new();
        for (name, value) in &named {
            if !seen.insert(*name) {
                self.error(value, "duplicate-task", format!("another task of this list is called `{name}`"), None);
            }
            if ["continue", "exit", "end"].contains(name) {
                self.error(
                    value,
                    "reserved-name",
                    format!("`{name}` is a flow directive and cannot name a task"),
                    None,
                );
            }
        }
        let tasks: Vec<_> =
            named.iter().filter_map(|(name, value)| self.task(name, value, Names(&names), components)).collect();
        if tasks.len() == named.len() {
            self.check_reachable(&named, &tasks);
        }
        TaskList(tasks)
    }

    /// A flow directive: `continue`, `exit`, `end`, or the name of a task of the same list.
    pub(super) fn flow(&mut self, at: &At<'_>, names: Names<'_>) -> Option<Flow> {
        let text = self.text(at)?;
        match text {
            "continue" => Some(Flow::Continue),
            "exit" => Some(Flow::Exit),
            "end" => Some(Flow::End),
            name => {
                let index = names.0.iter().position(|known| *known == name);
                if index.is_none() {
                    let message = format!("`{name}` names no task of this list; a flow stays within its list");
                    self.error(at, "unknown-task", message, nearest(name, names.0.iter().copied()));
                }
                index.map(Flow::Task)
            }
        }
    }

    /// Warns of tasks that no flow leads to.
    fn check_reachable(&mut self, named: &[(&str, At<'_>)], tasks: &[Arc<Task>]) {
        let mut reached = vec![false; tasks.len()];
        let mut open = vec![0];
        while let Some(index) = open.pop() {
            let Some(task) = tasks.get(index) else { continue };
            if !std::mem::replace(&mut reached[index], true) {
                open.extend(successors(index, task));
            }
        }
        for ((name, value), reached) in named.iter().zip(reached) {
            if !reached {
                let hint = Some("remove it, or name it in a `then`".to_owned());
                self.warn(value, "unreachable-task", format!("no flow leads to `{name}`"), hint);
            }
        }
    }
}

/// Where the flow may go after the task at `index`.
fn successors(index: usize, task: &Task) -> Vec<usize> {
    let to = |flow: &Flow| match flow {
        Flow::Continue => Some(index + 1),
        Flow::Task(target) => Some(*target),
        Flow::Exit | Flow::End => None,
    };
    let mut next: Vec<_> = to(&task.then).into_iter().collect();
    if task.condition.is_some() {
        next.push(index + 1);
    }
    match &task.kind {
        TaskKind::Switch(cases) => {
            if cases.iter().any(|case| case.when.is_none()) && task.condition.is_none() {
                next.clear();
            }
            next.extend(cases.iter().filter_map(|case| to(&case.then)));
        }
        TaskKind::Raise(_) if task.condition.is_none() => next.clear(),
        TaskKind::Try(attempt) => next.extend(attempt.catch.then.as_ref().and_then(to)),
        _ => {}
    }
    next
}
