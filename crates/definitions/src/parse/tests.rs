//! Documents that parse, and the findings of those that do not.

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;

use crate::{
    CallTarget, Catalog, Definition, Diagnostics, Flow, Function, FunctionName, Match, Resolution, Severity,
    Strategy as Events, TaskKind, Template, Trigger,
};

mod calls;

const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: sample, version: '1.0.0'}\n";

/// Functions of a host, and some that are written in the DSL.
struct Library;

impl Catalog for Library {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let source = match &*function.name {
            "host" => return Some(Resolution::Host),
            "outer" => "do: [{first: {call: 'inner:1.0.0@default', with: {a: '${ .b }'}}}]",
            "inner" => "input: {schema: {document: {type: object}}}\nset: {a: '${ .a }'}",
            "loop" => "do: [{again: {call: 'loop:1.0.0@default'}}]",
            "broken" => "set: {a: '${ .[ }'}",
            "leaks" => "set: {a: '${ $item }'}",
            "jumps" => "set: {a: 1}\nthen: end",
            _ => return None,
        };
        Some(Resolution::Source(source.into()))
    }
}

fn parse(text: &str) -> Result<Definition, Diagnostics> {
    Definition::parse(&format!("{HEAD}{text}"), &Library)
}

/// A workflow of one task.
fn one(task: &str) -> Result<Definition, Diagnostics> {
    parse(&format!("use: {{secrets: [key]}}\ndo:\n- a: {task}\n"))
}

fn rules(result: Result<Definition, Diagnostics>) -> Vec<(&'static str, String)> {
    let findings = match result {
        Ok(definition) => definition.warnings,
        Err(findings) => findings.0,
    };
    findings.into_iter().map(|finding| (finding.rule, finding.pointer.as_str().to_owned())).collect()
}

