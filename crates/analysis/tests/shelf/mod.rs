//! The shipped workflows and functions, read from where they stand.

use std::{fs, path::PathBuf, sync::Arc};

use analysis::Library;
use definitions::{Catalog, Definition, FunctionName, Resolution};

/// The functions in `functions/`; every other name is the host's.
pub(crate) struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let file = root().join(format!("functions/{}/{}/function.yaml", function.name, function.version));
        Some(fs::read_to_string(file).map_or(Resolution::Host, |source| Resolution::Source(source.into())))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The YAML files of a directory, by name.
pub(crate) fn files(directory: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(directory)).expect("the directory is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), fs::read_to_string(path).expect("it is text"))).collect()
}

/// Every shipped workflow.
pub(crate) fn library() -> Library {
    let files = ["workflows", "workflows/examples"].into_iter().flat_map(files);
    files.map(|(file, text)| Arc::new(parse(&file, &text))).collect()
}

/// A definition that is expected to be right.
pub(crate) fn parse(file: &str, text: &str) -> Definition {
    Definition::parse(text, &Shelf).unwrap_or_else(|findings| panic!("{file}: {findings}"))
}
