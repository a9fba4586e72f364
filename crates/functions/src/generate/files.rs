//! A generated file, and the rules that a set of them keeps before it is committed.
//!
//! The rules hold for every generator: a model's answer is input from outside.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Error;

/// Files that a repository must have, or its pipeline cannot run.
pub const REQUIRED: &[&str] = &[
    ".github/workflows/ci.yml",
    "Dockerfile",
    "docs/runbook.md",
    "ops/alerts.yaml",
    "pyproject.toml",
    "requirements.txt",
    "requirements-lint.txt",
    "requirements-test.txt",
];

/// Folders that must hold at least one file.
const REQUIRED_FOLDERS: &[&str] = &["src/agent/", "tests/unit/", "tests/integration/"];

/// Most files of one repository.
pub const MAX_FILES: usize = 500;
/// Most bytes of one file.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// Most bytes of all files.
pub const MAX_TOTAL_BYTES: usize = 8 * 1024 * 1024;
const MAX_PATH_BYTES: usize = 200;

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedFile {
    /// Where it goes, relative to the root, parted by `/`.
    pub path: String,
    /// Its text.
    pub contents: String,
    /// Whether it may be run.
    #[serde(default)]
    pub executable: bool,
}

/// Refuses a set of files that could not be committed safely or could not be built.
///
/// # Errors
/// [`Error::Files`], naming the file and the rule.
pub fn check(files: &[GeneratedFile]) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Files(why));
    if files.len() > MAX_FILES {
        return refuse(format!("{} files, at most {MAX_FILES}", files.len()));
    }
    let mut seen = BTreeSet::new();
    let mut total = 0;
    for file in files {
        check_path(&file.path)?;
        if !seen.insert(file.path.as_str()) {
            return refuse(format!("{:?} occurs twice", file.path));
        }
        if file.contents.len() > MAX_FILE_BYTES {
            return refuse(format!("{:?} has over {MAX_FILE_BYTES} bytes", file.path));
        }
        total += file.contents.len();
    }
    if total > MAX_TOTAL_BYTES {
        return refuse(format!("{total} bytes in all, at most {MAX_TOTAL_BYTES}"));
    }
    if let Some((parent, child)) = file_used_as_folder(&seen) {
        return refuse(format!("{parent:?} is a file, so {child:?} cannot be below it"));
    }
    if let Some(missing) = REQUIRED.iter().find(|path| !seen.contains(**path)) {
        return refuse(format!("{missing:?} is required and missing"));
    }
    for folder in REQUIRED_FOLDERS {
        if !seen.iter().any(|path| path.starts_with(folder)) {
            return refuse(format!("{folder:?} must hold at least one file"));
        }
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+".contains(c);
    let ok = !path.is_empty()
        && path.len() <= MAX_PATH_BYTES
        && path.chars().all(plain)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.split('/').any(|part| part.eq_ignore_ascii_case(".git"));
    if ok {
        return Ok(());
    }
    Err(Error::Files(format!(
        "the path {path:?} must be relative, of at most {MAX_PATH_BYTES} letters, digits and \
         `._-+/`, with no empty part, `.`, `..` or `.git`"
    )))
}

fn file_used_as_folder<'a>(paths: &BTreeSet<&'a str>) -> Option<(&'a str, &'a str)> {
    paths.iter().find_map(|child| {
        let parent = child.match_indices('/').find_map(|(end, _)| paths.get(&child[..end]))?;
        Some((*parent, *child))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> GeneratedFile {
        GeneratedFile { path: path.to_owned(), contents: String::new(), executable: false }
    }

    fn complete() -> Vec<GeneratedFile> {
        let folders = ["src/agent/app.py", "tests/unit/test_a.py", "tests/integration/test_b.py"];
        REQUIRED.iter().copied().chain(folders).map(file).collect()
    }

    #[test]
    fn a_complete_set_passes() {
        check(&complete()).expect("complete");
    }

    #[test]
    fn each_required_file_is_missed() {
        for index in 0..complete().len() {
            let mut files = complete();
            let gone = files.remove(index);
            let error = check(&files).expect_err("incomplete").to_string();
            let named = error.contains(&gone.path) || error.contains("at least one file");
            assert!(named, "{error}");
        }
    }

    #[test]
    fn paths_that_leave_the_root_are_refused() {
        let bad = ["/etc/passwd", "../x", "a/../x", "a//b", "./a", "", "a\\b", "a\nb", "a/.GIT/x"];
        for path in bad {
            let mut files = complete();
            files.push(file(path));
            assert!(check(&files).is_err(), "{path:?}");
        }
    }

    #[test]
    fn sizes_duplicates_and_folders_are_checked() {
        let mut twice = complete();
        twice.push(file("Dockerfile"));
        let mut below = complete();
        below.push(file("Dockerfile/x"));
        let mut big = complete();
        big[0].contents = "x".repeat(MAX_FILE_BYTES + 1);
        let mut heavy = complete();
        for file in &mut heavy {
            file.contents = "x".repeat(MAX_FILE_BYTES);
        }
        let mut many = complete();
        many.extend((0..MAX_FILES).map(|n| file(&format!("f{n}"))));
        for (files, word) in [(twice, "twice"), (below, "below"), (big, "over"), (heavy, "in all"), (many, "at most")] {
            let error = check(&files).expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
