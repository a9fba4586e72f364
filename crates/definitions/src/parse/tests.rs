//! Each rule of the grammar and of the linter, by a document that breaks only that one.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{Catalog, Definition, Diagnostic, FunctionName, Resolution, Severity};

const HEAD: &str = "document: { dsl: '1.0.3', namespace: test, name: rules, version: '1.0.0' }\n";

/// `known:1.0.0` is the host's, `twice:1.0.0` is written in the DSL, `loop:1.0.0` calls itself.
struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        match &*function.name {
            "known" => Some(Resolution::Host),
            "twice" => Some(Resolution::Source("set: '${ . * 2 }'".into())),
            "loop" => Some(Resolution::Source("call: loop:1.0.0@default".into())),
            "broken" => Some(Resolution::Source("do:\n  - a: { st: 1 }".into())),
            _ => None,
        }
    }
}

fn findings(source: &str) -> Vec<Diagnostic> {
    match Definition::parse(source, &Shelf) {
        Ok(definition) => definition.warnings,
        Err(findings) => findings.0,
    }
}

#[test]
fn each_mistake_is_found_where_it_stands() {
    let cases = [
        ("do: [ { a: { set: { } }, b: { set: { } } } ]", "one-entry", "/do/0"),
        ("do: [ { a: { set: { } } }, { a: { set: { } } } ]", "duplicate-task", "/do/1/a"),
        ("do: [ { exit: { set: { } } } ]", "reserved-name", "/do/0/exit"),
        ("do: [ { a: { then: b } } ]", "no-task", "/do/0/a"),
        ("do: [ { a: { set: { }, thn: end } } ]", "unknown-field", "/do/0/a/thn"),
        ("do: [ { a: { set: { }, then: nowhere } } ]", "unknown-task", "/do/0/a/then"),
        ("do: [ { a: { do: [ { b: { set: { }, then: a } } ] } } ]", "unknown-task", "/do/0/a/do/0/b/then"),
        ("do: [ { a: { set: '${ .a + }' } } ]", "expression", "/do/0/a/set"),
        ("do: [ { a: { set: '${ $nobody }' } } ]", "expression", "/do/0/a/set"),
        ("do: [ { a: { set: '${ $secrets.x }' } } ]", "expression", "/do/0/a/set"),
        ("do: [ { a: { set: '${ now }' } } ]", "expression", "/do/0/a/set"),
        ("do: [ { a: { set: plain } } ]", "set", "/do/0/a/set"),
        ("do: [ { a: { wait: { minuts: 1 } } } ]", "duration", "/do/0/a/wait"),
        ("do: [ { a: { wait: soon } } ]", "duration", "/do/0/a/wait"),
        (
            "do: [ { a: { switch: [ { x: { then: end } }, { y: { then: end } } ] } } ]",
            "two-defaults",
            "/do/0/a/switch/1/y",
        ),
        ("do: [ { a: { call: 'unknown:1.0.0@default' } } ]", "unknown-function", "/do/0/a/call"),
        ("do: [ { a: { call: 'known:one@default' } } ]", "unknown-function", "/do/0/a/call"),
        ("do: [ { a: { call: '${ .f }' } } ]", "dynamic-call", "/do/0/a/call"),
        ("do: [ { a: { call: 'loop:1.0.0@default' } } ]", "recursive-function", "/do/0/a/loop:1.0.0@default/call"),
        ("do: [ { a: { call: http } } ]", "missing-field", "/do/0/a"),
        ("do: [ { a: { call: http, with: { method: get } } } ]", "missing-field", "/do/0/a/with"),
        (
            "do: [ { a: { call: http, with: { method: get, endpoint: 'http://h/{+x}' } } } ]",
            "uri-template",
            "/do/0/a/with/endpoint",
        ),
        ("do: [ { a: { raise: { error: missing } } } ]", "unknown-component", "/do/0/a/raise/error"),
        ("do: [ { a: { set: { }, timeout: missing } } ]", "unknown-component", "/do/0/a/timeout"),
        ("do: [ { a: { try: [ { b: { set: { } } } ] } } ]", "missing-field", "/do/0/a"),
        (
            "do: [ { a: { listen: { to: { one: { with: { type: a } }, any: [ ] } } } } ]",
            "event-strategy",
            "/do/0/a/listen/to",
        ),
        ("do: [ { a: { listen: { to: { one: { with: { } } } } } } ]", "event-filter", "/do/0/a/listen/to/one/with"),
        (
            "do: [ { a: { input: { schema: { document: { type: 7 } } }, set: { } } } ]",
            "schema",
            "/do/0/a/input/schema/document",
        ),
        ("title: x\ndo: [ { a: { set: { } } } ]", "unknown-field", "/title"),
    ];
    for (body, rule, pointer) in cases {
        let found = findings(&format!("{HEAD}{body}"));
        let [finding] = &found[..] else { panic!("{body}: {found:#?}") };
        assert_eq!(
            (finding.rule, finding.pointer.as_str(), finding.severity),
            (rule, pointer, Severity::Error),
            "{body}"
        );
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let cases = [
        "do: [ { a: { call: grpc, with: { } } } ]",
        "do: [ { a: { call: 'https://example.com/f.yaml' } } ]",
        "do: [ { a: { call: 'known:1.0.0@other' } } ]",
        "do: [ { a: { run: { shell: { command: ls } } } } ]",
        "do: [ { a: { listen: { to: { any: [ ] } }, foreach: { } } } ]",
        "do: [ { a: { listen: { to: { any: [ ], until: . } } } } ]",
        "do: [ { a: { input: { schema: { resource: { endpoint: 'https://e' } } }, set: { } } } ]",
        "schedule: { cron: '* * * * *' }\ndo: [ { a: { set: { } } } ]",
        "evaluate: { mode: loose }\ndo: [ { a: { set: { } } } ]",
        "use: { extensions: [ ] }\ndo: [ { a: { set: { } } } ]",
    ];
    for body in cases {
        let found = findings(&format!("{HEAD}{body}"));
        assert!(
            found.iter().any(|finding| finding.rule == "unsupported" && finding.message.contains('`')
                || finding.message.contains("not supported")),
            "{body}: {found:?}"
        );
    }
}

#[test]
fn doubtful_texts_and_dead_tasks_are_warned_of() {
    let cases = [
        ("do: [ { a: { set: { x: 'a ${ .b } c' } } } ]", "partial-expression"),
        ("do: [ { a: { set: { x: .user } } } ]", "literal-expression"),
        ("do: [ { a: { set: { }, then: end } }, { b: { set: { } } } ]", "unreachable-task"),
    ];
    for (body, rule) in cases {
        let definition = Definition::parse(&format!("{HEAD}{body}"), &Shelf).unwrap();
        assert_eq!(definition.warnings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [rule], "{body}");
    }
}

#[test]
fn a_document_has_an_identity() {
    let cases = [
        ("dsl: '2.0.0', namespace: a, name: b, version: '1.0.0'", "dsl-version"),
        ("dsl: '1.0.3', namespace: A, name: b, version: '1.0.0'", "name"),
        ("dsl: '1.0.3', namespace: a, name: b, version: 'one'", "version"),
        ("dsl: '1.0.3', namespace: a, name: b", "missing-field"),
    ];
    for (document, rule) in cases {
        let found = findings(&format!("document: {{ {document} }}\ndo: [ {{ a: {{ set: {{ }} }} }} ]"));
        assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [rule], "{document}");
    }
}

