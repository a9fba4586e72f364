//! The specification's own documents: our verdict on each is the official schema's, except where we refuse a feature.
//!
//! They are read from `OWS_SPEC_DIR` (by default `../shared/spec`, beside the workspace); without them nothing is checked.

#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use definitions::Definition;

fn spec() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let directory = std::env::var_os("OWS_SPEC_DIR").map_or_else(|| workspace.join("../shared/spec"), PathBuf::from);
    let found = directory.join("schema/workflow.yaml").exists();
    if !found {
        eprintln!("skipped: there is no specification in {}", directory.display());
    }
    found.then_some(directory)
}

fn read_all(directory: &Path, extension: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    files.map(|path| (path.display().to_string(), fs::read_to_string(path).expect("a text"))).collect()
}

/// The blocks between `start` and `end` that are whole workflows, without their indentation.
fn blocks(text: &str, start: &str, end: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, tail)) = rest.split_once(start) {
        let Some((block, after)) = tail.split_once(end) else { break };
        let lines: Vec<&str> = block.lines().collect();
        let indent =
            lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
        let indent = indent.min().unwrap_or(0);
        let block = lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect::<Vec<_>>().join("\n");
        if block.contains("document:") && block.contains("dsl:") {
            blocks.push(block);
        }
        rest = after;
    }
    blocks
}

fn documents(spec: &Path) -> BTreeMap<String, String> {
    let mut documents = read_all(&spec.join("examples"), "yaml");
    documents.extend(read_all(&spec.join("fixtures-invalid"), "yaml"));
    for (name, text) in read_all(&spec.join("ctk/features"), "feature") {
        let found = blocks(&text, "\"\"\"yaml\n", "\"\"\"");
        documents.extend(found.into_iter().enumerate().map(|(index, block)| (format!("{name}#{index}"), block)));
    }
    for (name, text) in read_all(spec, "md") {
        let found = blocks(&text, "```yaml\n", "```");
        documents.extend(found.into_iter().enumerate().map(|(index, block)| (format!("{name}#{index}"), block)));
    }
    documents
}

#[test]
fn the_verdicts_are_those_of_the_official_schema() {
    let Some(spec) = spec() else { return };
    let schema = fs::read_to_string(spec.join("schema/workflow.yaml")).unwrap();
    let schema: serde_json::Value = serde_saphyr::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let options = serde_saphyr::options! { strict_booleans: true };
    let (mut accepted, mut unsupported, mut differences) = (0, 0, Vec::new());
    for (name, text) in documents(&spec) {
        let json = serde_saphyr::from_str_with_options::<serde_json::Value>(&text, options.clone());
        let valid = json.is_ok_and(|json| schema.is_valid(&json));
        match (Definition::parse(&text, &BTreeMap::new()), valid) {
            (Ok(_), true) => accepted += 1,
            (Ok(_), false) => differences.push(format!("{name}: accepted, and not valid")),
            (Err(_), false) => {}
            (Err(findings), true) => {
                if findings
                    .0
                    .iter()
                    .all(|finding| finding.rule == "unsupported" || finding.severity > definitions::Severity::Error)
                {
                    unsupported += 1;
                } else {
                    differences.push(format!("{name}: valid, and refused:\n{findings}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(accepted > 50 && unsupported > 10, "{accepted} accepted, {unsupported} unsupported");
}
