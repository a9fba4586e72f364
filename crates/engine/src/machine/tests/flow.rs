//! `do`, `set`, `switch`, `if`, `for`, `fork`, `then`.

use serde_json::json;

use super::{Rehearsal, outputs};
use crate::{Effect, FactBody, Phase};

#[test]
fn tasks_follow_each_other_and_pass_their_output_on() {
    let body = r"
do:
  - one: { set: { n: '${ .n + 1 }' } }
  - two: { set: { n: '${ .n * 10 }', literal: [ 1, { a: b } ] } }
";
    assert_eq!(outputs(body, json!({"n": 4})), json!({"n": 50, "literal": [1, {"a": "b"}]}));
}

#[test]
fn a_switch_takes_the_first_case_that_holds_or_else_the_default() {
    let body = r"
do:
  - choose:
      switch:
        - other: { then: c }
        - small: { when: .n < 10, then: a }
        - large: { when: .n < 100, then: b }
  - a: { set: { took: a }, then: end }
  - b: { set: { took: b }, then: exit }
  - c: { set: { took: c } }
";
    assert_eq!(outputs(body, json!({"n": 1})), json!({"took": "a"}));
    assert_eq!(outputs(body, json!({"n": 11})), json!({"took": "b"}));
    assert_eq!(outputs(body, json!({"n": 111})), json!({"took": "c"}));
}

#[test]
fn a_skipped_task_passes_its_input_on_and_ignores_its_own_directive() {
    let body = "do: [ { a: { if: .go, set: { a: 1 }, then: end } }, { b: { set: '${ . + { b: 2 } }' } } ]";
    assert_eq!(outputs(body, json!({"go": false})), json!({"go": false, "b": 2}));
    assert_eq!(outputs(body, json!({"go": true})), json!({"a": 1}));
}

#[test]
fn a_skipped_task_leaves_nothing_behind() {
    let body = "do: [ { a: { if: 'false', wait: { seconds: 1 } } }, { b: { call: 'f:1.0.0@default', with: { } } } ]";
    let mut run = Rehearsal::start(body, json!({}));
    let steps: Vec<_> = run.run.state.frames.values().map(|frame| frame.step.pointer.to_string()).collect();
    assert_eq!(steps, ["/do", "/do/1/b"]);
    run.complete("f", json!(1));
}

#[test]
fn exit_leaves_one_list_and_end_the_run() {
    let body = r"
do:
  - inner:
      do:
        - a: { set: { a: 1 }, then: THEN }
        - b: { set: { b: 1 } }
  - after: { set: '${ . + { after: true } }' }
";
    assert_eq!(outputs(&body.replace("THEN", "exit"), json!({})), json!({"a": 1, "after": true}));
    assert_eq!(outputs(&body.replace("THEN", "end"), json!({})), json!({"a": 1}));
    assert_eq!(outputs(&body.replace("THEN", "continue"), json!({})), json!({"b": 1, "after": true}));
}

#[test]
fn a_back_jump_makes_a_new_visit() {
    let body = r"
do:
  - work: { call: 'f:1.0.0@default', with: { n: '${ .n }' } }
  - again: { switch: [ { more: { when: .n < 3, then: work } }, { enough: { then: end } } ] }
";
    let mut run = Rehearsal::start(body, json!({"n": 0}));
    for n in 1..=3 {
        assert_eq!(run.call("f").step.visit, n - 1);
        run.complete("f", json!({"n": n}));
    }
    assert_eq!(run.output(), json!({"n": 3}));
}

#[test]
fn an_iteration_sees_its_item_and_the_output_of_the_one_before() {
    let body = r"
do:
  - loop:
      for: { each: color, in: .colors, at: i }
      while: $i < 2
      do:
        - add: { set: { colors: '${ .colors }', seen: '${ (.seen // []) + [ $color, $i ] }' } }
";
    let input = json!({"colors": ["red", "green", "blue"]});
    assert_eq!(outputs(body, input)["seen"], json!(["red", 0, "green", 1]));
    assert_eq!(outputs(body, json!({"colors": []})), json!({"colors": []}), "nothing to iterate over");
}