#[test]
fn a_finding_says_where_and_what_to_do() {
    let source = format!("{HEAD}do:\n  - greet:\n      set: {{ }}\n      then: graet\n  - great:\n      set: {{ }}\n");
    let found = findings(&source);
    assert_eq!(
        found[0].to_string(),
        "5:13: error[unknown-task]: `graet` names no task of this list; a flow stays within its list (at /do/0/greet/then); \
         did you mean `great`?"
    );
}

#[test]
fn a_mistake_in_a_function_names_the_function() {
    let found = findings(&format!("{HEAD}do: [ {{ a: {{ call: 'broken:1.0.0@default' }} }} ]"));
    assert!(found[0].message.starts_with("in the function broken:1.0.0, 2:8: "), "{found:?}");
}

#[test]
fn a_definition_can_be_parsed_again_from_what_is_stored() {
    let source = format!(
        "{HEAD}do: [ {{ a: {{ call: 'twice:1.0.0@default', with: {{ }} }} }}, {{ b: {{ call: 'known:1.0.0@default' }} }} ]"
    );
    let first = Definition::parse(&source, &Shelf).unwrap();
    assert_eq!(first.functions, BTreeMap::from([("twice:1.0.0".to_owned(), "set: '${ . * 2 }'".to_owned())]));
    assert_eq!(first.needs.len(), 1);
    let again = Definition::parse(&source, &first.functions).unwrap();
    assert_eq!((again.hash, again.needs), (first.hash, first.needs));
    let other =
        Definition::parse(&source, &BTreeMap::from([("twice:1.0.0".to_owned(), "set: '${ . * 3 }'".to_owned())]));
    assert_ne!(other.unwrap().hash, again.hash, "the functions are a part of what a run pins");
}

#[test]
fn the_shipped_definitions_have_no_findings() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let home = Home(root.join("functions"));
    for name in ["agent-creation", "agent-handoff", "examples/reviewed-greeting"] {
        let source = fs::read_to_string(root.join("workflows").join(name).with_extension("yaml")).unwrap();
        let definition = Definition::parse(&source, &home).unwrap_or_else(|findings| panic!("{name}: {findings}"));
        assert_eq!(definition.warnings, [], "{name}");
    }
}

/// The functions of a directory; everything else is the host's.
struct Home(PathBuf);

impl Catalog for Home {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let file = self.0.join(&*function.name).join(&*function.version).join("function.yaml");
        Some(fs::read_to_string(file).map_or(Resolution::Host, |source| Resolution::Source(source.into())))
    }
}