#[test]
fn each_rule_names_its_place() {
    for (task, rule, pointer) in [
        ("{sett: {b: 1}}", "task-kind", "/do/0/a"),
        ("{set: {b: 1}, wait: PT1S}", "task-kind", "/do/0/a"),
        ("{set: {b: 1}, thn: end}", "unknown-property", "/do/0/a/thn"),
        ("{set: {}}", "value", "/do/0/a/set"),
        ("{set: {b: '${ .[ }'}}", "expression", "/do/0/a/set/b"),
        ("{set: {b: '${ $nope }'}}", "expression", "/do/0/a/set/b"),
        ("{set: {b: '${ $secrets.key }'}}", "expression", "/do/0/a/set/b"),
        ("{set: {b: 1}, if: $input.x}", "expression", "/do/0/a/if"),
        ("{set: {b: 1}, output: {as: $output}}", "expression", "/do/0/a/output/as"),
        ("{set: {b: .c}}", "literal-expression", "/do/0/a/set/b"),
        ("{set: {b: $c}}", "literal-expression", "/do/0/a/set/b"),
        ("{set: {b: 'x ${ .c }'}}", "partial-expression", "/do/0/a/set/b"),
        ("{set: {b: 1}, then: b}", "unknown-task", "/do/0/a/then"),
        ("{switch: []}", "value", "/do/0/a/switch"),
        ("{switch: [{x: {then: end}}, {y: {then: end}}]}", "two-defaults", "/do/0/a/switch/1"),
        ("{switch: [{x: {when: .a}}]}", "missing-property", "/do/0/a/switch/0/x"),
        ("{for: {in: .x}}", "missing-property", "/do/0/a/for"),
        ("{for: {in: .x, each: y, at: y}, do: [{b: {set: {c: 1}}}]}", "variable", "/do/0/a/for"),
        ("{for: {in: .x, each: input}, do: [{b: {set: {c: 1}}}]}", "variable", "/do/0/a/for/each"),
        ("{for: {in: .x}, do: [{b: {set: {c: 1}}}], output: {as: $item}}", "expression", "/do/0/a/output/as"),
        (
            "{fork: {branches: [{b: {set: {c: 1}, then: c}}, {c: {set: {d: 1}}}]}}",
            "unknown-task",
            "/do/0/a/fork/branches/0/b/then",
        ),
        ("{try: [{b: {set: {c: 1}}}]}", "missing-property", "/do/0/a"),
        ("{try: [{b: {set: {c: 1}}}], catch: {errors: {with: {}}}}", "value", "/do/0/a/catch/errors/with"),
        ("{try: [{b: {set: {c: 1}}}], catch: {retry: never}}", "unknown-reference", "/do/0/a/catch/retry"),
        ("{try: [{b: {set: {c: 1}}}], catch: {retry: {backoff: {}}}}", "backoff", "/do/0/a/catch/retry/backoff"),
        (
            "{try: [{b: {set: {c: 1}}}], catch: {retry: {backoff: {exponential: {factor: 0}}}}}",
            "backoff",
            "/do/0/a/catch/retry/backoff/exponential/factor",
        ),
        (
            "{try: [{b: {set: {c: 1}}}], catch: {retry: {backoff: {linear: {step: 1}}}}}",
            "unknown-property",
            "/do/0/a/catch/retry/backoff/linear/step",
        ),
        ("{try: [{b: {set: {c: 1}}}], catch: {then: b}}", "unknown-task", "/do/0/a/catch/then"),
        ("{set: {b: 1}, timeout: {after: '${ $input.x + $output }'}}", "expression", "/do/0/a/timeout/after"),
        ("{}", "task-kind", "/do/0/a"),
        ("{raise: {error: nope}}", "unknown-reference", "/do/0/a/raise/error"),
        ("{raise: {error: {type: nope, status: 500}}}", "uri", "/do/0/a/raise/error/type"),
        ("{raise: {error: {type: 'https://x.example/e', status: bad}}}", "type", "/do/0/a/raise/error/status"),
        ("{wait: tomorrow}", "duration", "/do/0/a/wait"),
        ("{wait: {minute: 1}}", "duration", "/do/0/a/wait"),
        ("{set: {b: 1}, timeout: soon}", "unknown-reference", "/do/0/a/timeout"),
        ("{call: http, with: {method: get, endpoint: nowhere}}", "uri", "/do/0/a/with/endpoint"),
        ("{call: http, with: {method: get, endpoint: 'https://x.example/{+a}'}}", "uri", "/do/0/a/with/endpoint"),
        (
            "{call: http, with: {method: get, endpoint: 'https://x.example', output: all}}",
            "value",
            "/do/0/a/with/output",
        ),
        ("{call: nope}", "unknown-function", "/do/0/a/call"),
        ("{call: 'nope:1.0.0@default'}", "unknown-function", "/do/0/a/call"),
        ("{call: 'host:1@default'}", "function", "/do/0/a/call"),
        ("{call: 'host@default'}", "function", "/do/0/a/call"),
        ("{call: 'loop:1.0.0@default'}", "function", "/do/0/a/call"),
        ("{call: 'broken:1.0.0@default'}", "function", "/do/0/a/call"),
        ("{call: 'jumps:1.0.0@default'}", "function", "/do/0/a/call"),
        ("{for: {in: .x}, do: [{b: {call: 'leaks:1.0.0@default'}}]}", "function", "/do/0/a/do/0/b/call"),
        ("{call: 'outer:1.0.0@default', with: {b: '${ $secrets.key }'}}", "expression", "/do/0/a/with/b"),
        ("{listen: {to: {}}}", "strategy", "/do/0/a/listen/to"),
        ("{listen: {to: {one: {with: {}}}}}", "value", "/do/0/a/listen/to/one/with"),
        (
            "{listen: {to: {one: {with: {type: t}, correlate: {k: {from: $context.a}}}}}}",
            "expression",
            "/do/0/a/listen/to/one/correlate/k/from",
        ),
        ("{listen: {to: {one: {with: {type: t}}, until: .x}}}", "strategy", "/do/0/a/listen/to/until"),
        ("{listen: {to: {all: []}}}", "strategy", "/do/0/a/listen/to/all"),
        ("{listen: {to: {any: [], until: {any: [], until: .x}}}}", "strategy", "/do/0/a/listen/to/until/until"),
        ("{listen: {to: {any: [], until: $x}}}", "expression", "/do/0/a/listen/to/until"),
        ("{listen: {to: {any: []}}, foreach: {item: a, at: a}}", "variable", "/do/0/a/foreach"),
        ("{listen: {to: {any: []}}, foreach: {each: a}}", "unknown-property", "/do/0/a/foreach/each"),
        (
            "{listen: {to: {any: []}}, foreach: {do: [{b: {set: {x: 1}}}], output: {as: $y}}}",
            "expression",
            "/do/0/a/foreach/output/as",
        ),
        ("{call: openapi, with: {operationId: a}}", "missing-property", "/do/0/a/with"),
        ("{call: a2a, with: {method: message/send}}", "missing-property", "/do/0/a/with"),
        ("{call: a2a, with: {method: message/shout, server: 'https://x.example'}}", "value", "/do/0/a/with/method"),
        ("{call: mcp, with: {method: tools/list, transport: {}}}", "missing-property", "/do/0/a/with/transport"),
        (
            "{call: mcp, with: {method: a, transport: {http: {endpoint: 'https://x.example'}}}}",
            "value",
            "/do/0/a/with/method",
        ),
        (
            "{call: openapi, with: {document: {endpoint: x.json}, operationId: a}}",
            "uri",
            "/do/0/a/with/document/endpoint",
        ),
        ("{run: {workflow: {namespace: a, name: c, version: latest}, shell: {command: ls}}}", "value", "/do/0/a/run"),
        ("{run: {return: nothing, workflow: {namespace: a, name: c, version: latest}}}", "value", "/do/0/a/run/return"),
        ("{emit: {event: {with: {type: t}}}}", "missing-property", "/do/0/a/emit/event/with"),
        ("{set: {b: 1}, input: {schema: {document: {type: nope}}}}", "schema", "/do/0/a/input/schema/document"),
        ("{run: {workflow: {namespace: a b, name: c, version: latest}}}", "name", "/do/0/a/run/workflow/namespace"),
        ("{run: {workflow: {namespace: a, name: c, version: newest}}}", "version", "/do/0/a/run/workflow/version"),
    ] {
        assert_eq!(rules(one(task)), [(rule, pointer.to_owned())], "{task}");
    }
}

