//! `listen`, `emit`, correlation.

use serde_json::json;

use super::Rehearsal;
use crate::{Effect, Phase};

fn listening(to: &str) -> Rehearsal {
    let body = format!("do: [ {{ l: {{ listen: {{ to: {to} }} }} }} ]");
    Rehearsal::start(&body, json!({"order": 7}))
}

#[test]
fn one_takes_the_first_matching_event() {
    let mut run = listening("{ one: { with: { type: a, data: '${ .n > 1 }' } } }");
    assert_eq!(run.subscriptions().len(), 1);
    assert_eq!(run.event("b", "s", json!({"n": 5})), 0);
    assert_eq!(run.event("a", "s", json!({"n": 1})), 0);
    assert_eq!(run.event("a", "s", json!({"n": 2})), 1);
    assert_eq!(run.output(), json!([{"n": 2}]));
    assert!(run.subscriptions().is_empty(), "a listen that has ended is unsubscribed");
}

#[test]
fn all_waits_for_each_filter_once() {
    let mut run = listening("{ all: [ { with: { type: a } }, { with: { type: b } } ] }");
    run.event("b", "s", json!(1));
    run.event("b", "s", json!(2));
    assert_eq!(*run.run.phase(), Phase::Running);
    run.event("a", "s", json!(3));
    assert_eq!(run.output(), json!([1, 3]), "in the order of receipt");
}

#[test]
fn any_takes_whichever_comes_and_without_filters_anything() {
    let mut run = listening("{ any: [ { with: { type: a } }, { with: { type: b } } ] }");
    run.event("b", "s", json!("b"));
    assert_eq!(run.output(), json!(["b"]));
    let mut run = listening("{ any: [ ] }");
    run.event("whatever", "s", json!(1));
    assert_eq!(run.output(), json!([1]));
}

#[test]
fn an_expected_value_is_computed_once_and_becomes_the_key() {
    let mut run =
        listening("{ one: { with: { type: a }, correlate: { order: { from: .data.order, expect: .order } } } }");
    let subscription = run.subscriptions().remove(0);
    assert_eq!(subscription.correlation.len(), 1);
    assert!(subscription.key.is_some() && subscription.event_type.as_deref() == Some("a"));
    assert_eq!(run.event("a", "s", json!({"order": 8})), 0);
    assert_eq!(run.event("a", "s", json!({"order": 7})), 1);
    assert!(matches!(run.run.phase(), Phase::Completed { .. }));
}

#[test]
fn without_an_expected_value_the_first_event_binds() {
    let correlate = "correlate: { trip: { from: .data.trip } }";
    let mut run = listening(&format!(
        "{{ all: [ {{ with: {{ type: car }}, {correlate} }}, {{ with: {{ type: hotel }}, {correlate} }} ] }}"
    ));
    run.event("car", "s", json!({"trip": 1}));
    run.event("hotel", "s", json!({"trip": 2}));
    assert_eq!(*run.run.phase(), Phase::Running, "another trip's hotel");
    run.event("hotel", "s", json!({"trip": 1}));
    assert_eq!(run.output(), json!([{"trip": 1}, {"trip": 1}]));
}

#[test]
fn an_emitted_event_is_an_effect_and_the_tasks_output() {
    let body = "do: [ { e: { emit: { event: { with: { source: 'https://here.example', type: t, subject: x, data: { n: '${ .n }' }, ext: 1 } } } } } ]";
    let run = Rehearsal::start(body, json!({"n": 3}));
    let [Effect::Emit(event)] = &run.effects[..] else { panic!("{:?}", run.effects) };
    assert_eq!(event.id, "00000000-0000-0000-0000-000000000007/do/0/e/0", "the id is the step's key");
    assert_eq!(event.extensions["ext"], json!(1));
    let output = run.output();
    assert_eq!(
        (&output["type"], &output["data"], &output["time"]),
        (&json!("t"), &json!({"n": 3}), &json!("2026-01-01T00:00:00Z"))
    );
}

#[test]
fn the_loser_of_a_race_is_unsubscribed() {
    let body = r"
do:
  - race:
      fork:
        compete: true
        branches:
          - heard: { listen: { to: { one: { with: { type: a } } } } }
          - late: { wait: { hours: 1 } }
";
    let mut run = Rehearsal::start(body, json!({}));
    run.tick();
    assert!(run.subscriptions().is_empty());
    assert!(matches!(run.run.phase(), Phase::Completed { .. }));
    let mut run = Rehearsal::start(body, json!({}));
    run.event("a", "s", json!("heard"));
    assert_eq!(run.output(), json!(["heard"]));
}

#[test]
fn a_filter_reads_the_data_of_its_run() {
    let mut run = listening("{ one: { with: { type: a, data: '${ .order == $input.order }' } } }");
    assert_eq!(run.event("a", "s", json!({"order": 8})), 0);
    assert_eq!(run.event("a", "s", json!({"order": 7})), 1);
    assert_eq!(run.output(), json!([{"order": 7}]));
}

#[test]
fn until_a_condition_holds_events_gather() {
    let mut run = listening("{ any: [ { with: { type: a } } ], until: 'length == $input.order - 4' }");
    for n in 1..=3 {
        assert_eq!(*run.run.phase(), Phase::Running);
        assert_eq!(run.event("a", "s", json!(n)), 1);
    }
    assert_eq!(run.output(), json!([1, 2, 3]));
}

