//! The definitions of a home directory: `workflows/**/*.yaml` and `functions/<name>/<version>/function.yaml`.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use analysis::Library;
use definitions::{Catalog, Definition, Diagnostic, FunctionName, Resolution};
use thiserror::Error;

use crate::output::Failure;

/// Directories below `workflows/` that hold other things than definitions: manifests of agents, tests, and rules.
const BESIDE: [&str; 3] = ["samples", "scenarios", "guards"];

/// The functions that definitions of a home directory may call: those written in the DSL beside them, and the host's.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    home: PathBuf,
    host: Arc<BTreeSet<FunctionName>>,
}

/// A definition's file and what became of it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) file: PathBuf,
    pub(crate) definition: Result<Definition, Vec<Diagnostic>>,
}

/// A file or directory that cannot be read.
#[derive(Debug, Error)]
#[error("{path}: {cause}")]
pub(crate) struct Unreadable {
    path: String,
    cause: io::Error,
}

impl Catalogue {
    /// The catalogue of a home directory and of the host's functions.
    pub(crate) fn new(home: &Path, host: impl IntoIterator<Item = FunctionName>) -> Self {
        Self { home: home.to_owned(), host: Arc::new(host.into_iter().collect()) }
    }

    /// The directory of the workflows.
    pub(crate) fn workflows(&self) -> PathBuf {
        self.home.join("workflows")
    }

    /// Every file of `workflows/` and `functions/`; what cannot be read is left out.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let mut files = Vec::new();
        for directory in ["workflows", "functions"] {
            if let Err(error) = collect(&self.home.join(directory), &mut files) {
                tracing::debug!(%error, directory, "cannot look for definitions");
            }
        }
        files.into_iter()
    }

    /// Parses every definition at or below a path, in the order of their file names. What stands in a directory named
    /// [`BESIDE`] is about definitions, and none itself.
    pub(crate) fn check(&self, path: &Path) -> Result<Vec<Checked>, Unreadable> {
        let mut files = Vec::new();
        collect(path, &mut files).map_err(|cause| Unreadable { path: path.display().to_string(), cause })?;
        files.sort();
        files.into_iter().map(|file| self.check_file(file)).collect()
    }

    /// The definition in a file, or its findings in words.
    pub(crate) fn one(&self, file: &Path) -> Result<Arc<Definition>, Failure> {
        let checked = self.check_file(file.to_owned())?;
        checked.definition.map(Arc::new).map_err(|findings| {
            let lines: Vec<_> = findings.iter().map(|finding| format!("{}:{finding}", file.display())).collect();
            Failure::new(lines.join("\n"))
        })
    }

    /// Every definition of the home directory that is right, for those that run others.
    pub(crate) fn library(&self) -> Result<Library, Unreadable> {
        let checked = self.check(&self.workflows())?.into_iter();
        Ok(checked.filter_map(|checked| checked.definition.ok().map(Arc::new)).collect())
    }

    fn check_file(&self, file: PathBuf) -> Result<Checked, Unreadable> {
        let source =
            fs::read_to_string(&file).map_err(|cause| Unreadable { path: file.display().to_string(), cause })?;
        let definition = Definition::parse(&source, self).map_err(|findings| findings.0);
        Ok(Checked { file, definition })
    }
}

impl Catalog for Catalogue {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let FunctionName { name, version } = function;
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let file = self.home.join("functions").join(&**name).join(&**version).join("function.yaml");
        match fs::read_to_string(file) {
            Ok(source) if plain(name) && plain(version) => Some(Resolution::Source(source.into())),
            Ok(_) | Err(_) => self.host.contains(function).then_some(Resolution::Host),
        }
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let wanted = matches!(path.extension().and_then(|extension| extension.to_str()), Some("yaml" | "yml" | "json"));
        if path.is_dir() && !BESIDE.contains(&name) {
            collect(&path, files)?;
        } else if wanted && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
