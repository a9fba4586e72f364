//! Which tasks and branches a run took, of those that its workflow has.
//!
//! A branch is a way that the flow may choose: a case of a `switch` (and none of them, where there is no default), an `if`
//! that holds or does not, a `try` whose error is caught or that has none, a branch of a `fork` that competes. The tasks
//! within a called function are the function's, and not counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use definitions::{Definition, Pointer, Task, TaskKind, TaskList};
use engine::{Handling, Trace};

use crate::place;

/// A way that the flow may choose at a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    /// The task.
    pub pointer: Pointer,
    /// The way.
    pub way: String,
}

/// What was taken, of what there is.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    tasks: BTreeMap<Pointer, bool>,
    branches: BTreeMap<Branch, bool>,
    /// Tasks with an `if`.
    conditional: BTreeSet<Pointer>,
    /// The tasks that race in forks, with what it means that one is first.
    racing: BTreeMap<Pointer, Branch>,
    /// The visits of tries that had an error.
    caught: BTreeSet<(Pointer, u32)>,
    /// The last task that left a race.
    last_left: Option<Branch>,
}

impl Coverage {
    /// Nothing taken yet.
    pub(crate) fn of(definition: &Definition) -> Self {
        let mut coverage = Self::default();
        coverage.list(&definition.workflow.body);
        coverage
    }

    fn list(&mut self, tasks: &TaskList) {
        tasks.0.iter().for_each(|task| self.task(task));
    }

    fn branch(&mut self, pointer: &Pointer, way: &str) -> Branch {
        let branch = Branch { pointer: pointer.clone(), way: way.to_owned() };
        self.branches.insert(branch.clone(), false);
        branch
    }

    fn task(&mut self, task: &Task) {
        self.tasks.insert(task.pointer.clone(), false);
        if task.condition.is_some() {
            self.branch(&task.pointer, "taken");
            self.branch(&task.pointer, "skipped");
            self.conditional.insert(task.pointer.clone());
        }
        if let TaskKind::Switch(cases) = &task.kind {
            cases.iter().for_each(|case| drop(self.branch(&task.pointer, &case.name)));
            if cases.iter().all(|case| case.when.is_some()) {
                self.branch(&task.pointer, "no case");
            }
        }
        if let TaskKind::Try(attempt) = &task.kind {
            self.branch(&task.pointer, "no error");
            self.branch(&task.pointer, "caught");
            attempt.catch.body.iter().for_each(|body| self.list(body));
        }
        if let TaskKind::Fork(fork) = &task.kind {
            for branch in &fork.branches {
                self.task(branch);
                if fork.compete {
                    let won = self.branch(&task.pointer, &format!("{} first", branch.name));
                    self.racing.insert(branch.pointer.clone(), won);
                }
            }
        }
        if let TaskKind::Do(body) = &task.kind {
            self.list(body);
        }
        if let TaskKind::For(each) = &task.kind {
            self.list(&each.body);
        }
        if let TaskKind::Listen(listen) = &task.kind {
            listen.foreach.iter().filter_map(|each| each.body.as_ref()).for_each(|body| self.list(body));
        }
        if let TaskKind::Try(attempt) = &task.kind {
            self.list(&attempt.body);
        }
    }

    fn take(&mut self, pointer: &Pointer, way: &str) {
        let branch = Branch { pointer: pointer.clone(), way: way.to_owned() };
        if let Some(taken) = self.branches.get_mut(&branch) {
            *taken = true;
        }
    }

    /// Counts the moves of a run that one fact led to; `definition` is the run's.
    pub(crate) fn count(&mut self, moves: &[Trace], definition: &Definition) {
        for (index, moved) in moves.iter().enumerate() {
            let skipped = matches!(moves.get(index + 1), Some(Trace::Skipped(_)));
            if let Trace::Entered(step) = moved
                && !skipped
                && self.conditional.contains(&step.pointer)
            {
                self.take(&step.pointer, "taken");
            }
            self.count_move(moved, definition);
        }
    }

    fn count_move(&mut self, moved: &Trace, definition: &Definition) {
        match moved {
            Trace::Entered(step) => {
                if let Some(taken) = self.tasks.get_mut(&step.pointer) {
                    *taken = true;
                }
            }
            Trace::Skipped(step) => self.take(&step.pointer, "skipped"),
            Trace::Chose { step, case } => {
                let Some(task) = definition.task(&step.pointer) else { return };
                let TaskKind::Switch(cases) = &task.kind else { return };
                let name = case.and_then(|case| cases.get(case)).map_or("no case", |case| &*case.name).to_owned();
                self.take(&step.pointer, &name);
            }
            Trace::Left { step, .. } => self.left(step, definition),
            Trace::Caught { step, handling } => {
                if *handling != Handling::Pass {
                    self.caught.insert((step.pointer.clone(), step.visit));
                    self.take(&step.pointer, "caught");
                }
            }
            Trace::Raised { .. } | Trace::Cancelled(_) => {}
        }
    }

    fn left(&mut self, step: &engine::Step, definition: &Definition) {
        if let Some(won) = self.racing.get(&step.pointer) {
            self.last_left = Some(won.clone());
        }
        match definition.task(&step.pointer).map(|task| &task.kind) {
            Some(TaskKind::Try(_)) if !self.caught.contains(&(step.pointer.clone(), step.visit)) => {
                self.take(&step.pointer, "no error");
            }
            Some(TaskKind::Fork(_)) => {
                if let Some(won) = self.last_left.take().filter(|won| won.pointer == step.pointer) {
                    self.take(&won.pointer, &won.way);
                }
            }
            _ => {}
        }
    }

    /// Counts what another run of the same workflow took.
    pub fn merge(&mut self, other: &Self) {
        for (task, taken) in &other.tasks {
            *self.tasks.entry(task.clone()).or_default() |= taken;
        }
        for (branch, taken) in &other.branches {
            *self.branches.entry(branch.clone()).or_default() |= taken;
        }
    }

    /// How many tasks were entered, of how many.
    #[must_use]
    pub fn tasks(&self) -> (usize, usize) {
        (self.tasks.values().filter(|taken| **taken).count(), self.tasks.len())
    }

    /// How many branches were taken, of how many.
    #[must_use]
    pub fn branches(&self) -> (usize, usize) {
        (self.branches.values().filter(|taken| **taken).count(), self.branches.len())
    }

    /// Per cent of tasks and branches together, rounded down; 100 where there are none.
    #[must_use]
    pub fn percent(&self) -> usize {
        let ((tasks, all_tasks), (branches, all_branches)) = (self.tasks(), self.branches());
        (100 * (tasks + branches)).checked_div(all_tasks + all_branches).unwrap_or(100)
    }

    /// The tasks that no run entered.
    pub fn missed_tasks(&self) -> impl Iterator<Item = &Pointer> {
        self.tasks.iter().filter(|(_, taken)| !**taken).map(|(task, _)| task)
    }

    /// The branches that no run took.
    pub fn missed_branches(&self) -> impl Iterator<Item = &Branch> {
        self.branches.iter().filter(|(_, taken)| !**taken).map(|(branch, _)| branch)
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", place(&self.pointer), self.way)
    }
}
