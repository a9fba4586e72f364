//! Calls: of HTTP, of functions of the host, and of functions written in the DSL, which are inlined.

use std::sync::Arc;

use super::{At, Moment, Parsed, Parser, Scope, fields::suggestion, value::both};
use crate::{
    Call, CallTarget, Flow, FunctionName, Resolution, Severity, Task, Template,
    document::{Node, Value},
};

/// Functions that are inlined within each other.
const DEPTH: usize = 8;

/// Protocols of the DSL that this profile does not speak.
const PROTOCOLS: [&str; 5] = ["openapi", "grpc", "asyncapi", "a2a", "mcp"];

impl<'a> Parser<'a> {
    pub(super) fn call(
        &mut self,
        task: &At<'a>,
        target: &At<'a>,
        with: Option<At<'a>>,
        locals: &[String],
    ) -> Parsed<Call> {
        let name = self.text(target)?;
        if name == "http" {
            return self.http(task, with, locals);
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
        if let Some(at) = fields.get("output") {
            let word = self.word(&at, &["raw", "content", "response"]);
            entries.push(("output", word.map(|word| Some(Template::Literal(word.into())))));
        }
        if let Some(at) = fields.get("redirect") {
            entries.push(("redirect", self.boolean(&at).map(|value| Some(Template::Literal(value.into())))));
        }
        fields.finish(self)?;
        let mut with = Vec::new();
        for (name, value) in entries {
            with.extend(value?.map(|value| (name.to_owned(), value)));
        }
        let function = FunctionName { name: Arc::from("http"), version: Arc::from("") };
        self.needs.insert(function.clone());
        Ok(Call { target: CallTarget::Host(function), with: Template::Object(with) })
    }

    /// Headers or query parameters: an object of texts, or one expression.
    fn pairs(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
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

    /// `{uri, authentication?}`, also where only the URI is written.
    fn endpoint(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        if at.text().is_some() {
            let uri = self.uri(at, scope, true)?;
            return Ok(Template::Object(vec![("uri".to_owned(), uri)]));
        }
        let mut fields = self.fields(at)?;
        let uri = fields.require(self, "uri").and_then(|at| self.uri(&at, scope, true));
        let authentication = fields.get("authentication").map(|at| self.authentication(&at, scope)).transpose();
        fields.finish(self)?;
        let (uri, authentication) = both(uri, authentication)?;
        let authentication = authentication.map(|value| ("authentication".to_owned(), value));
        Ok(Template::Object([("uri".to_owned(), uri)].into_iter().chain(authentication).collect()))
    }

    /// An authentication, given or named with `use`.
    fn authentication(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        match fields.get("use") {
            Some(name) => {
                fields.finish(self)?;
                self.text(&name)?;
                let at = self.component(&name, "authentications")?;
                self.policy(&at, scope)
            }
            None => self.policy(at, scope),
        }
    }

    /// `basic` or `bearer`, in full or from a secret.
    pub(super) fn policy(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        for scheme in ["digest", "oauth2", "oidc", "certificate"] {
            if let Some(at) = fields.get(scheme) {
                return self.unsupported(&at, &format!("`{scheme}` authentication"), "use `basic` or `bearer`");
            }
        }
        let (basic, bearer) = (fields.get("basic"), fields.get("bearer"));
        fields.finish(self)?;
        let (scheme, at, names): (_, _, &[&'static str]) = match (basic, bearer) {
            (Some(basic), None) => ("basic", basic, &["username", "password"]),
            (None, Some(bearer)) => ("bearer", bearer, &["token"]),
            _ => return self.refuse(at, "authentication", "one of `basic` and `bearer` is expected", None),
        };
        let mut fields = self.fields(&at)?;
        let mut entries = Vec::new();
        if let Some(secret) = fields.get("use") {
            let name = self.text(&secret)?;
            if !self.secrets.iter().any(|known| known == name) {
                let hint = suggestion(name, self.secrets.iter().map(String::as_str));
                return self.refuse(&secret, "unknown-reference", format!("`use.secrets` has no `{name}`"), hint);
            }
            for field in names {
                let source = format!("$secrets[{}].{field}", serde_json::Value::from(name));
                entries.push(((*field).to_owned(), Template::Expression(self.compile(&secret, &source, scope)?)));
            }
        } else {
            for field in names.iter().copied() {
                let value = fields.require(self, field).and_then(|at| self.text_template(&at, scope))?;
                entries.push((field.to_owned(), value));
            }
        }
        fields.finish(self)?;
        Ok(Template::Object(vec![(scheme.to_owned(), Template::Object(entries))]))
    }
}