#[test]
fn a_condition_that_fails_is_an_error() {
    let mut run = listening("{ any: [ ], until: '.[0] | error' }");
    run.event("a", "s", json!(1));
    assert_eq!(run.fault().status, 400);
}

#[test]
fn until_other_events_come_which_are_no_output() {
    let mut run = listening(
        "{ any: [ { with: { type: a } } ], until: { all: [ { with: { type: b } }, { with: { type: c } } ] } }",
    );
    assert_eq!(run.subscriptions().len(), 3);
    run.event("b", "s", json!("b"));
    run.event("a", "s", json!(1));
    assert_eq!(run.event("b", "s", json!("b")), 0, "it has had that one");
    run.event("a", "s", json!(2));
    assert_eq!(*run.run.phase(), Phase::Running);
    run.event("c", "s", json!("c"));
    assert_eq!(run.output(), json!([1, 2]));
    assert!(run.subscriptions().is_empty());
}

#[test]
fn the_end_may_be_correlated_with_the_first_event() {
    let correlate = "correlate: { order: { from: .data.order } }";
    let to = format!(
        "{{ any: [ {{ with: {{ type: line }}, {correlate} }} ], until: {{ one: {{ with: {{ type: end }}, {correlate} }} }} }}"
    );
    let mut run = listening(&to);
    run.event("line", "s", json!({"order": 1}));
    assert_eq!(run.event("end", "s", json!({"order": 2})), 0, "another order's end");
    assert_eq!(run.event("line", "s", json!({"order": 2})), 0, "another order's line");
    run.event("end", "s", json!({"order": 1}));
    assert_eq!(run.output(), json!([{"order": 1}]));
}

const EACH: &str = r"
do:
  - l:
      listen: { to: { any: [ { with: { type: a } } ], until: { one: { with: { type: end } } } } }
      foreach:
        item: event
        at: n
        do:
          - work: { call: 'f:1.0.0@default', with: { event: '${ $event }', n: '${ $n }' } }
          - wrap: { set: { got: '${ . }', n: '${ $n }' } }
        output: { as: '.got + $n' }
        export: { as: '$context + { sum: (($context.sum // 0) + $output) }' }
  - after: { set: { all: '${ . }', sum: '${ $context.sum }' } }
";

#[test]
fn events_are_worked_on_one_after_the_other() {
    let mut run = Rehearsal::start(EACH, json!({}));
    assert_eq!(run.event("a", "s", json!(1)), 1);
    assert_eq!(run.call("f").input, json!({"event": 1, "n": 0}).into());
    assert_eq!(run.event("a", "s", json!(2)), 0, "it waits in the inbox");
    assert_eq!(run.event("end", "s", json!(null)), 0, "so does the end");
    assert_eq!(run.event("a", "s", json!(3)), 0);
    run.complete("f", json!(10));
    assert_eq!(run.read_inbox(), 1);
    assert_eq!(run.call("f").input, json!({"event": 2, "n": 1}).into());
    assert_eq!(run.call("f").step.visit, 1);
    run.complete("f", json!(20));
    assert_eq!(run.read_inbox(), 1, "the end, after which nothing is taken");
    assert_eq!(run.output(), json!({"all": [10, 21], "sum": 31}));
}

#[test]
fn an_iteration_without_tasks_transforms_the_event() {
    let body = r"
do:
  - l:
      listen: { read: envelope, to: { all: [ { with: { type: a } }, { with: { type: b } } ] } }
      foreach: { item: event, output: { as: '{ kind: $event.type, n: $index }' } }
";
    let mut run = Rehearsal::start(body, json!({}));
    run.event("b", "s", json!(1));
    run.event("a", "s", json!(2));
    assert_eq!(run.output(), json!([{"kind": "b", "n": 0}, {"kind": "a", "n": 1}]));
}

#[test]
fn an_error_of_an_iteration_ends_the_wait() {
    let body = r"
do:
  - t:
      try:
        - l:
            listen: { to: { any: [ ], until: 'false' } }
            foreach: { do: [ { work: { call: 'f:1.0.0@default', with: { } } } ] }
      catch: { do: [ { handled: { set: { status: '${ $error.status }', at: '${ $error.instance }' } } } ] }
";
    let mut run = Rehearsal::start(body, json!({}));
    run.event("a", "s", json!(1));
    run.fail("f", 503);
    assert_eq!(run.output(), json!({"status": 503, "at": "/do/0/t/try/0/l/foreach/do/0/work"}));
    assert!(run.subscriptions().is_empty());
}

#[test]
fn the_limit_of_a_listen_interrupts_its_iteration() {
    let body = r"
do:
  - l:
      timeout: { after: PT1M }
      listen: { to: { any: [ ], until: 'false' } }
      foreach: { do: [ { pause: { wait: PT40S } } ] }
";
    let mut run = Rehearsal::start(body, json!({}));
    run.event("a", "s", json!(1));
    run.event("a", "s", json!(2));
    run.tick();
    run.read_inbox();
    run.tick();
    assert_eq!(run.fault().status, 408);
    assert!(run.run.pending().timer.is_none() && run.subscriptions().is_empty());
}
