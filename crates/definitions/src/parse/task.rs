//! One task: what tasks of every kind have, and what each kind does.

use std::sync::Arc;

use super::{At, Components, Parser, value::Reads};
use crate::{Delay, Export, ForEach, Fork, Input, Output, RunWorkflow, SwitchCase, Task, TaskKind, Template};

/// The names of the tasks of a list: what a `then` may name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'l>(pub(super) &'l [&'l str]);

/// What every task may have.
const COMMON: [&str; 7] = ["if", "input", "output", "export", "timeout", "then", "metadata"];

/// The kinds of tasks: the field that tells a kind, and the fields that go with it.
const KINDS: [(&str, &[&str]); 12] = [
    ("call", &["with"]),
    ("do", &[]),
    ("emit", &[]),
    ("for", &["while", "do"]),
    ("fork", &[]),
    ("listen", &["foreach"]),
    ("raise", &[]),
    ("run", &[]),
    ("set", &[]),
    ("switch", &[]),
    ("try", &["catch"]),
    ("wait", &[]),
];

impl<'n> Parser<'_> {
    /// A task, entered among the definition's tasks.
    pub(super) fn task(
        &mut self,
        name: &str,
        at: &At<'n>,
        names: Names<'_>,
        components: &Components<'n>,
    ) -> Option<Arc<Task>> {
        let before = self.errors();
        let entries = self.entries(at);
        let has = |field: &str| entries.iter().any(|(name, _)| *name == field);
        // `for` has a `do` of its own, so the more telling kinds come first.
        let kind = ["for", "try"].iter().chain(KINDS.iter().map(|(kind, _)| kind)).find(|kind| has(kind));
        let Some((kind, more)) = kind.and_then(|kind| KINDS.iter().find(|(known, _)| known == kind)) else {
            if !entries.is_empty() {
                let kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
                let hint = format!("a task has one of {}", kinds.join(", "));
                self.error(at, "no-task", format!("`{name}` says nothing about what it does"), Some(hint));
            }
            return None;
        };
        let known: Vec<_> = COMMON.iter().chain(more.iter()).copied().chain([*kind]).collect();
        self.fields(at, &known);
        let task = Task {
            pointer: at.pointer.clone(),
            name: name.into(),
            condition: at.get("if").and_then(|at| self.expression(&at, Reads::Task)),
            input: at.get("input").map(|at| self.input(&at)).unwrap_or_default(),
            output: at.get("output").map(|at| self.output(&at)).unwrap_or_default(),
            export: at.get("export").map(|at| self.export(&at)).unwrap_or_default(),
            timeout: at.get("timeout").and_then(|at| self.timeout(&at, components)),
            then: at.get("then").and_then(|at| self.flow(&at, names)).unwrap_or_default(),
            metadata: at.get("metadata").map(|at| at.node.json().into()).unwrap_or_default(),
            kind: self.kind(kind, at, names, components)?,
        };
        (self.errors() == before).then_some(())?;
        let task = Arc::new(task);
        self.tasks.insert(task.pointer.clone(), Arc::clone(&task));
        Some(task)
    }

    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == crate::Severity::Error).count()
    }

    fn kind(&mut self, kind: &str, task: &At<'n>, names: Names<'_>, components: &Components<'n>) -> Option<TaskKind> {
        let at = task.get(kind)?;
        match kind {
            "call" => self.call(task, &at, components).map(TaskKind::Call),
            "do" => Some(TaskKind::Do(self.list(&at, components))),
            "emit" => self.emit(&at).map(TaskKind::Emit),
            "for" => self.for_each(task, &at, components).map(TaskKind::For),
            "fork" => self.fork(&at, components).map(TaskKind::Fork),
            "listen" => self.listen(task, &at).map(TaskKind::Listen),
            "raise" => self.raise(&at, components).map(TaskKind::Raise),
            "run" => self.run(&at).map(TaskKind::Run),
            "set" => self.set(&at).map(TaskKind::Set),
            "switch" => Some(TaskKind::Switch(self.switch(&at, names))),
            "try" => self.attempt(task, &at, names, components).map(TaskKind::Try),
            _ => self.delay(&at).map(TaskKind::Wait),
        }
    }

    pub(super) fn input(&mut self, at: &At<'_>) -> Input {
        self.fields(at, &["schema", "from"]);
        Input {
            schema: at.get("schema").and_then(|at| self.schema(&at)),
            from: at.get("from").and_then(|at| self.transform(&at, Reads::Task)),
        }
    }

    pub(super) fn output(&mut self, at: &At<'_>) -> Output {
        self.fields(at, &["schema", "as"]);
        Output {
            transform: at.get("as").and_then(|at| self.transform(&at, Reads::Output)),
            schema: at.get("schema").and_then(|at| self.schema(&at)),
        }
    }

    fn export(&mut self, at: &At<'_>) -> Export {
        self.fields(at, &["schema", "as"]);
        Export {
            transform: at.get("as").and_then(|at| self.transform(&at, Reads::Output)),
            schema: at.get("schema").and_then(|at| self.schema(&at)),
        }
    }

    /// A time limit: `{ after: … }`, or the name of one of `use.timeouts`.
    pub(super) fn timeout(&mut self, at: &At<'n>, components: &Components<'n>) -> Option<Delay> {
        let at = match at.node.text() {
            Some(name) => self.component(at, name, &components.timeouts, "use.timeouts")?,
            None => at.clone(),
        };
        self.fields(&at, &["after"]);
        let after = self.required(&at, "after")?;
        self.delay(&after)
    }

    fn set(&mut self, at: &At<'_>) -> Option<Template> {
        match at.node.text() {
            Some(text) if super::value::delimited(text).is_none() => {
                let hint = Some("write `${ … }`, or an object of fields".to_owned());
                self.error(at, "set", "`set` takes an object, or a text that is one expression", hint);
                None
            }
            Some(_) => Some(self.template(at, Reads::Task)),
            None => {
                self.entries(at);
                Some(self.template(at, Reads::Task))
            }
        }
    }

    fn switch(&mut self, at: &At<'_>, names: Names<'_>) -> Vec<SwitchCase> {
        let mut cases: Vec<SwitchCase> = Vec::new();
        for item in self.items(at) {
            let Some((name, case)) = self.single(&item, "case") else { continue };
            self.fields(&case, &["when", "then"]);
            let when = case.get("when");
            if when.is_none() && cases.iter().any(|case| case.when.is_none()) {
                self.error(&case, "two-defaults", "only one case may be without `when`", None);
            }
            if cases.iter().any(|case| *case.name == *name) {
                self.error(&case, "duplicate-task", format!("another case is called `{name}`"), None);
            }
            let when = when.and_then(|at| self.expression(&at, Reads::Task));
            let then = self.required(&case, "then").and_then(|at| self.flow(&at, names)).unwrap_or_default();
            cases.push(SwitchCase { name: name.into(), when, then });
        }
        cases
    }

    fn for_each(&mut self, task: &At<'n>, at: &At<'n>, components: &Components<'n>) -> Option<ForEach> {
        self.fields(at, &["each", "in", "at"]);
        let each = at.get("each").and_then(|at| self.text(&at)).unwrap_or("item");
        let index = at.get("at").and_then(|at| self.text(&at)).unwrap_or("index");
        let collection = self.required(at, "in").and_then(|at| self.expression(&at, Reads::Task));
        let body = self.required(task, "do")?;
        let (condition, body) = self.within(&[each, index], |parser| {
            let condition = task.get("while").and_then(|at| parser.expression(&at, Reads::Task));
            (condition, parser.list(&body, components))
        });
        Some(ForEach { each: each.into(), at: index.into(), collection: collection?, condition, body })
    }

    fn fork(&mut self, at: &At<'n>, components: &Components<'n>) -> Option<Fork> {
        self.fields(at, &["branches", "compete"]);
        let compete = at.get("compete").and_then(|at| self.boolean(&at)).unwrap_or_default();
        let branches = self.required(at, "branches")?;
        let mut tasks: Vec<Arc<Task>> = Vec::new();
        for item in self.items(&branches) {
            let Some((name, branch)) = self.single(&item, "branch") else { continue };
            if tasks.iter().any(|task| *task.name == *name) {
                self.error(&branch, "duplicate-task", format!("another branch is called `{name}`"), None);
            }
            tasks.extend(self.task(name, &branch, Names(&[]), components));
        }
        Some(Fork { branches: tasks, compete })
    }

    fn run(&mut self, at: &At<'_>) -> Option<RunWorkflow> {
        for (name, value) in self.fields(at, &["workflow", "container", "script", "shell", "await", "return"]) {
            if ["container", "script", "shell"].contains(&name) {
                self.unsupported(&value, &format!("`run.{name}`"), "only `run.workflow` starts anything here");
                return None;
            }
        }
        let wait = at.get("await").and_then(|at| self.boolean(&at)).unwrap_or(true);
        let workflow = self.required(at, "workflow")?;
        self.fields(&workflow, &["namespace", "name", "version", "input"]);
        let mut word = |name: &str| {
            let at = self.required(&workflow, name)?;
            self.text(&at).map(Arc::<str>::from)
        };
        let (namespace, name) = (word("namespace"), word("name"));
        let version = workflow.get("version").map_or(Some("latest"), |at| self.text(&at)).map(Into::into);
        let input = workflow.get("input").map(|at| self.template(&at, Reads::Task));
        Some(RunWorkflow { namespace: namespace?, name: name?, version: version?, input, wait })
    }

    /// Parses with more variables in scope; their names are given without `$`.
    pub(super) fn within<T>(&mut self, names: &[&str], parse: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.variables.len();
        self.variables.extend(names.iter().map(|name| format!("${name}")));
        let parsed = parse(self);
        self.variables.truncate(outside);
        parsed
    }

    /// A reusable component.
    pub(super) fn component(
        &mut self,
        at: &At<'_>,
        name: &str,
        components: &std::collections::BTreeMap<String, At<'n>>,
        place: &str,
    ) -> Option<At<'n>> {
        let found = components.get(name).cloned();
        if found.is_none() {
            let hint = super::nearest(name, components.keys().map(String::as_str));
            self.error(at, "unknown-component", format!("`{name}` is not among `{place}`"), hint);
        }
        found
    }
}
