//! Lists of tasks, and what tasks of all kinds have in common.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    At, Moment, Parsed, Parser, Scope,
    fields::{Fields, suggestion},
    value::both,
};
use crate::{Call, CallTarget, Flow, ForEach, Fork, Task, TaskKind, TaskList, Template};

/// Tasks within tasks, those of inlined functions included.
const DEPTH: usize = 48;
/// Tasks of a definition, those of inlined functions included.
const TASKS: usize = 5_000;

/// The property that tells what a task does; `for` has a `do` beside it.
const KINDS: [&str; 12] =
    ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"];

impl<'a> Parser<'a> {
    /// A list in which tasks follow each other.
    pub(super) fn tasks(&mut self, at: &At<'a>, locals: &[String]) -> Parsed<TaskList> {
        let named = self.named_tasks(at)?;
        let siblings: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        let tasks: Vec<_> = named.iter().map(|(name, at)| self.task(at, name, &siblings, locals)).collect();
        let tasks: Vec<Arc<Task>> = tasks.into_iter().collect::<Parsed<_>>()?;
        self.warn_unreachable(&named, &tasks);
        Ok(TaskList(tasks))
    }

    fn named_tasks(&mut self, at: &At<'a>) -> Parsed<Vec<(&'a str, At<'a>)>> {
        let items = self.list(at)?;
        let named: Vec<_> = items.iter().map(|item| self.named(item, "task")).collect();
        let named = named.into_iter().collect::<Parsed<Vec<_>>>()?;
        let mut names = BTreeSet::new();
        for (name, task) in &named {
            if !names.insert(*name) {
                let message = format!("there are two tasks `{name}` in this list");
                return self.refuse(task, "duplicate-task", message, Some("rename one".to_owned()));
            }
        }
        Ok(named)
    }

    /// One task; `siblings` are the tasks that its `then` may name.
    pub(super) fn task(&mut self, at: &At<'a>, name: &str, siblings: &[&str], locals: &[String]) -> Parsed<Arc<Task>> {
        if self.depth >= DEPTH || self.outer_tasks + self.tasks.len() >= TASKS {
            let message = format!("a definition has at most {TASKS} tasks, {DEPTH} within each other");
            return self.refuse(at, "too-large", message, Some("functions count where they are called".to_owned()));
        }
        self.depth += 1;
        let task = self.task_within(at, name, siblings, locals);
        self.depth -= 1;
        let task = Arc::new(task?);
        self.tasks.insert(task.pointer.clone(), Arc::clone(&task));
        Ok(task)
    }

    fn task_within(&mut self, at: &At<'a>, name: &str, siblings: &[&str], locals: &[String]) -> Parsed<Task> {
        let scope = Scope::task(locals);
        let before = scope.at(Moment::TaskInput);
        let mut fields = self.fields(at)?;
        let condition = fields.get("if").map(|at| self.expression(&at, &before)).transpose();
        let input = self.input(fields.get("input"), &before);
        let output = self.output(fields.get("output"), &scope);
        let export = self.export(fields.get("export"), &scope);
        let timeout = fields.get("timeout").map(|at| self.timeout(&at, &scope)).transpose();
        let then = fields.get("then").map(|at| self.flow(&at, siblings)).transpose();
        let metadata = self.free(fields.get("metadata"));
        let kind = self.kind(at, &mut fields, siblings, locals);
        let finished = if kind.is_ok() { fields.finish(self) } else { Ok(()) };
        let ((condition, input), (output, export)) = both(both(condition, input), both(output, export))?;
        let ((timeout, then), (metadata, kind)) = both(both(timeout, then), both(metadata, kind))?;
        finished?;
        let (pointer, then) = (at.pointer.clone(), then.unwrap_or_default());
        let (name, definition) = (name.into(), at.node.to_data());
        Ok(Task { pointer, name, condition, input, output, export, timeout, then, metadata, definition, kind })
    }

