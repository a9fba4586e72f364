//! Building the graph, task by task.

use std::sync::Arc;

use definitions::{
    Call, CallTarget, Definition, DefinitionId, Flow as Directive, ForEach, Fork, Listen, RunWorkflow, SwitchCase,
    Task, TaskKind, TaskList, Try,
};

use super::{
    Around, BranchId, BranchNodes, Edge, Flow, ForkNodes, Node, NodeId, NodeKind, Why,
    error::{may_fail, may_fail_at_end, may_pass},
    timer::waits,
};
use crate::Library;

mod events;

/// The flow of a definition, with the functions that it calls and the workflows that it runs.
pub(crate) fn flow(definition: &Definition, library: &Library) -> Flow {
    let mut builder = Builder { flow: Flow::default(), library, within: Arc::from("") };
    let (completed, faulted) = builder.ends();
    builder.flow.entry = builder.run(definition, completed, faulted, &[]);
    builder.flow
}

/// A node to go to, and the branches that are left on the way there.
#[derive(Debug, Clone)]
struct Target {
    to: NodeId,
    leaves: Vec<BranchId>,
}

impl Target {
    fn to(to: NodeId) -> Self {
        Self { to, leaves: Vec::new() }
    }

    fn leaving(&self, branch: BranchId) -> Self {
        let leaves = self.leaves.iter().copied().chain([branch]).collect();
        Self { to: self.to, leaves }
    }
}

/// What surrounds a task.
#[derive(Debug, Clone)]
struct Context<'d> {
    /// Where an error goes.
    raise: Target,
    /// Where `end` goes.
    end: Target,
    /// Where the time limits around it go, and cancellations of the child run that it belongs to.
    interrupts: Vec<(Target, Why)>,
    /// Whether a time limit is set around it, or a timer runs beside it.
    bounded: bool,
    /// The definitions around it.
    around: Vec<Around<'d>>,
}

/// The ways out of a task, each with the directive that it follows.
type Exits = Vec<(NodeId, Directive)>;

struct Builder<'d> {
    flow: Flow,
    library: &'d Library,
    within: Arc<str>,
}

impl<'d> Builder<'d> {
    fn node(&mut self, kind: NodeKind, task: Option<&Arc<Task>>, bounded: bool) -> NodeId {
        self.flow.nodes.push(Node { kind, task: task.cloned(), within: Arc::clone(&self.within), bounded });
        self.flow.edges.push(Vec::new());
        self.flow.nodes.len() - 1
    }

    fn edge(&mut self, from: NodeId, to: NodeId, why: Why) {
        self.flow.edges[from].push(Edge { to, why, leaves: Vec::new() });
    }

    fn leap(&mut self, from: NodeId, target: &Target, why: Why) {
        self.flow.edges[from].push(Edge { to: target.to, why, leaves: target.leaves.clone() });
    }

    /// The two ends of a run.
    fn ends(&mut self) -> (NodeId, NodeId) {
        (self.node(NodeKind::Completed, None, true), self.node(NodeKind::Faulted, None, true))
    }