#[test]
fn what_is_not_supported_is_refused_as_such() {
    for task in [
        "{call: grpc}",
        "{call: asyncapi}",
        "{call: mcp, with: {method: tools/list, transport: {stdio: {command: npx}}}}",
        "{call: '${ .f }'}",
        "{call: 'https://x.example/f.yaml'}",
        "{call: 'f:1.0.0@remote'}",
        "{run: {container: {image: x}}}",
        "{run: {script: {}}}",
        "{run: {shell: {command: ls}}}",
        "{run: {await: false, shell: {command: ls}}}",
        "{set: {b: 1}, input: {schema: {resource: {endpoint: 'https://x.example'}}}}",
        "{call: http, with: {method: get, endpoint: {uri: 'https://x.example', authentication: {certificate: {}}}}}",
        "{listen: {to: {one: {with: {data: {a: '${ .b }'}}}}}}",
    ] {
        let rules = rules(one(task));
        assert_eq!(rules.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), ["unsupported"], "{task}");
    }
    let body = "do: [{a: {wait: PT1S}}]\n";
    for top in [
        "evaluate: {language: js}",
        "evaluate: {mode: loose}",
        "use: {extensions: []}",
        "use: {catalogs: {}}",
        "use: {authentications: {x: {oidc: {authority: 'https://x.example', grant: authorization_code}}}}",
    ] {
        assert_eq!(rules(parse(&format!("{body}{top}\n")))[0].0, "unsupported", "{top}");
    }
    let other = HEAD.replace("1.0.3", "1.1.0");
    assert_eq!(rules(Definition::parse(&format!("{other}{body}"), &Library))[0].0, "unsupported");
}

