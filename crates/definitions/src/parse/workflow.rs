//! The top level of a document: `document`, `use`, `input`, `output`, `timeout`, `do`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{At, Components, Parser};
use crate::{
    Catalog, DefinitionId, Diagnostic, FunctionName, Pointer, Task, Workflow,
    document::{self, Node},
};

/// The versions of the DSL that are understood.
const DSL: [&str; 4] = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"];

/// What a document says.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) id: DefinitionId,
    pub(crate) document: Node,
    pub(crate) workflow: Workflow,
    pub(crate) tasks: BTreeMap<Pointer, Arc<Task>>,
    pub(crate) needs: BTreeSet<FunctionName>,
    pub(crate) functions: BTreeMap<String, String>,
}

/// Parses a workflow; the findings are of every severity, and what was parsed is missing if one is an error.
pub(crate) fn workflow(source: &str, catalog: &dyn Catalog) -> (Option<Parsed>, Vec<Diagnostic>) {
    let node = match document::read(source) {
        Ok(node) => node,
        Err(finding) => return (None, vec![finding]),
    };
    let mut parser = Parser::new(catalog);
    let root = At { node: &node, pointer: Pointer::root() };
    let parsed = parser.document(&root);
    let Parser { tasks, needs, functions, mut findings, .. } = parser;
    findings.sort_by_key(|finding| finding.location);
    let refused = findings.iter().any(|finding| finding.severity == crate::Severity::Error);
    let parsed = parsed.filter(|_| !refused);
    (parsed.map(|(id, workflow)| Parsed { id, document: node, workflow, tasks, needs, functions }), findings)
}

/// Checks a function written in the DSL by itself.
pub(crate) fn function(name: &str, source: &str, catalog: &dyn Catalog) -> Vec<Diagnostic> {
    let mut parser = Parser::new(catalog);
    parser.function_task(name, source, Pointer::root());
    parser.findings
}

impl<'n> Parser<'_> {
    fn new(catalog: &dyn Catalog) -> Parser<'_> {
        Parser {
            catalog,
            findings: Vec::new(),
            variables: Vec::new(),
            tasks: BTreeMap::new(),
            needs: BTreeSet::new(),
            functions: BTreeMap::new(),
            inlining: Vec::new(),
        }
    }

    fn document(&mut self, root: &At<'n>) -> Option<(DefinitionId, Workflow)> {
        let known = ["document", "input", "use", "do", "timeout", "output", "schedule", "evaluate"];
        self.fields(root, &known);
        let metadata = root.get("document").and_then(|at| at.get("metadata"));
        let id = self.required(root, "document").and_then(|at| self.identity(&at));
        if let Some(schedule) = root.get("schedule") {
            self.unsupported(
                &schedule,
                "`schedule`",
                "runs are started by the API, by other runs and by the service itself",
            );
        }
        if let Some(evaluate) = root.get("evaluate") {
            self.evaluate(&evaluate);
        }
        let components = root.get("use").map(|at| self.components(&at)).unwrap_or_default();
        let workflow = Workflow {
            input: root.get("input").map(|at| self.input(&at)).unwrap_or_default(),
            output: root.get("output").map(|at| self.output(&at)).unwrap_or_default(),
            timeout: root.get("timeout").and_then(|at| self.timeout(&at, &components)),
            secrets: components.secrets.clone(),
            body: self.required(root, "do").map(|at| self.list(&at, &components)).unwrap_or_default(),
            metadata: metadata.map(|at| at.node.json().into()).unwrap_or_default(),
        };
        Some((id?, workflow))
    }

    fn identity(&mut self, at: &At<'_>) -> Option<DefinitionId> {
        self.fields(at, &["dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"]);
        if let Some(dsl) = self.required(at, "dsl")
            && !dsl.node.text().is_some_and(|version| DSL.contains(&version))
        {
            let message = format!("this version of the DSL is not known; known are {}", DSL.join(", "));
            self.error(&dsl, "dsl-version", message, Some("write it as a text: dsl: '1.0.3'".to_owned()));
        }
        let (namespace, name) = (self.label(at, "namespace"), self.label(at, "name"));
        let version = self.required(at, "version")?;
        let text = self.text(&version)?;
        if text.parse::<semver::Version>().is_err() {
            let hint = Some("such as '1.0.0', as a text".to_owned());
            self.error(&version, "version", format!("`{text}` is not a semantic version"), hint);
        }
        Some(DefinitionId { namespace: namespace?, name: name?, version: text.into() })
    }

    /// A DNS label (DSL D2).
    fn label(&mut self, at: &At<'_>, name: &str) -> Option<Arc<str>> {
        let at = self.required(at, name)?;
        let text = self.text(&at)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty()
            || text.len() > 63
            || !text.chars().all(plain)
            || text.starts_with('-')
            || text.ends_with('-')
        {
            let message = format!("`{text}` is no name: 1 to 63 of a-z, 0-9 and -, not beginning or ending with -");
            self.error(&at, "name", message, None);
        }
        Some(text.into())
    }

    fn evaluate(&mut self, at: &At<'_>) {
        for (name, value) in self.fields(at, &["language", "mode"]) {
            match (name, value.node.text()) {
                ("language", Some("jq")) | ("mode", Some("strict")) => {}
                ("language", _) => self.unsupported(&value, "this expression language", "expressions are jq"),
                ("mode", _) => {
                    self.unsupported(&value, "this evaluation mode", "expressions are written `${ … }` (strict)")
                }
                _ => {}
            }
        }
    }

    fn components(&mut self, at: &At<'n>) -> Components<'n> {
        let known =
            ["authentications", "errors", "extensions", "functions", "retries", "secrets", "timeouts", "catalogs"];
        let mut components = Components::default();
        for (name, value) in self.fields(at, &known) {
            match name {
                "secrets" => {
                    let names: Vec<_> = self.items(&value).iter().filter_map(|item| self.text(item)).collect();
                    components.secrets = names.into_iter().map(str::to_owned).collect();
                }
                "extensions" => self.unsupported(&value, "`use.extensions`", "put the tasks where they belong"),
                "catalogs" => self.unsupported(&value, "`use.catalogs`", "there is one catalog, `default`"),
                _ => {
                    let entries = self.entries(&value).into_iter().map(|(name, at)| (name.to_owned(), at)).collect();
                    match name {
                        "authentications" => components.authentications = entries,
                        "errors" => components.errors = entries,
                        "functions" => components.functions = entries,
                        "retries" => components.retries = entries,
                        "timeouts" => components.timeouts = entries,
                        _ => {}
                    }
                }
            }
        }
        components
    }
}