    /// A run of a definition; gives its entry.
    fn run(&mut self, definition: &'d Definition, completed: NodeId, faulted: NodeId, around: &[Around<'d>]) -> NodeId {
        let workflow = &definition.workflow;
        // A place of its own to start from, which a recursion can name before the tasks are there.
        let entry = self.node(NodeKind::Closing, None, true);
        let mut context = Context {
            raise: Target::to(faulted),
            end: Target::to(completed),
            interrupts: Vec::new(),
            bounded: workflow.timeout.is_some(),
            around: around.iter().cloned().chain([Around { definition, entry }]).collect(),
        };
        if workflow.timeout.is_some() {
            context.interrupts.push((Target::to(faulted), Why::Timeout));
        }
        self.edge(entry, faulted, Why::Error);
        let first = self.list(&workflow.body, &context, completed);
        self.edge(entry, first, Why::Flow);
        entry
    }

    /// A list whose end is the node `end`; gives its entry.
    fn list(&mut self, tasks: &TaskList, context: &Context<'d>, end: NodeId) -> NodeId {
        let built: Vec<_> = tasks.0.iter().map(|task| self.task(task, context)).collect();
        let entries: Vec<_> = built.iter().map(|(entry, _)| *entry).collect();
        for (index, (_, exits)) in built.into_iter().enumerate() {
            for (from, directive) in exits {
                match directive {
                    Directive::Continue => self.edge(from, entries.get(index + 1).copied().unwrap_or(end), Why::Flow),
                    Directive::Task(target) => self.edge(from, entries.get(target).copied().unwrap_or(end), Why::Flow),
                    Directive::Exit => self.edge(from, end, Why::Flow),
                    Directive::End => self.leap(from, &context.end, Why::Flow),
                }
            }
        }
        entries.first().copied().unwrap_or(end)
    }

    /// A task; gives its entry and its exits.
    fn task(&mut self, task: &Arc<Task>, context: &Context<'d>) -> (NodeId, Exits) {
        let mut inner = context.clone();
        if task.timeout.is_some() {
            inner.bounded = true;
            inner.interrupts.push((context.raise.clone(), Why::Timeout));
        }
        let enter = self.node(NodeKind::Enter, Some(task), inner.bounded);
        let mut exits = Exits::new();
        if task.condition.is_some() {
            let skipped = self.node(NodeKind::Skipped, Some(task), true);
            self.edge(enter, skipped, Why::Flow);
            exits.push((skipped, Directive::Continue));
        }
        if may_fail(task) {
            let why = if matches!(task.kind, TaskKind::Raise(_)) { Why::Raise } else { Why::Error };
            self.leap(enter, &context.raise, why);
        }
        self.interrupt(enter, &inner);
        self.kind(task, enter, context, &inner, &mut exits);
        (enter, exits)
    }

    fn interrupt(&mut self, node: NodeId, context: &Context<'d>) {
        for (target, why) in &context.interrupts {
            self.leap(node, target, *why);
        }
    }

    /// The end of a task that has others within it: gives where they end. `context` is the one around the task.
    fn close(&mut self, task: &Arc<Task>, context: &Context<'d>, inner: &Context<'d>, exits: &mut Exits) -> NodeId {
        self.close_to(task, context, inner, task.then.clone(), exits)
    }

    fn close_to(
        &mut self,
        task: &Arc<Task>,
        context: &Context<'d>,
        inner: &Context<'d>,
        then: Directive,
        exits: &mut Exits,
    ) -> NodeId {
        let closing = self.node(NodeKind::Closing, Some(task), true);
        if may_fail_at_end(task) {
            self.leap(closing, &context.raise, Why::Error);
        }
        self.interrupt(closing, inner);
        let done = self.node(NodeKind::Done, Some(task), true);
        self.edge(closing, done, Why::Flow);
        exits.push((done, then));
        closing
    }

    fn kind(&mut self, task: &Arc<Task>, enter: NodeId, context: &Context<'d>, inner: &Context<'d>, exits: &mut Exits) {
        match &task.kind {
            TaskKind::Raise(_) => {}
            TaskKind::Set(_)
            | TaskKind::Emit(_)
            | TaskKind::Listen(Listen { strategy: _, read: _, until: _, foreach: None })
            | TaskKind::Wait(_)
            | TaskKind::Call(Call { target: CallTarget::Host(_), .. }) => {
                let done = self.node(NodeKind::Done, Some(task), true);
                self.edge(enter, done, Why::Flow);
                exits.push((done, task.then.clone()));
            }
            TaskKind::Listen(Listen { foreach: Some(each), .. }) => {
                self.each_event(task, enter, each.body.as_ref(), context, inner, exits);
            }
            TaskKind::Switch(cases) => self.switch(task, enter, cases, context, exits),
            TaskKind::Do(body) => {
                let closing = self.close(task, context, inner, exits);
                let first = self.list(body, inner, closing);
                self.edge(enter, first, Why::Flow);
            }
            TaskKind::For(each) => self.each(task, enter, each, context, inner, exits),
            TaskKind::Fork(fork) => self.fork(task, enter, fork, context, inner, exits),
            TaskKind::Try(attempt) => self.attempt(task, enter, attempt, context, inner, exits),
            TaskKind::Call(Call { target: CallTarget::Inline(function), .. }) => {
                let closing = self.close(task, context, inner, exits);
                let within = Context { end: Target::to(closing), ..inner.clone() };
                let (first, ways) = self.task(function, &within);
                ways.into_iter().for_each(|(from, _)| self.edge(from, closing, Why::Flow));
                self.edge(enter, first, Why::Flow);
            }
            TaskKind::Run(child) => self.child(task, enter, child, context, inner, exits),
        }
    }

    fn switch(
        &mut self,
        task: &Arc<Task>,
        enter: NodeId,
        cases: &[SwitchCase],
        context: &Context<'d>,
        exits: &mut Exits,
    ) {
        for (index, case) in cases.iter().enumerate() {
            let chosen = self.node(NodeKind::Chosen(index), Some(task), true);
            self.edge(enter, chosen, Why::Flow);
            if may_fail_at_end(task) {
                self.leap(chosen, &context.raise, Why::Error);
            }
            exits.push((chosen, case.then.clone()));
        }
        if cases.iter().all(|case| case.when.is_some()) {
            let done = self.node(NodeKind::Done, Some(task), true);
            self.edge(enter, done, Why::Flow);
            exits.push((done, task.then.clone()));
        }
    }

    fn each(
        &mut self,
        task: &Arc<Task>,
        enter: NodeId,
        each: &ForEach,
        context: &Context<'d>,
        inner: &Context<'d>,
        exits: &mut Exits,
    ) {
        let closing = self.close(task, context, inner, exits);
        let iterating = self.node(NodeKind::Iterating, Some(task), true);
        self.edge(enter, iterating, Why::Flow);
        self.edge(iterating, closing, Why::Flow);
        if each.condition.is_some() {
            self.leap(iterating, &context.raise, Why::Error);
        }
        self.interrupt(iterating, inner);
        let first = self.list(&each.body, inner, iterating);
        self.edge(iterating, first, Why::Flow);
    }

    fn fork(
        &mut self,
        task: &Arc<Task>,
        enter: NodeId,
        fork: &Fork,
        context: &Context<'d>,
        inner: &Context<'d>,
        exits: &mut Exits,
    ) {
        let joined = self.close(task, context, inner, exits);
        if fork.branches.is_empty() {
            return self.edge(enter, joined, Why::Flow);
        }
        let number = self.flow.forks.len();
        let nodes = ForkNodes { enter, joined, compete: fork.compete, branches: Vec::new() };
        self.flow.forks.push(nodes);
        let timers = fork.branches.iter().map(|branch| waits(branch)).collect::<Vec<_>>();
        for (index, branch) in fork.branches.iter().enumerate() {
            let id = BranchId { fork: number, branch: index };
            let timer_beside = timers.iter().enumerate().any(|(other, waits)| other != index && *waits);
            let within = Context {
                raise: inner.raise.leaving(id),
                end: inner.end.leaving(id),
                interrupts: inner.interrupts.iter().map(|(target, why)| (target.leaving(id), *why)).collect(),
                bounded: inner.bounded || timer_beside,
                around: inner.around.clone(),
            };
            let start = self.flow.nodes.len();
            let end = self.node(NodeKind::BranchEnd, Some(branch), true);
            let (entry, ways) = self.task(branch, &within);
            for (from, directive) in ways {
                match directive {
                    Directive::End => self.leap(from, &within.end, Why::Flow),
                    Directive::Continue | Directive::Exit | Directive::Task(_) => self.edge(from, end, Why::Flow),
                }
            }
            let range = start..self.flow.nodes.len();
            self.flow.forks[number].branches.push(BranchNodes { entry, end, range });
        }
    }

    fn attempt(
        &mut self,
        task: &Arc<Task>,
        enter: NodeId,
        attempt: &Try,
        context: &Context<'d>,
        inner: &Context<'d>,
        exits: &mut Exits,
    ) {
        let catch = &attempt.catch;
        let closing = self.close(task, context, inner, exits);
        let caught = self.node(NodeKind::Caught, Some(task), true);
        let mut body = Context { raise: Target::to(caught), ..inner.clone() };
        if catch.retry.as_ref().is_some_and(|retry| retry.attempt_timeout.is_some()) {
            body.bounded = true;
            body.interrupts.push((Target::to(caught), Why::Timeout));
            self.leap(enter, &context.raise, Why::Error); // the limit itself may be computed
        }
        let first = self.list(&attempt.body, &body, closing);
        self.edge(enter, first, Why::Flow);
        if catch.retry.is_some() {
            self.edge(caught, first, Why::Retry);
        }
        if may_pass(catch) {
            self.leap(caught, &context.raise, Why::Pass);
        }
        self.interrupt(caught, inner);
        let then = catch.then.clone().unwrap_or_else(|| task.then.clone());
        let handled = self.close_to(task, context, inner, then, exits);
        match &catch.body {
            Some(handler) => {
                let first = self.list(handler, inner, handled);
                self.edge(caught, first, Why::Handle);
            }
            None if catch.retry.is_none() => self.edge(caught, handled, Why::Handle),
            None => {}
        }
    }

    fn child(
        &mut self,
        task: &Arc<Task>,
        enter: NodeId,
        child: &RunWorkflow,
        context: &Context<'d>,
        inner: &Context<'d>,
        exits: &mut Exits,
    ) {
        let (namespace, name, version) = (child.namespace.clone(), child.name.clone(), child.version.clone());
        let id = DefinitionId { namespace, name, version };
        let closing = self.close(task, context, inner, exits);
        let known = self.library.get(&id);
        if known.is_none() {
            self.flow.missing.push(id.to_string());
        }
        let Some(definition) = known else { return self.edge(enter, closing, Why::Flow) };
        if let Some(around) = inner.around.iter().find(|around| around.definition.id == definition.id) {
            self.edge(enter, around.entry, Why::Recursion);
            if !child.wait {
                self.flow.missing.push(format!("{id}, which runs itself and does not wait"));
            }
            return self.edge(enter, closing, Why::Recursion);
        }
        let outer = Arc::clone(&self.within);
        self.within = format!("{outer}{} › ", definition.id.name).into();
        let (start, first_fork) = (self.flow.nodes.len(), self.flow.forks.len());
        let (completed, faulted) = self.ends();
        let entry = self.run(definition, completed, faulted, &inner.around);
        let range = start..self.flow.nodes.len();
        self.within = outer;
        self.edge(enter, entry, Why::Child);
        if child.wait {
            self.edge(completed, closing, Why::Flow);
            self.leap(faulted, &context.raise, Why::Error);
            for node in range {
                let left = self.flow.branches_around(node, first_fork);
                let stops = std::iter::once((context.raise.clone(), Why::Cancelled)).chain(inner.interrupts.clone());
                for (mut target, why) in stops {
                    target.leaves.extend(&left);
                    self.leap(node, &target, why);
                }
            }
        } else {
            self.edge(enter, closing, Why::Flow);
            self.flow.spawned.push((enter, range));
        }
    }
}
