//! `run`: another workflow, or a process of the host, which is a call of a function that the host may have.

use std::sync::Arc;

use super::{At, Moment, Parsed, Parser, Scope, authentication::collect, value::both};
use crate::{Call, CallTarget, DefinitionId, FunctionName, ProcessResult, RunWorkflow, TaskKind, Template};

/// The languages of a script, by the names that the DSL and its examples give them.
const LANGUAGES: [&str; 3] = ["js", "javascript", "python"];

const RESULTS: [&str; 5] = ["stdout", "stderr", "code", "all", "none"];

impl<'a> Parser<'a> {
    pub(super) fn run(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<TaskKind> {
        let mut fields = self.fields(at)?;
        let wait = fields.get("await").map(|at| self.boolean(&at)).transpose();
        let result = fields.get("return").map(|at| self.word(&at, &RESULTS)).transpose();
        let kinds = ["workflow", "shell", "script", "container"];
        let mut present: Vec<_> = kinds.into_iter().filter_map(|kind| Some((kind, fields.get(kind)?))).collect();
        fields.finish(self)?;
        let (Some((kind, process)), None) = (present.pop(), present.pop()) else {
            return self.refuse(at, "value", format!("one of {} is expected", kinds.join(", ")), None);
        };
        let (wait, result) = both(wait, result)?;
        match kind {
            "workflow" => self.workflow_process(&process, wait.unwrap_or(true), result, scope).map(TaskKind::Run),
            "container" => self.unsupported(&process, "`run.container`", "run it elsewhere, and call it"),
            _ if wait == Some(false) => {
                self.unsupported(at, "a process that nobody awaits", "put it into a branch of a `fork`")
            }
            kind => self.process(kind, &process, result, scope).map(TaskKind::Call),
        }
    }

    fn workflow_process(
        &mut self,
        at: &At<'a>,
        wait: bool,
        result: Option<&'static str>,
        scope: &Scope,
    ) -> Parsed<RunWorkflow> {
        let mut fields = self.fields(at)?;
        let namespace = fields.require(self, "namespace").and_then(|at| self.label(&at));
        let name = fields.require(self, "name").and_then(|at| self.label(&at));
        let version = fields.require(self, "version").and_then(|at| match at.text() {
            Some("latest") => Ok("latest".into()),
            _ => self.version(&at),
        });
        let input = match fields.get("input") {
            Some(at) => self.map(&at).and_then(|_| self.template(&at, scope)).map(Some),
            None => Ok(None),
        };
        fields.finish(self)?;
        let ((namespace, name), (version, input)) = both(both(namespace, name), both(version, input))?;
        let id =
            DefinitionId { namespace: Arc::clone(&namespace), name: Arc::clone(&name), version: Arc::clone(&version) };
        self.workflows.insert(id);
        let result = match result {
            Some("stderr") => ProcessResult::Stderr,
            Some("code") => ProcessResult::Code,
            Some("all") => ProcessResult::All,
            Some("none") => ProcessResult::None,
            _ => ProcessResult::Stdout,
        };
        Ok(RunWorkflow { namespace, name, version, input, wait, result })
    }

    /// `shell` or `script`.
    fn process(
        &mut self,
        kind: &'static str,
        at: &At<'a>,
        result: Option<&'static str>,
        scope: &Scope,
    ) -> Parsed<Call> {
        let function = FunctionName { name: kind.into(), version: "".into() };
        if self.catalog.resolve(&function).is_none() {
            let hint = "this service runs no such processes; its operator may allow them";
            return self.unsupported(at, &format!("`run.{kind}`"), hint);
        }
        let scope = scope.at(Moment::HostCall);
        let mut fields = self.fields(at)?;
        let mut entries = if kind == "shell" {
            vec![("command", fields.require(self, "command").and_then(|at| self.text_template(&at, &scope)).map(Some))]
        } else {
            let language = fields.require(self, "language").and_then(|at| self.word(&at, &LANGUAGES));
            if let Some(source) = fields.get("source") {
                return self.unsupported(&source, "a script by address", "put it under `code`");
            }
            let code = fields.require(self, "code").and_then(|at| self.text_template(&at, &scope));
            vec![("language", language.map(|word| Some(Template::Literal(word.into())))), ("code", code.map(Some))]
        };
        entries.push(("stdin", fields.get("stdin").map(|at| self.text_template(&at, &scope)).transpose()));
        entries.push(("arguments", fields.get("arguments").map(|at| self.texts(&at, &scope)).transpose()));
        let environment = fields.get("environment").map(|at| {
            self.map(&at)?;
            self.template(&at, &scope)
        });
        entries.push(("environment", environment.transpose()));
        entries.push(("return", Ok(result.map(|word| Template::Literal(word.into())))));
        fields.finish(self)?;
        let with = Template::Object(collect(entries)?);
        self.needs.insert(function.clone());
        Ok(Call { target: CallTarget::Host(function), with })
    }
}
