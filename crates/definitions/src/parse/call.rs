//! Calls: of HTTP, of functions of the host, and of functions written in the DSL, which are inlined.

use std::sync::Arc;

use super::{
    At, Moment, Parsed, Parser, Scope,
    authentication::collect,
    fields::{Fields, suggestion},
};
use crate::{
    Call, CallTarget, Flow, FunctionName, Resolution, Severity, Task, Template,
    document::{Node, Value},
};

/// Functions that are inlined within each other.
const DEPTH: usize = 8;

/// Protocols of the DSL that this profile does not speak.
const PROTOCOLS: [&str; 2] = ["grpc", "asyncapi"];

impl<'a> Parser<'a> {
    pub(super) fn call(
        &mut self,
        task: &At<'a>,
        target: &At<'a>,
        with: Option<At<'a>>,
        locals: &[String],
    ) -> Parsed<Call> {
        let name = self.text(target)?;
        match name {
            "http" => return self.http(task, with, locals),
            "openapi" => return self.openapi(task, with, locals),
            "a2a" => return self.a2a(task, with, locals),
            "mcp" => return self.mcp(task, with, locals),
            _ => {}
        }
        if PROTOCOLS.contains(&name) {
            return self.unsupported(target, &format!("`call: {name}`"), "use `http`, or a function of the host");
        }
        if name.contains("${") {
            return self.unsupported(target, "a computed function", "choose between calls with a `switch`");
        }
        if name.contains("://") {
            return self.unsupported(target, "a function by URL", "register it and call `name:version@default`");
        }
        let resolved = self.target(task, target, name)?;
        let moment = if matches!(resolved, CallTarget::Host(_)) { Moment::HostCall } else { Moment::Task };
        let scope = Scope::task(locals).at(moment);
        let with = match with {
            None => Template::Literal(crate::Data::object()),
            Some(at) => self.map(&at).and_then(|_| self.template(&at, &scope))?,
        };
        Ok(Call { target: resolved, with })
    }

    fn target(&mut self, task: &At<'a>, at: &At<'a>, name: &'a str) -> Parsed<CallTarget> {
        let Some((function, catalog)) = name.rsplit_once('@') else {
            return self.named_function(task, at, name);
        };
        if catalog != "default" {
            return self.unsupported(at, &format!("the catalog `{catalog}`"), "only `@default` is known");
        }
        let Some((base, version)) = function.split_once(':').filter(|(base, _)| !base.is_empty()) else {
            let hint = "write `name:version@default`".to_owned();
            return self.refuse(at, "function", format!("`{name}` names no version"), Some(hint));
        };
        if semver::Version::parse(version).is_err() {
            return self.refuse(at, "function", format!("`{version}` is no semantic version"), None);
        }
        let function = FunctionName { name: base.into(), version: version.into() };
        match self.catalog.resolve(&function) {
            Some(Resolution::Host) => {
                self.needs.insert(function.clone());
                Ok(CallTarget::Host(function))
            }
            Some(Resolution::Source(source)) => self.inline_source(task, at, name, &source),
            None => {
                let hint = "register the function first, or check its name and version".to_owned();
                self.refuse(at, "unknown-function", format!("there is no function `{name}`"), Some(hint))
            }
        }
    }

    /// A function of `use.functions`.
    fn named_function(&mut self, task: &At<'a>, at: &At<'a>, name: &'a str) -> Parsed<CallTarget> {
        let found = self.reusable.get_key_value(&("functions", name)).map(|(key, at)| (*key, at.clone()));
        let Some((key, body)) = found else {
            let known = self.reusable.keys().filter(|(section, _)| *section == "functions").map(|(_, name)| *name);
            let hint = suggestion(name, known)
                .or_else(|| Some("a function of a catalog is `name:version@default`".to_owned()));
            return self.refuse(at, "unknown-function", format!("`use.functions` has no `{name}`"), hint);
        };
        self.referenced.insert(key);
        self.enter(at, name)?;
        let body = At { node: body.node, pointer: task.pointer.child(name) };
        let function = self.task(&body, name, &[], &[]);
        self.calls.pop();
        let function = function?;
        self.check_root(&body, &function)?;
        Ok(CallTarget::Inline(function))
    }

    /// A function of the catalog that is written in the DSL.
    fn inline_source(&mut self, task: &At<'a>, at: &At<'a>, name: &str, source: &str) -> Parsed<CallTarget> {
        self.enter(at, name)?;
        let node = Node::parse(source);
        let node = match &node {
            Ok(node) => node,
            Err(finding) => {
                self.calls.pop();
                return self.refuse(at, "function", format!("the function `{name}`: {finding}"), None);
            }
        };
        let mut inner = Parser::new(self.catalog, self.calls.clone(), self.depth);
        inner.outer_tasks = self.outer_tasks + self.tasks.len();
        let body = At { node, pointer: task.pointer.child(name) };
        let parsed = inner.task(&body, name, &[], &[]).and_then(|task| {
            inner.check_root(&body, &task)?;
            Ok(task)
        });
        self.calls.pop();
        for finding in inner.findings.into_iter().filter(|finding| finding.severity == Severity::Error) {
            let _ = self.refuse::<()>(at, "function", format!("the function `{name}`: {finding}"), None);
        }
        self.tasks.extend(inner.tasks);
        self.needs.extend(inner.needs);
        self.workflows.extend(inner.workflows);
        self.functions.extend(inner.functions);
        self.functions.insert(name.trim_end_matches("@default").to_owned(), source.to_owned());
        parsed.map(CallTarget::Inline)
    }

