//! Calls: built-in protocols, functions of the host, and functions written in the DSL, which are inlined.

use std::sync::Arc;

use super::{At, Components, DEEPEST_CALL, Parser, nearest, task::Names, value::Reads};
use crate::{Call, CallTarget, Data, FunctionName, Resolution, Task, Template, UriTemplate, document};

/// The DSL's own protocols that are not carried out here.
const UNSUPPORTED: [&str; 5] = ["a2a", "asyncapi", "grpc", "mcp", "openapi"];

impl<'n> Parser<'_> {
    pub(super) fn call(&mut self, task: &At<'n>, at: &At<'n>, components: &Components<'n>) -> Option<Call> {
        let name = self.text(at)?;
        if name == "http" {
            let with = self.required(task, "with")?;
            let function = FunctionName { name: "http".into(), version: "".into() };
            self.needs.insert(function.clone());
            return Some(Call { target: CallTarget::Host(function), with: self.http(&with, components) });
        }
        if UNSUPPORTED.contains(&name) {
            self.unsupported(at, &format!("`call: {name}`"), "use `call: http` or a function");
            return None;
        }
        let with = task.get("with").map_or(Template::Literal(Data::object()), |at| self.template(&at, Reads::Secrets));
        let target = self.target(task, at, name, components)?;
        Some(Call { target, with })
    }

    fn target(&mut self, task: &At<'n>, at: &At<'n>, name: &str, components: &Components<'n>) -> Option<CallTarget> {
        if let Some(function) = components.functions.get(name) {
            let function = At { node: function.node, pointer: task.pointer.child(name) };
            return self.inline(at, name, |parser| parser.task(name, &function, Names(&[]), components));
        }
        if name.contains("${") {
            self.error(
                at,
                "dynamic-call",
                "a function is named by a literal, so that it is known before the run",
                None,
            );
            return None;
        }
        if name.contains("://") {
            self.unsupported(
                at,
                "a function at a URL",
                "put it below `functions/` and call it by `name:version@default`",
            );
            return None;
        }
        let Some((function, catalog)) = name.split_once('@') else {
            let message = format!("`{name}` is not among `use.functions`");
            let hint = nearest(name, components.functions.keys().map(String::as_str))
                .or_else(|| Some("functions of the catalog are called by `name:version@default`".to_owned()));
            self.error(at, "unknown-function", message, hint);
            return None;
        };
        if catalog != "default" {
            self.unsupported(at, &format!("the catalog `{catalog}`"), "there is one catalog, `default`");
            return None;
        }
        let Some((name, version)) =
            function.split_once(':').filter(|(_, version)| version.parse::<semver::Version>().is_ok())
        else {
            self.error(
                at,
                "unknown-function",
                format!("`{function}` is not `name:version` with a semantic version"),
                None,
            );
            return None;
        };
        self.cataloged(task, at, FunctionName { name: name.into(), version: version.into() })
    }

    fn cataloged(&mut self, task: &At<'_>, at: &At<'_>, function: FunctionName) -> Option<CallTarget> {
        let name = format!("{}:{}", function.name, function.version);
        match self.catalog.resolve(&function) {
            None => {
                self.error(
                    at,
                    "unknown-function",
                    format!("there is no function `{name}` in the catalog `default`"),
                    None,
                );
                None
            }
            Some(Resolution::Host) => {
                self.needs.insert(function.clone());
                Some(CallTarget::Host(function))
            }
            Some(Resolution::Source(source)) => {
                self.functions.insert(name.clone(), source.to_string());
                let pointer = task.pointer.child(format!("{name}@default"));
                self.inline(at, &name, |parser| parser.function_task(&name, &source, pointer))
            }
        }
    }