#[test]
fn rules_of_the_whole_are_checked() {
    for (text, rule, pointer) in [
        ("do: [{a: {wait: PT1S}}, {a: {wait: PT1S}}]", "duplicate-task", "/do/1/a"),
        ("do: [{a: {wait: PT1S}, b: {wait: PT1S}}]", "one-name", "/do/0"),
        ("do: [{a: {wait: PT1S, then: end}}, {b: {wait: PT1S}}]", "unreachable-task", "/do/1/b"),
        ("do: [{a: {wait: PT1S}}]\nextra: 1", "unknown-property", "/extra"),
        ("do: [{a: {wait: PT1S}}]\nschedule: {cron: 0 0 * * *, every: PT1H}", "schedule", "/schedule"),
        ("do: [{a: {wait: PT1S}}]\nschedule: {}", "schedule", "/schedule"),
        ("do: [{a: {wait: PT1S}}]\nschedule: {cron: 0 0 * *}", "schedule", "/schedule/cron"),
        ("do: [{a: {wait: PT1S}}]\nschedule: {cron: 0 25 * * *}", "schedule", "/schedule/cron"),
        ("do: [{a: {wait: PT1S}}]\nschedule: {every: PT0S}", "schedule", "/schedule/every"),
        ("do: [{a: {wait: PT1S}}]\nuse: {retries: {x: {delay: soon}}}", "duration", "/use/retries/x/delay"),
        (
            "do: [{a: {wait: PT1S}}]\nuse: {functions: {f: {set: {b: '${ $item }'}}}}",
            "expression",
            "/use/functions/f/set/b",
        ),
        ("do: [{a: {wait: PT1S}}]\ninput: {from: $context}", "expression", "/input/from"),
        (
            "do: [{f: {fork: {branches: [{a: {set: {x: 1}, export: {as: .}}}, {b: {set: {x: 1}, export: {as: .}}}]}}}]",
            "parallel-export",
            "/do/0/f/fork/branches/1/b",
        ),
    ] {
        assert_eq!(rules(parse(text)), [(rule, pointer.to_owned())], "{text}");
    }
    assert_eq!(rules(Definition::parse("document: {}\n", &Library)).len(), 5);
}

#[test]
fn findings_are_in_the_order_of_the_text_and_hint() {
    let findings = parse("do:\n- a: {set: {b: '${ .[ }'}, then: c}\n- bb: {wait: soon}\n").unwrap_err();
    let lines: Vec<_> = findings.0.iter().map(|finding| finding.location.unwrap().line).collect();
    assert_eq!(lines, [3, 3, 4], "{findings}");
    let text = parse("do:\n- first: {wait: PT1S, then: secnd}\n- second: {wait: PT1S}\n").unwrap_err().to_string();
    assert_eq!(
        text,
        "3:29: error[unknown-task]: there is no task `secnd` in this list (at /do/0/first/then); did you mean `second`?"
    );
}

#[test]
fn a_skipped_task_leads_on() {
    let definition = parse("do: [{a: {if: .x, wait: PT1S, then: end}}, {b: {wait: PT1S}}]").unwrap();
    assert_eq!(definition.warnings, []);
    assert_eq!(definition.workflow.body.0[0].then, Flow::End);
}

#[test]
fn functions_are_inlined_where_they_are_called() {
    let text = "use: {functions: {named: {do: [{x: {call: 'outer:1.0.0@default', with: {b: 1}}}]}}}\n\
                do: [{a: {call: named}}, {h: {call: 'host:2.0.0@default', with: {k: '${ $secrets.a }'}}}]";
    let definition = parse(text).unwrap();
    let pointers: Vec<_> = definition.tasks.keys().map(|pointer| pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/do/0/a",
            "/do/0/a/named",
            "/do/0/a/named/do/0/x",
            "/do/0/a/named/do/0/x/outer:1.0.0@default",
            "/do/0/a/named/do/0/x/outer:1.0.0@default/do/0/first",
            "/do/0/a/named/do/0/x/outer:1.0.0@default/do/0/first/inner:1.0.0@default",
            "/do/1/h",
        ]
    );
    assert_eq!(definition.functions.keys().collect::<Vec<_>>(), ["inner:1.0.0", "outer:1.0.0"]);
    assert_eq!(definition.needs.len(), 1);
    let again = Definition::parse(&definition.source, &definition.functions).unwrap();
    assert_eq!((again.hash, again.id), (definition.hash, definition.id));
    assert!(Function::parse("set: {a: 1}", &Library).is_ok());
    assert!(Function::parse("set: {a: 1}\nthen: end", &Library).is_err());
}