    fn enter(&mut self, at: &At<'_>, name: &str) -> Parsed<()> {
        if self.calls.iter().any(|call| call == name) {
            let path = self.calls.join(" → ");
            return self.refuse(at, "recursion", format!("the function `{name}` calls itself: {path} → {name}"), None);
        }
        if self.calls.len() >= DEPTH {
            return self.refuse(at, "too-large", format!("functions call each other deeper than {DEPTH} levels"), None);
        }
        self.calls.push(name.to_owned());
        Ok(())
    }

    /// A function's own task has no list in which the flow could go on.
    pub(super) fn check_root(&mut self, at: &At<'_>, task: &Task) -> Parsed<()> {
        if task.then == Flow::Continue {
            return Ok(());
        }
        self.refuse(at, "flow", "a function ends where it was called", Some("leave out `then`".to_owned()))
    }

    fn http(&mut self, task: &At<'a>, with: Option<At<'a>>, locals: &[String]) -> Parsed<Call> {
        let scope = Scope::task(locals).at(Moment::HostCall);
        let Some(with) = with else { return self.refuse(task, "missing-property", "`with` is missing", None) };
        let mut fields = self.fields(&with)?;
        let method = fields.require(self, "method").and_then(|at| self.text_template(&at, &scope));
        let endpoint = fields.require(self, "endpoint").and_then(|at| self.endpoint(&at, &scope));
        let mut entries = vec![("method", method.map(Some)), ("endpoint", endpoint.map(Some))];
        for name in ["headers", "query"] {
            entries.push((name, fields.get(name).map(|at| self.pairs(&at, &scope)).transpose()));
        }
        entries.push(("body", fields.get("body").map(|at| self.template(&at, &scope)).transpose()));
        self.answer(&mut fields, &mut entries);
        fields.finish(self)?;
        self.built_in("http", entries)
    }

    fn openapi(&mut self, task: &At<'a>, with: Option<At<'a>>, locals: &[String]) -> Parsed<Call> {
        let scope = Scope::task(locals).at(Moment::HostCall);
        let Some(with) = with else { return self.refuse(task, "missing-property", "`with` is missing", None) };
        let mut fields = self.fields(&with)?;
        let document = fields.require(self, "document").and_then(|at| self.resource(&at, &scope));
        let operation = fields.require(self, "operationId").and_then(|at| self.text_template(&at, &scope));
        let parameters = fields.get("parameters").map(|at| self.parameters(&at, &scope));
        let authentication = fields.get("authentication").map(|at| self.authentication(&at, &scope));
        let mut entries = vec![
            ("document", document.map(Some)),
            ("operationId", operation.map(Some)),
            ("parameters", parameters.transpose()),
            ("authentication", authentication.transpose()),
        ];
        self.answer(&mut fields, &mut entries);
        fields.finish(self)?;
        self.built_in("openapi", entries)
    }

    /// An object, or one expression that gives it.
    pub(super) fn parameters(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        if at.text().and_then(super::value::embedded).is_none() {
            self.map(at)?;
        }
        self.template(at, scope)
    }

    /// What of an HTTP answer a call gives, and which answers are errors.
    fn answer(&mut self, fields: &mut Fields<'a>, entries: &mut Vec<(&'static str, Parsed<Option<Template>>)>) {
        if let Some(at) = fields.get("output") {
            let word = self.word(&at, &["raw", "content", "response"]);
            entries.push(("output", word.map(|word| Some(Template::Literal(word.into())))));
        }
        if let Some(at) = fields.get("redirect") {
            entries.push(("redirect", self.boolean(&at).map(|value| Some(Template::Literal(value.into())))));
        }
    }

    /// A call of a protocol that the host speaks.
    pub(super) fn built_in(
        &mut self,
        name: &'static str,
        entries: Vec<(&'static str, Parsed<Option<Template>>)>,
    ) -> Parsed<Call> {
        let with = collect(entries)?;
        let function = FunctionName { name: Arc::from(name), version: Arc::from("") };
        self.needs.insert(function.clone());
        Ok(Call { target: CallTarget::Host(function), with: Template::Object(with) })
    }

    /// An external resource: a document by its address.
    pub(super) fn resource(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let name = fields.get("name").map(|at| self.text(&at)).transpose();
        let endpoint = fields.require(self, "endpoint").and_then(|at| self.endpoint(&at, scope));
        fields.finish(self)?;
        name?;
        Ok(Template::Object(vec![("endpoint".to_owned(), endpoint?)]))
    }

    /// Headers or query parameters: an object of texts, or one expression.
    pub(super) fn pairs(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        match &at.node.value {
            Value::Text(text) if super::value::embedded(text).is_some() => self.template(at, scope),
            Value::Map(_) => {
                for (_, value) in at.entries().unwrap_or_default() {
                    self.text(&value)?;
                }
                self.template(at, scope)
            }
            _ => self.wrong(at, "an object of texts, or an expression `${ … }`,"),
        }
    }
}