#[test]
fn nested_loops_give_every_call_a_visit_of_its_own() {
    let body = r"
do:
  - outer:
      for: { each: a, in: '[1, 2]' }
      do:
        - inner:
            for: { each: b, in: '[1, 2]' }
            do: [ { work: { call: 'f:1.0.0@default', with: { a: '${ $a }', b: '${ $b }' } } } ]
";
    let mut run = Rehearsal::start(body, json!({}));
    let mut seen = Vec::new();
    while *run.run.phase() == Phase::Running {
        let call = run.call("f");
        seen.push((call.step.visit, call.input.to_string()));
        run.complete("f", json!({}));
    }
    let expected = [(0, r#"{"a":1,"b":1}"#), (1, r#"{"a":1,"b":2}"#), (2, r#"{"a":2,"b":1}"#), (3, r#"{"a":2,"b":2}"#)];
    assert_eq!(seen, expected.map(|(visit, input)| (visit, input.to_owned())));
}

const BRANCHES: &str = r"
do:
  - both:
      fork:
        compete: COMPETE
        branches:
          - slow: { call: 'slow:1.0.0@default', with: { } }
          - fast: { do: [ { it: { call: 'fast:1.0.0@default', with: { } } }, { wrap: { set: { fast: '${ . }' } } } ] }
  - after: { set: { out: '${ . }' } }
";

#[test]
fn branches_run_concurrently_and_answer_in_order_of_declaration() {
    let mut run = Rehearsal::start(&BRANCHES.replace("COMPETE", "false"), json!({}));
    assert_eq!(run.run.pending().calls.len(), 2);
    run.complete("fast", json!(2));
    assert_eq!(*run.run.phase(), Phase::Running);
    run.complete("slow", json!(1));
    assert_eq!(run.output(), json!({"out": [1, {"fast": 2}]}));
}

#[test]
fn the_first_branch_wins_and_the_others_are_given_up() {
    let mut run = Rehearsal::start(&BRANCHES.replace("COMPETE", "true"), json!({}));
    let loser = run.call("slow");
    run.complete("fast", json!(2));
    assert_eq!(run.output(), json!({"out": {"fast": 2}}));
    run.fact(FactBody::CallCompleted { step: loser.step, input_hash: loser.input_hash, output: json!(1).into() });
    assert_eq!(run.output(), json!({"out": {"fast": 2}}), "a late result changes nothing");
}

#[test]
fn a_fault_in_one_branch_faults_the_fork() {
    let mut run = Rehearsal::start(&BRANCHES.replace("COMPETE", "false"), json!({}));
    run.fail("fast", 503);
    assert_eq!(
        (run.fault().status, run.fault().instance.unwrap().to_string()),
        (503, "/do/0/both/fork/branches/1/fast/do/0/it".to_owned())
    );
}

#[test]
fn a_long_burst_yields_and_goes_on_by_a_fact() {
    let body = r"
do:
  - count: { set: { n: '${ .n + 1 }' } }
  - more: { switch: [ { again: { when: .n < 1000, then: count } } ] }
";
    let mut run = Rehearsal::start("do: [ { wait: { wait: { seconds: 1 } } } ]", json!({}));
    run.tick();
    let mut run = Rehearsal::start(body, json!({"n": 0}));
    assert_eq!(run.output(), json!({"n": 1000}), "within the fuel");
    run = Rehearsal::start(&body.replace("1000", "4000"), json!({"n": 0}));
    let mut bursts = 1;
    while run.run.pending().yielded {
        run.fact(FactBody::Continued);
        bursts += 1;
    }
    assert_eq!((run.output(), bursts > 1), (json!({"n": 4000}), true));
}

#[test]
fn a_child_run_is_started_by_the_commit_and_awaited() {
    let body = r"
do:
  - child: { run: { workflow: { namespace: test, name: child, version: '1.0.0', input: { x: '${ .x }' } } } }
  - wrap: { set: { child: '${ . }' } }
";
    let mut run = Rehearsal::start(body, json!({"x": 5}));
    let [Effect::StartChild { step, child, definition, input, awaited: true }] = &run.effects[..] else {
        panic!("{:?}", run.effects)
    };
    assert_eq!((definition.as_str(), input.to_string()), ("c0ffee", r#"{"x":5}"#.to_owned()));
    let (step, child) = (step.clone(), *child);
    let outcome = crate::ChildOutcome::Completed { output: json!("done").into() };
    run.fact(FactBody::ChildEnded { step, child, outcome });
    assert_eq!(run.output(), json!({"child": "done"}));
    assert_eq!(run.effects.len(), 1, "a child that has ended is not cancelled");
}

#[test]
fn a_run_puts_out_what_it_is_asked_to_return() {
    for (result, expected) in [
        ("stdout", json!({"a": 1})),
        ("code", json!(0)),
        ("stderr", json!("")),
        ("all", json!({"code": 0, "stdout": {"a": 1}, "stderr": ""})),
        ("none", json!(null)),
    ] {
        let body = format!(
            "do: [ {{ c: {{ run: {{ return: {result}, workflow: {{ namespace: test, name: child, version: '1.0.0' }} }} }} }} ]"
        );
        let mut run = Rehearsal::start(&body, json!({}));
        let [Effect::StartChild { step, child, .. }] = &run.effects[..] else { panic!("{:?}", run.effects) };
        let (step, child) = (step.clone(), *child);
        let outcome = crate::ChildOutcome::Completed { output: json!({"a": 1}).into() };
        run.fact(FactBody::ChildEnded { step, child, outcome });
        assert_eq!(run.output(), expected, "{result}");
    }
}
