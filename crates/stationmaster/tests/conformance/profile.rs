//! The table of outcomes in `docs/dsl-profile.md`, which cannot drift: it is compared with what the test has seen.
//!
//! Whoever changes an outcome looks at it and runs `UPDATE_PROFILE=1 cargo test --test conformance`.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use crate::{Case, Failure, NEEDS};

const BEGIN: &str = "<!-- conformance: begin; written by `UPDATE_PROFILE=1 cargo test --test conformance` -->\n";
const END: &str = "<!-- conformance: end -->\n";

/// What the document says, by section and name.
pub(crate) type Known = BTreeMap<(String, String), String>;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/dsl-profile.md")
}

/// The tables as Markdown.
pub(crate) fn tables(outcomes: &[(Case, String)]) -> String {
    let mut text = String::new();
    let mut section = None;
    for (case, outcome) in outcomes {
        if section != Some(&case.section) {
            section = Some(&case.section);
            let _ = write!(text, "\n### {}\n\n| | |\n|---|---|\n", case.section);
        }
        let _ = writeln!(text, "| {} | {} |", cell(&case.name), cell(outcome));
    }
    text.push('\n');
    text
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// What the document says.
pub(crate) fn known() -> Result<Known, Failure> {
    let text = fs::read_to_string(file())?;
    let (_, tables, _) = parts(&text)?;
    let (mut known, mut section) = (Known::new(), String::new());
    for line in tables.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            title.clone_into(&mut section);
        }
        let row =
            line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")).and_then(|row| row.split_once(" | "));
        if let Some((name, outcome)) = row.filter(|(name, _)| !name.is_empty()) {
            known.insert((section.clone(), name.to_owned()), outcome.to_owned());
        }
    }
    Ok(known)
}

/// Where the outcomes differ from the document; one that it does not know is right if it is good.
pub(crate) fn differences(known: &Known, outcomes: &[(Case, String)], whole: bool) -> Vec<String> {
    let mut missing = known.clone();
    let mut differences = Vec::new();
    for (case, outcome) in outcomes {
        let said = missing.remove(&(case.section.clone(), cell(&case.name)));
        match said {
            Some(said) if said != cell(outcome) && !outcome.starts_with(NEEDS) => {
                differences.push(format!("{}: {outcome}\n    docs/dsl-profile.md says: {said}", case.name));
            }
            None if whole => {
                differences.push(format!("{}: {outcome}\n    docs/dsl-profile.md does not say so", case.name))
            }
            Some(_) | None => {}
        }
    }
    if whole {
        differences
            .extend(missing.keys().map(|(_, name)| format!("{name}: docs/dsl-profile.md has it, nothing else does")));
    }
    differences
}

/// Writes the tables.
pub(crate) fn update(outcomes: &[(Case, String)]) -> Result<(), Failure> {
    let text = fs::read_to_string(file())?;
    let (before, _, after) = parts(&text)?;
    fs::write(file(), format!("{before}{BEGIN}{}{END}{after}", tables(outcomes)))?;
    Ok(())
}

fn parts(text: &str) -> Result<(&str, &str, &str), Failure> {
    let missing = || Failure::new("docs/dsl-profile.md has no place for the outcomes");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (tables, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok((before, tables, after))
}