    /// Parses a function's task with nothing of the caller in scope.
    fn inline(
        &mut self,
        at: &At<'_>,
        name: &str,
        parse: impl FnOnce(&mut Self) -> Option<Arc<Task>>,
    ) -> Option<CallTarget> {
        if self.inlining.iter().any(|outer| outer == name) || self.inlining.len() >= DEEPEST_CALL {
            let message = format!("`{name}` calls itself, or functions call each other more than {DEEPEST_CALL} deep");
            self.error(at, "recursive-function", message, Some("use `run.workflow`".to_owned()));
            return None;
        }
        let outside = std::mem::take(&mut self.variables);
        self.inlining.push(name.to_owned());
        let task = parse(self);
        self.inlining.pop();
        self.variables = outside;
        task.map(CallTarget::Inline)
    }

    /// The task of a `function.yaml`.
    pub(super) fn function_task(&mut self, name: &str, source: &str, pointer: crate::Pointer) -> Option<Arc<Task>> {
        match document::read(source) {
            Ok(node) => self.task(name, &At { node: &node, pointer }, Names(&[]), &Components::default()),
            Err(mut finding) => {
                finding.message = format!("in the function {name}: {}", finding.message);
                (finding.location, finding.pointer) = (None, pointer);
                self.findings.push(finding);
                None
            }
        }
    }

    /// The arguments of `call: http`, with `endpoint` as `{ uri, authentication }`.
    fn http(&mut self, at: &At<'n>, components: &Components<'n>) -> Template {
        let known = ["method", "endpoint", "headers", "body", "query", "output", "redirect"];
        let mut arguments = Vec::new();
        for (name, value) in self.fields(at, &known) {
            let template = match name {
                "endpoint" => self.endpoint(&value, components),
                "output" if !matches!(value.node.text(), Some("raw" | "content" | "response")) => {
                    self.error(&value, "type", "`output` is one of raw, content, response", None);
                    continue;
                }
                _ => self.template(&value, Reads::Secrets),
            };
            arguments.push((name.to_owned(), template));
        }
        self.required(at, "method");
        self.required(at, "endpoint");
        Template::Object(arguments)
    }

    fn endpoint(&mut self, at: &At<'n>, components: &Components<'n>) -> Template {
        if at.node.text().is_some() {
            return Template::Object(vec![("uri".to_owned(), self.uri(at))]);
        }
        let mut entries = Vec::new();
        for (name, value) in self.fields(at, &["uri", "authentication"]) {
            match name {
                "uri" => entries.push((name.to_owned(), self.uri(&value))),
                "authentication" => {
                    entries.extend(self.authentication(&value, components).map(|template| (name.to_owned(), template)));
                }
                _ => {}
            }
        }
        self.required(at, "uri");
        Template::Object(entries)
    }

    fn uri(&mut self, at: &At<'_>) -> Template {
        let Some(text) = at.node.text().filter(|text| super::value::delimited(text).is_none()) else {
            return self.template(at, Reads::Secrets);
        };
        match UriTemplate::parse(text) {
            Ok(Some(template)) => Template::Uri(template),
            Ok(None) => Template::Literal(text.into()),
            Err(reason) => {
                self.error(at, "uri-template", reason, None);
                Template::Literal(Data::NULL)
            }
        }
    }

    fn authentication(&mut self, at: &At<'n>, components: &Components<'n>) -> Option<Template> {
        let at = match at.get("use") {
            Some(reference) => {
                let name = self.text(&reference)?;
                self.component(&reference, name, &components.authentications, "use.authentications")?
            }
            None => at.clone(),
        };
        let (scheme, value) = self.single(&at, "authentication scheme")?;
        let fields: &[&str] = match scheme {
            "basic" => &["username", "password"],
            "bearer" => &["token"],
            _ => {
                self.unsupported(&value, &format!("the authentication `{scheme}`"), "`basic` and `bearer` are");
                return None;
            }
        };
        if let Some(secret) = value.get("use") {
            self.unsupported(&secret, "an authentication as one secret", "name its parts: `token: ${ $secrets.name }`");
            return None;
        }
        self.fields(&value, fields);
        for field in fields {
            self.required(&value, field);
        }
        Some(Template::Object(vec![(scheme.to_owned(), self.template(&value, Reads::Secrets))]))
    }
}