#[test]
fn the_hash_covers_the_functions() {
    let text = format!("{HEAD}do: [{{a: {{call: 'f:1.0.0@default'}}}}]");
    let hash = |body: &str| {
        let functions = BTreeMap::from([("f:1.0.0".to_owned(), body.to_owned())]);
        Definition::parse(&text, &functions).unwrap().hash
    };
    assert_eq!(hash("set: {a: 1}"), hash("set: {a: 1}"));
    assert_ne!(hash("set: {a: 1}"), hash("set: {a: 2}"));
}

#[test]
fn schedules_and_filters_are_typed() {
    let on = "{any: [{with: {type: a.b, source: 'https://x.example/.*', data: '${ .x > 1 }'}}]}";
    let definition = parse(&format!("do: [{{a: {{wait: PT1S}}}}]\nschedule: {{on: {on}}}")).unwrap();
    let Some(Trigger::On(Events::Any(filters))) =
        definition.workflow.schedule.as_ref().map(|schedule| &schedule.trigger)
    else {
        panic!()
    };
    assert_eq!(filters[0].event_type(), Some("a.b"));
    assert!(matches!(filters[0].with[1].1, Match::Pattern(_)));
    assert!(matches!(filters[0].with[2].1, Match::Expression(_)));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| {
        format!("do: [{}{{wait: PT1S}}{}]", "{a: {do: [".repeat(depth) + "{b: ", "}".to_owned() + &"]}}".repeat(depth))
    };
    assert!(parse(&nested(10)).is_ok(), "{:?}", parse(&nested(10)).err());
    assert!(parse(&nested(60)).is_err());
}

/// Functions of which each calls the next: ten times, or from within ten tasks.
struct Growing;

impl Catalog for Growing {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let (kind, level) = function.name.split_at(4);
        let level: usize = level.parse().ok()?;
        let call = format!("{{call: '{kind}{}:1.0.0@default'}}", level + 1);
        Some(Resolution::Source(match (kind, level) {
            (_, 7..) => "set: {a: 1}".into(),
            ("wide", _) => {
                let calls: Vec<_> = (0..10).map(|index| format!("{{t{index}: {call}}}")).collect();
                format!("do: [{}]", calls.join(", ")).into()
            }
            _ => format!("do: [{}{{c: {call}}}{}]", "{a: {do: [".repeat(10), "]}}".repeat(10)).into(),
        }))
    }
}

#[test]
fn functions_cannot_blow_a_definition_up() {
    for kind in ["wide", "deep"] {
        let text = format!("{HEAD}do: [{{a: {{call: '{kind}0:1.0.0@default'}}}}]");
        let findings = Definition::parse(&text, &Growing).unwrap_err().0;
        assert!(findings.iter().any(|finding| finding.message.contains("at most 5000 tasks")), "{kind}: {findings:?}");
        assert!(findings.len() < 200, "{kind}: {} findings", findings.len());
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

const WHOLE: &str = "do:\n- a: {set: {b: '${ .c + $context.d }'}, then: c}\n- c: {for: {in: .x}, do: [{d: {wait: PT1S}}]}\n\
    - e: {try: [{f: {raise: {error: {type: 'https://x.example/e', status: 500}}}}], catch: {retry: {delay: {seconds: 1}}}}\n\
    - g: {listen: {to: {one: {with: {type: t}, correlate: {k: {from: .data.x, expect: .y}}}}}}\n";

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        drop(Definition::parse(&text, &Library));
        drop(parse(&text));
        drop(one(&text));
    }

    #[test]
    fn no_mutation_makes_the_parser_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}:,'$. \n&*!|>a-]{0,3}"), 1..6)) {
        let mut chars: Vec<char> = format!("{HEAD}{WHOLE}").chars().collect();
        for (index, text) in edits {
            let at = index.index(chars.len());
            chars.splice(at..=at, text.chars());
        }
        let text: String = chars.into_iter().collect();
        if let Err(findings) = Definition::parse(&text, &Library) {
            prop_assert!(findings.0.iter().any(|finding| finding.severity == Severity::Error), "{text}");
        }
    }
}

#[test]
fn the_mutated_document_is_valid() {
    assert_eq!(rules(parse(WHOLE)), []);
}
