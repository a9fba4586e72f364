//! The specification on disk: features, examples, snippets of its texts, invalid fixtures, and its schema.
//!
//! ```text
//! OWS_SPEC_DIR/ ctk/features/*.feature   schema/workflow.yaml   dsl.md   dsl-reference.md
//!               examples/*.yaml          fixtures-invalid/*.yaml
//! ```
//! Only the schema must be there; nothing of it is copied.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jsonschema::Validator;

use crate::{
    Failure,
    gherkin::{self, Scenario},
    yaml,
};

/// Where the specification is looked for, beside the workspace, where `OWS_SPEC_DIR` says nothing else.
const BESIDE: &str = "../shared/spec";

/// The specification's files.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The official schema.
    pub(crate) schema: Validator,
    pub(crate) scenarios: Vec<(String, Scenario)>,
    pub(crate) documents: Vec<Document>,
}

/// A text that may be a definition.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its file, or its file and heading.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The directory, and whether it was named by `OWS_SPEC_DIR`.
pub(crate) fn directory() -> (PathBuf, bool) {
    let named = std::env::var_os("OWS_SPEC_DIR").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(BESIDE);
    (named.clone().unwrap_or_else(beside), named.is_some())
}

impl Spec {
    /// Reads what is there; `None` without a schema.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, Failure> {
        let schema = directory.join("schema/workflow.yaml");
        if !schema.exists() {
            return Ok(None);
        }
        let schema = jsonschema::validator_for(&yaml(&fs::read_to_string(schema)?)?)?;
        let mut documents = Vec::new();
        for folder in ["examples", "fixtures-invalid"] {
            documents.extend(texts(&directory.join(folder), "yaml")?.into_iter().map(|(file, text)| {
                let name = format!("{folder}/{file}");
                Document { name, text }
            }));
        }
        for (file, text) in texts(directory, "md")? {
            documents.extend(snippets(&file, &text));
        }
        Ok(Some(Self { schema, scenarios: scenarios(&directory.join("ctk/features"))?, documents }))
    }
}

/// The scenarios of the features of a directory, each with the name of its file.
pub(crate) fn scenarios(directory: &Path) -> Result<Vec<(String, Scenario)>, Failure> {
    let mut all = Vec::new();
    for (file, text) in texts(directory, "feature")? {
        let scenarios = gherkin::scenarios(&text).map_err(|failure| failure.at(&file))?;
        all.extend(scenarios.into_iter().map(|scenario| (file.clone(), scenario)));
    }
    Ok(all)
}

/// The files of an extension in a directory, by name; none where there is no directory.
fn texts(directory: &Path, extension: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut texts = Vec::new();
    let Ok(entries) = fs::read_dir(directory) else { return Ok(texts) };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            texts.push((name, fs::read_to_string(&path)?));
        }
    }
    texts.sort();
    Ok(texts)
}

/// The blocks of YAML in a text, each named by the heading that it stands under.
fn snippets(file: &str, text: &str) -> Vec<Document> {
    let (mut snippets, mut heading, mut count) = (Vec::new(), String::new(), 0);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let title = line.trim_start_matches('#').trim();
        if line.starts_with('#') && !matches!(title, "Examples" | "Properties") {
            (heading, count) = (title.to_owned(), 0);
        }
        if line.trim_start().starts_with("```yaml") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            count += 1;
            let name = if count == 1 { format!("{file}, {heading}") } else { format!("{file}, {heading} ({count})") };
            snippets.push(Document { name, text: dedent(&block.join("\n")) });
        }
    }
    snippets
}

/// A text without the indentation that all its lines share.
pub(crate) fn dedent(text: &str) -> String {
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines: Vec<&str> = text.lines().map(|line| line.get(indent..).unwrap_or("")).collect();
    lines.join("\n")
}
