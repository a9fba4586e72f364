//! A whole definition: its identity, its content hash, its workflow, and the functions it was linked with.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use crate::{
    Data, Diagnostic, Diagnostics, FunctionName, Pointer, Task, Workflow,
    parse::{parse_function, parse_workflow},
};

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
    /// The workflows that it may run, those of its functions included; a version may be `latest`.
    pub workflows: Vec<DefinitionId>,
    /// Findings that did not refuse it.
    pub warnings: Vec<Diagnostic>,
    pub(crate) tasks: BTreeMap<Pointer, Arc<Task>>,
}

/// A function written in the DSL: a task, packed with a schema of its input.
#[derive(Debug)]
pub struct Function {
    /// The text it was parsed from.
    pub source: String,
    /// What it does.
    pub task: Arc<Task>,
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

/// The functions that a definition was linked with, for parsing a stored one again: what is not among them was one of the
/// host.
impl Catalog for BTreeMap<String, String> {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let source = self.get(&format!("{}:{}", function.name, function.version));
        Some(source.map_or(Resolution::Host, |source| Resolution::Source(source.as_str().into())))
    }
}

impl ContentHash {
    /// Each text goes in with its length before it, so that no two lists of texts hash alike.
    fn of(source: &str, functions: &BTreeMap<String, String>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"stationmaster/definition/1\0");
        for text in [source].into_iter().chain(functions.iter().flat_map(|(name, text)| [&**name, &**text])) {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
        Self(hasher.finalize().into())
    }
}

impl Definition {
    /// Parses, links and checks a workflow document.
    ///
    /// # Errors
    /// Every finding of the grammar and of the static rules, in the order of the text.
    pub fn parse(source: &str, catalog: &dyn Catalog) -> Result<Self, Diagnostics> {
        let parts = parse_workflow(source, catalog)?;
        Ok(Self {
            id: parts.id,
            hash: ContentHash::of(source, &parts.functions),
            source: source.to_owned(),
            document: parts.document,
            functions: parts.functions,
            workflow: parts.workflow,
            needs: parts.needs.into_iter().collect(),
            workflows: parts.workflows.into_iter().collect(),
            warnings: parts.warnings,
            tasks: parts.tasks,
        })
    }

    /// The document as YAML, in the order in which it was written; reading it again gives the same workflow.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(&self.document).unwrap_or_else(|_| self.document.to_string()) // JSON is YAML
    }

    /// The task at a pointer, those of inlined functions included.
    #[must_use]
    pub fn task(&self, pointer: &Pointer) -> Option<&Arc<Task>> {
        self.tasks.get(pointer)
    }

    /// All tasks, those of inlined functions included, in the order of their pointers.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|task| &**task)
    }
}

impl Function {
    /// Parses and checks a `function.yaml`.
    ///
    /// # Errors
    /// Every finding, in the order of the text.
    pub fn parse(source: &str, catalog: &dyn Catalog) -> Result<Self, Diagnostics> {
        let task = parse_function(source, catalog)?;
        Ok(Self { source: source.to_owned(), task })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_the_same() {
        let source = r##"
document: { dsl: '1.0.3', namespace: test, name: printed, version: '1.0.0', title: "on", summary: "two\nlines\n" }
do:
  - say:
      set:
        number: '017'
        truth: "no"
        nothing: null
        empty: ["", {}, []]
        odd: ["a: b", "- c", "# d", " e ", "${ \"f\\(.g)\" }", "\t", "{h}", "*i", "&j", "!k", "%l", "'", "\"", "ü", "~", "1e3"]
        numbers: [0, -1, 1.5, 1e21, 18446744073709551615]
        'strange key: #': true
"##;
        let definition = Definition::parse(source, &BTreeMap::new()).unwrap();
        let printed = definition.to_yaml();
        let again =
            Definition::parse(&printed, &BTreeMap::new()).unwrap_or_else(|findings| panic!("{findings}\n{printed}"));
        assert_eq!(again.document, definition.document, "{printed}");
        assert_eq!(again.to_yaml(), printed);
    }
}
