//! The specification's own documents: our verdict on each is the official schema's, except where we refuse a feature.
//!
//! They are read from `OWS_SPEC_DIR` (by default `../shared/spec`, beside the workspace); without them nothing is checked.

#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use definitions::{Definition, Severity};
use jsonschema::Validator;
use serde_json::{Value, json};

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

fn official_schema(spec: &Path) -> Validator {
    let schema = fs::read_to_string(spec.join("schema/workflow.yaml")).expect("a text");
    let schema: Value = serde_saphyr::from_str(&schema).expect("YAML");
    jsonschema::validator_for(&schema).expect("a schema")
}

#[test]
fn the_verdicts_are_those_of_the_official_schema() {
    let Some(spec) = spec() else { return };
    let schema = official_schema(&spec);
    let options = serde_saphyr::options! { strict_booleans: true };
    let (mut accepted, mut unsupported, mut differences) = (0, 0, Vec::new());
    for (name, text) in documents(&spec) {
        let json = serde_saphyr::from_str_with_options::<Value>(&text, options.clone());
        let valid = json.is_ok_and(|json| schema.is_valid(&json));
        match (Definition::parse(&text, &BTreeMap::new()), valid) {
            (Ok(_), true) => accepted += 1,
            (Ok(_), false) => differences.push(format!("{name}: accepted, and not valid")),
            (Err(_), false) => {}
            (Err(findings), true) => {
                if findings.0.iter().all(|finding| finding.rule == "unsupported" || finding.severity > Severity::Error)
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

/// Something of every kind that is supported.
const WHOLE: &str = "
document: { dsl: '1.0.3', namespace: t, name: t, version: '1.0.0', title: t, tags: { a: b }, metadata: { a: 1 } }
use:
  secrets: [ key ]
  timeouts: { soon: { after: PT1S } }
  errors: { known: { type: 'https://x.example/e', status: 500, title: t } }
  retries:
    some: { when: .a, delay: PT1S, backoff: { exponential: { } }, jitter: { from: PT1S, to: PT2S },
            limit: { attempt: { count: 3, duration: PT1S }, duration: PT2S } }
timeout: soon
schedule: { cron: 0 2 * * * }
input: { schema: { document: { type: object } }, from: .a }
output: { as: .a, schema: { document: { } } }
do:
  - fork: { if: .x, timeout: { after: PT1S }, export: { as: .a }, metadata: { a: 1 },
            fork: { compete: true, branches: [ { b: { wait: { seconds: 1 } } } ] } }
  - try:
      try: [ { d: { raise: { error: known } } } ]
      catch: { as: err, when: $err.x, exceptWhen: .b, retry: some, errors: { with: { status: 1, type: 'https://a.b/c' } },
               do: [ { h: { set: { a: 1 } } } ] }
  - run: { run: { await: false, workflow: { namespace: a, name: b, version: '1.0.0', input: { a: 1 } } } }
  - listen:
      listen:
        to: { one: { with: { type: a, source: 'https://a.b/' }, correlate: { k: { from: .a, expect: .b } } } }
        read: data
  - http:
      call: http
      with: { method: get, headers: { a: b }, query: { c: d }, body: { a: 1 }, output: raw, redirect: true,
              endpoint: { uri: 'https://a.b', authentication: { basic: { username: u, password: p } } } }
  - each: { for: { each: one, in: .a, at: n }, while: .b, do: [ { f: { do: [ { g: { set: '${ $one }' } } ] } } ] }
  - emit: { emit: { event: { with: { source: 'https://a.b', type: c, id: x, subject: s, data: { a: 1 } } } } }
  - switch: { switch: [ { c: { when: .a, then: end } }, { d: { then: continue } } ] }
";

/// Each document that comes from [`WHOLE`] by one change.
fn changed(whole: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    collect(whole, String::new(), &mut pointers);
    let others = [json!(7), json!("x y"), json!({}), json!([]), json!(null), json!(true), json!("${ . }")];
    let mut changed = Vec::new();
    for pointer in pointers.iter().filter(|pointer| !pointer.is_empty()) {
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        for other in &others {
            changed.push((format!("{pointer} is {other}"), with(whole, pointer, |value| *value = other.clone())));
        }
        let removed =
            with(whole, parent, |parent| drop(parent.as_object_mut().map(|parent| parent.shift_remove(name))));
        changed.push((format!("{pointer} is missing"), removed));
        let extra =
            with(whole, pointer, |value| drop(value.as_object_mut().map(|value| value.insert("zz".into(), json!(1)))));
        changed.push((format!("{pointer} has another field"), extra));
    }
    changed
}

fn with(whole: &Value, pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut document = whole.clone();
    if let Some(value) = document.pointer_mut(pointer) {
        change(value);
    }
    document
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(name, value)| collect(value, format!("{pointer}/{name}"), pointers));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| collect(value, format!("{pointer}/{index}"), pointers));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    pointers.push(pointer);
}

#[test]
fn nothing_that_the_official_schema_refuses_is_accepted() {
    let Some(spec) = spec() else { return };
    let schema = official_schema(&spec);
    let options = serde_saphyr::options! { strict_booleans: true };
    let whole: Value = serde_saphyr::from_str_with_options(WHOLE, options).unwrap();
    assert!(schema.is_valid(&whole));
    let verdict = |document: &Value| Definition::parse(&document.to_string(), &BTreeMap::new());
    assert_eq!(verdict(&whole).unwrap().warnings, []);
    let invalid = changed(&whole).into_iter().filter(|(_, document)| !schema.is_valid(document));
    let (mut count, mut accepted) = (0, Vec::new());
    for (change, document) in invalid {
        count += 1;
        accepted.extend(verdict(&document).is_ok().then_some(change));
    }
    assert!(count > 500, "{count}");
    assert!(accepted.is_empty(), "{accepted:#?}");
}
