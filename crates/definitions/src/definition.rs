//! A whole definition: its identity, its content hash, its workflow, and the functions it was linked with.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Data, Diagnostic, Diagnostics, FunctionName, Pointer, Severity, Task, Workflow, parse};

/// Namespace, name and version: what tells definitions apart for people (DSL D2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DefinitionId {
    /// `document.namespace`.
    pub namespace: Arc<str>,
    /// `document.name`.
    pub name: Arc<str>,
    /// `document.version`, a semantic version.
    pub version: Arc<str>,
}

impl fmt::Display for DefinitionId {
    /// `namespace/name:version`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.name, self.version)
    }
}

/// SHA-256 over a definition's text and the texts of the functions it was linked with: what a run pins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

/// A definition, ready to run.
#[derive(Debug)]
pub struct Definition {
    /// What people call it.
    pub id: DefinitionId,
    /// What runs pin.
    pub hash: ContentHash,
    /// The text it was parsed from.
    pub source: String,
    /// The document as JSON (`$workflow.definition`).
    pub document: Data,
    /// The functions written in the DSL that it was linked with: text by `name:version`.
    pub functions: BTreeMap<String, String>,
    /// The tasks.
    pub workflow: Workflow,
    /// Functions of the host that a worker needs to run it.
    pub needs: Vec<FunctionName>,
    /// Findings that did not refuse it.
    pub warnings: Vec<Diagnostic>,
    pub(crate) tasks: BTreeMap<Pointer, Arc<Task>>,
}

/// A function written in the DSL: a task, packed with a schema of its input.
#[derive(Debug)]
pub struct Function {
    /// The text it was parsed from.
    pub source: String,
}

/// Where the functions that a definition calls by `name:version@default` are looked up.
pub trait Catalog {
    /// The function of this name, if there is one.
    fn resolve(&self, function: &FunctionName) -> Option<Resolution>;
}

/// What a function's name stands for.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// A function that the host runs.
    Host,
    /// A function written in the DSL, by its text.
    Source(Arc<str>),
}

impl Definition {
    /// Parses, links and checks a workflow document.
    ///
    /// # Errors
    /// Every finding of the grammar and of the static rules, in the order of the text.
    pub fn parse(source: &str, catalog: &dyn Catalog) -> Result<Self, Diagnostics> {
        let (parsed, findings) = parse::workflow(source, catalog);
        let Some(parsed) = parsed else { return Err(Diagnostics(findings)) };
        Ok(Self {
            id: parsed.id,
            hash: ContentHash::of(source, &parsed.functions),
            source: source.to_owned(),
            document: parsed.document.json().into(),
            functions: parsed.functions,
            workflow: parsed.workflow,
            needs: parsed.needs.into_iter().collect(),
            warnings: findings,
            tasks: parsed.tasks,
        })
    }

    /// The task at a pointer, those of inlined functions included.
    #[must_use]
    pub fn task(&self, pointer: &Pointer) -> Option<&Arc<Task>> {
        self.tasks.get(pointer)
    }
}

impl Function {
    /// Parses and checks a `function.yaml`.
    ///
    /// # Errors
    /// Every finding, in the order of the text.
    pub fn parse(source: &str, catalog: &dyn Catalog) -> Result<Self, Diagnostics> {
        let findings = parse::function("function", source, catalog);
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(Diagnostics(findings));
        }
        Ok(Self { source: source.to_owned() })
    }
}

impl ContentHash {
    /// The hash of a definition's text and of the functions that it was linked with. Each part is preceded by its length, so
    /// that no two definitions run together into the same bytes.
    fn of(source: &str, functions: &BTreeMap<String, String>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"stationmaster definition 1\n");
        let functions = functions.iter().flat_map(|(name, source)| [name.as_str(), source.as_str()]);
        for part in std::iter::once(source).chain(functions) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl Catalog for BTreeMap<String, String> {
    /// The catalog of a stored definition: what it was linked with; every other function is the host's.
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let source = self.get(&format!("{}:{}", function.name, function.version));
        Some(source.map_or(Resolution::Host, |source| Resolution::Source(source.as_str().into())))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether two error type URIs name the same standard type, whatever host and path they are written with (DSL "Traps").
#[must_use]
pub fn same_error_type(a: &str, b: &str) -> bool {
    a == b || standard_type(a).is_some_and(|name| standard_type(b) == Some(name))
}

/// The name of a standard error type.
fn standard_type(uri: &str) -> Option<&str> {
    let hosts = ["https://serverlessworkflow.io/", "https://open-workflow-specification.org/"];
    let path = hosts.iter().find_map(|host| uri.strip_prefix(host))?;
    ["spec/1.0.0/errors/", "dsl/errors/types/"].iter().find_map(|prefix| path.strip_prefix(prefix))
}