    fn kind(&mut self, at: &At<'a>, fields: &mut Fields<'a>, siblings: &[&str], locals: &[String]) -> Parsed<TaskKind> {
        let present: Vec<(&'static str, At<'a>)> =
            KINDS.into_iter().filter_map(|kind| Some((kind, fields.get(kind)?))).collect();
        let scope = Scope::task(locals);
        match present.as_slice() {
            [("do", tasks), ("for", head)] => self.for_each(head, tasks, fields, locals),
            [("call", target)] => self.call(at, target, fields.get("with"), locals).map(TaskKind::Call),
            [("do", tasks)] => self.tasks(tasks, locals).map(TaskKind::Do),
            [("emit", emit)] => self.emit(emit, &scope).map(TaskKind::Emit),
            [("for", head)] => {
                let hint = Some("the tasks of an iteration stand under `do`, beside `for`".to_owned());
                self.refuse(head, "missing-property", "`do` is missing", hint)
            }
            [("fork", fork)] => self.fork(fork, locals).map(TaskKind::Fork),
            [("listen", listen)] => self.listen(listen, fields.get("foreach").as_ref(), locals).map(TaskKind::Listen),
            [("raise", raise)] => self.raise(raise, &scope).map(TaskKind::Raise),
            [("run", run)] => self.run(run, &scope),
            [("set", set)] => self.set(set, &scope).map(TaskKind::Set),
            [("switch", cases)] => self.switch(cases, siblings, &scope).map(TaskKind::Switch),
            [("try", tasks)] => {
                let catch = fields.require(self, "catch")?;
                self.try_catch(tasks, &catch, siblings, locals).map(TaskKind::Try)
            }
            [("wait", wait)] => self.delay(wait, &scope).map(TaskKind::Wait),
            [] => {
                let hint = at.entries().unwrap_or_default().iter().find_map(|(name, _)| suggestion(name, KINDS));
                let message = format!("a task needs one of {}", KINDS.join(", "));
                self.refuse(at, "task-kind", message, hint)
            }
            [(first, _), (second, _), ..] => {
                let message = format!("a task cannot be both `{first}` and `{second}`");
                self.refuse(at, "task-kind", message, Some("make two tasks of it".to_owned()))
            }
            [(other, _)] => self.refuse(at, "task-kind", format!("`{other}` is no kind of task"), None),
        }
    }

    fn set(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        match at.entries() {
            Some(entries) if entries.is_empty() => self.refuse(at, "value", "`set` sets nothing", None),
            Some(_) => self.template(at, scope),
            None => self.text_template(at, scope),
        }
    }

    fn for_each(
        &mut self,
        head: &At<'a>,
        tasks: &At<'a>,
        fields: &mut Fields<'a>,
        locals: &[String],
    ) -> Parsed<TaskKind> {
        let mut heading = self.fields(head)?;
        let each = self.variable(heading.get("each").as_ref(), "item");
        let at = self.variable(heading.get("at").as_ref(), "index");
        let collection = heading.require(self, "in").and_then(|at| self.expression(&at, &Scope::task(locals)));
        heading.finish(self)?;
        let (each, at) = both(each, at)?;
        if each == at {
            return self.refuse(head, "variable", format!("`each` and `at` are both `{each}`"), None);
        }
        let inner: Vec<String> = locals.iter().cloned().chain([each.clone(), at.clone()]).collect();
        let condition = fields.get("while").map(|at| self.expression(&at, &Scope::task(&inner))).transpose();
        let body = self.tasks(tasks, &inner);
        let ((collection, condition), body) = both(both(collection, condition), body)?;
        let (each, at) = (each.trim_start_matches('$').into(), at.trim_start_matches('$').into());
        Ok(TaskKind::For(ForEach { each, at, collection, condition, body }))
    }

