//! `input`, `output`, `export`, schemas, variables, functions written in the DSL, secrets.

use serde_json::json;

use super::{Rehearsal, outputs};
use crate::{Phase, Secrets};

#[test]
fn data_is_transformed_on_the_way_in_and_out() {
    let body = r"
input: { from: '.order' }
output: { as: '{ result: ., context: $context }' }
do:
  - price:
      input: { from: '{ total: .price }' }
      set: { doubled: '${ .total * 2 }', seen: '${ $input.total }' }
      output: { as: .doubled }
      export: { as: '{ last: . }' }
  - use: { set: { was: '${ . }', last: '${ $context.last }', order: '${ $workflow.input.order.price }' } }
";
    let expected = json!({"result": {"was": 8, "last": 8, "order": 4}, "context": {"last": 8}});
    assert_eq!(outputs(body, json!({"order": {"price": 4}})), expected);
}

#[test]
fn schemas_are_checked_where_they_stand() {
    let schema = "{ schema: { document: { type: object, required: [ a ] } } }";
    let cases = [
        (format!("input: {schema}\ndo: [ {{ a: {{ set: {{ b: 1 }} }} }} ]"), "", "the run's input"),
        (format!("do: [ {{ t: {{ input: {schema}, set: {{ b: 1 }} }} }} ]"), "/do/0/t", "the task's input"),
        (format!("do: [ {{ t: {{ set: {{ b: 1 }}, output: {schema} }} }} ]"), "/do/0/t", "the task's output"),
        (format!("output: {schema}\ndo: [ {{ t: {{ set: {{ b: 1 }} }} }} ]"), "", "the run's output"),
        (
            "do: [ { t: { set: { b: 1 }, export: { as: ., schema: { document: { required: [ a ] } } } } } ]".to_owned(),
            "/do/0/t",
            "the exported context",
        ),
    ];
    for (body, instance, what) in cases {
        let fault = Rehearsal::start(&body, json!({})).fault();
        assert_eq!((fault.status, fault.instance.unwrap().as_str()), (400, instance), "{body}");
        let detail = fault.detail.unwrap();
        assert!(detail.starts_with(what) && detail.contains('a'), "{detail}");
        assert!(fault.kind.ends_with("/validation"));
    }
}

#[test]
fn a_failing_expression_is_an_error_of_the_task() {
    let fault = Rehearsal::start("do: [ { t: { set: { a: '${ .x + [] }' } } } ]", json!({"x": "text"})).fault();
    assert_eq!((fault.status, fault.instance.unwrap().as_str()), (400, "/do/0/t"));
    assert!(fault.kind.ends_with("/expression"));
}

#[test]
fn descriptors_come_from_the_facts() {
    let body = r"
do:
  - t: { set: { ref: '${ $task.reference }', name: '${ $task.name }', at: '${ $task.startedAt.iso8601 }',
      epoch: '${ $workflow.startedAt.epoch.seconds }', id: '${ $workflow.id }', def: '${ $workflow.definition.document.name }',
      runtime: '${ $runtime.name }', kinds: '${ $task.definition | keys }' } }
";
    let expected = json!({"ref": "/do/0/t", "name": "t", "at": "2026-01-01T00:00:00Z", "epoch": 1_767_225_600,
        "id": "00000000-0000-0000-0000-000000000007", "def": "rehearsal", "runtime": "stationmaster", "kinds": ["set"]});
    assert_eq!(outputs(body, json!({})), expected);
}

const DOUBLE: &str = r"
input: { schema: { document: { type: object, required: [ n ] } } }
do:
  - twice: { set: { n: '${ .n * 2 }' } }
  - ask: { call: 'f:1.0.0@default', with: { n: '${ .n }', outside: '${ $context.secret }' } }
  - done: { set: { doubled: '${ . }' }, then: end }
  - never: { set: { a: 1 } }
";

#[test]
fn a_function_in_the_dsl_runs_as_a_part_of_its_caller() {
    let body = r"
do:
  - loop:
      for: { each: n, in: '[1, 2]' }
      do:
        - double: { call: 'double:1.0.0@default', with: { n: '${ $n }' } }
  - after: { set: { got: '${ . }' } }
";
    let mut run = Rehearsal::start_with(body, json!({}), &[("double:1.0.0", DOUBLE)]);
    assert_eq!(run.call("f").step.to_string(), "/do/0/loop/do/0/double/double:1.0.0@default/do/1/ask/0");
    run.complete("f", json!("x"));
    assert_eq!(run.call("f").step.visit, 1);
    assert_eq!(run.call("f").input.to_string(), r#"{"n":4,"outside":null}"#);
    run.complete("f", json!("y"));
    assert_eq!(run.output(), json!({"got": {"doubled": "y"}}), "`end` ends the function, not its caller");
}

#[test]
fn a_functions_input_schema_guards_it() {
    let body = "do: [ { d: { call: 'double:1.0.0@default', with: { m: 1 } } } ]";
    let run = Rehearsal::start_with(body, json!({}), &[("double:1.0.0", DOUBLE)]);
    assert_eq!(run.fault().status, 400);
}

#[derive(Debug)]
struct Vault;

impl Secrets for Vault {
    fn resolve(&self, name: &str) -> Result<String, String> {
        Ok(format!("value-of-{name}"))
    }
}

#[test]
fn a_secret_is_a_marker_until_the_call_is_executed() {
    let body = r#"
use: { secrets: [ token ] }
do:
  - ask: { call: 'f:1.0.0@default', with: { header: '${ "Bearer \($secrets.token)" }' } }
"#;
    let mut run = Rehearsal::start(body, json!({}));
    let call = run.call("f");
    assert!(!serde_json::to_string(&run.run.snapshot()).unwrap().contains("value-of"));
    let secrets: &dyn Secrets = &Vault;
    assert_eq!(secrets.fill_in("n0nce", &call.input).unwrap().to_string(), r#"{"header":"Bearer value-of-token"}"#);
    run.complete("f", json!(null));
    assert!(matches!(run.run.phase(), Phase::Completed { .. }));
}
