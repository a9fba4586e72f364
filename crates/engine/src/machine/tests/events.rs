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