    fn fork(&mut self, at: &At<'a>, locals: &[String]) -> Parsed<Fork> {
        let mut fields = self.fields(at)?;
        let compete = fields.get("compete").map(|at| self.boolean(&at)).transpose();
        let branches = fields.require(self, "branches");
        fields.finish(self)?;
        let (compete, branches) = both(compete, branches)?;
        let named = self.named_tasks(&branches)?;
        let tasks: Vec<_> = named.iter().map(|(name, at)| self.task(at, name, &[], locals)).collect();
        let tasks: Vec<Arc<Task>> = tasks.into_iter().collect::<Parsed<_>>()?;
        let compete = compete.unwrap_or_default();
        let exports = named.iter().zip(&tasks).filter(|(_, task)| exports(task)).map(|(named, _)| named);
        if let (false, Some((name, second))) = (compete, exports.clone().nth(1)) {
            let message = format!("`{name}` is not the only branch that writes `$context`: the last one wins");
            self.warn(second, "parallel-export", message, "leave the result in the output, and export after the fork");
        }
        Ok(Fork { branches: tasks, compete })
    }

    fn warn_unreachable(&mut self, named: &[(&str, At<'_>)], tasks: &[Arc<Task>]) {
        let mut reached = vec![false; tasks.len()];
        let mut open = vec![0];
        while let Some(index) = open.pop() {
            let Some(task) = tasks.get(index).filter(|_| !std::mem::replace(&mut reached[index], true)) else {
                continue;
            };
            open.extend(targets(task).into_iter().filter_map(|flow| match flow {
                Flow::Continue => Some(index + 1),
                Flow::Task(target) => Some(target),
                Flow::Exit | Flow::End => None,
            }));
            open.retain(|index| *index < tasks.len());
        }
        for ((name, at), _) in named.iter().zip(reached).filter(|(_, reached)| !reached) {
            self.warn(
                at,
                "unreachable-task",
                format!("no path leads to `{name}`"),
                "remove it, or let a `then` name it",
            );
        }
    }

    /// The duration of a `timeout`, or the name of one.
    pub(super) fn timeout(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<crate::Delay> {
        let at = self.component(at, "timeouts")?;
        let mut fields = self.fields(&at)?;
        let after = fields.require(self, "after").and_then(|at| self.delay(&at, scope));
        fields.finish(self)?;
        after
    }
}

/// Where the flow can go after a task.
fn targets(task: &Task) -> Vec<Flow> {
    let skipped = task.condition.is_some().then_some(Flow::Continue);
    let mut targets = match &task.kind {
        TaskKind::Raise(_) => Vec::new(),
        TaskKind::Switch(cases) => {
            let default = cases.iter().any(|case| case.when.is_none());
            let otherwise = (!default).then(|| task.then.clone());
            cases.iter().map(|case| case.then.clone()).chain(otherwise).collect()
        }
        TaskKind::Do(_)
        | TaskKind::Set(_)
        | TaskKind::Call(_)
        | TaskKind::Emit(_)
        | TaskKind::For(_)
        | TaskKind::Fork(_)
        | TaskKind::Listen(_)
        | TaskKind::Run(_)
        | TaskKind::Wait(_) => vec![task.then.clone()],
        TaskKind::Try(body) => [Some(task.then.clone()), body.catch.then.clone()].into_iter().flatten().collect(),
    };
    targets.extend(skipped);
    targets
}

/// Whether a task or one within it writes `$context`.
fn exports(task: &Task) -> bool {
    let list = |tasks: &TaskList| tasks.0.iter().any(|task| exports(task));
    task.export.transform.is_some()
        || match &task.kind {
            TaskKind::Do(tasks) => list(tasks),
            TaskKind::For(each) => list(&each.body),
            TaskKind::Fork(fork) => fork.branches.iter().any(|task| exports(task)),
            TaskKind::Try(body) => list(&body.body) || body.catch.body.as_ref().is_some_and(list),
            TaskKind::Listen(listen) => listen
                .foreach
                .as_ref()
                .is_some_and(|each| each.export.transform.is_some() || each.body.as_ref().is_some_and(list)),
            TaskKind::Call(Call { target: CallTarget::Inline(task), .. }) => exports(task),
            TaskKind::Set(_)
            | TaskKind::Switch(_)
            | TaskKind::Call(_)
            | TaskKind::Emit(_)
            | TaskKind::Raise(_)
            | TaskKind::Run(_)
            | TaskKind::Wait(_) => false,
        }
}
