//! `raise`, `try`, `catch`, `retry`, timeouts.

use chrono::TimeDelta;
use serde_json::json;

use super::{Rehearsal, outputs};
use crate::{FactBody, Phase};

#[test]
fn a_raised_error_faults_the_run_with_its_place() {
    let body = "do: [ { r: { raise: { error: { type: 'https://e.example/x', status: 418, title: Teapot, detail: '${ .why }' } } } } ]";
    let fault = Rehearsal::start(body, json!({"why": "short"})).fault();
    assert_eq!(fault.to_string(), "Teapot (418) at /do/0/r: short");
}

#[test]
fn a_caught_error_is_handled_with_its_variable() {
    let body = r"
do:
  - attempt:
      try: [ { r: { raise: { error: { type: 'https://e.example/x', status: 418 } } } }, { never: { set: { a: 1 } } } ]
      catch:
        errors: { with: { status: STATUS } }
        as: problem
        do: [ { handle: { set: { status: '${ $problem.status }', at: '${ $problem.instance }', input: '${ .in }' } } } ]
  - after: { set: '${ . + { after: true } }' }
";
    let expected = json!({"status": 418, "at": "/do/0/attempt/try/0/r", "input": 1, "after": true});
    assert_eq!(outputs(&body.replace("STATUS", "418"), json!({"in": 1})), expected);
    assert_eq!(Rehearsal::start(&body.replace("STATUS", "500"), json!({"in": 1})).fault().status, 418);
}

#[test]
fn conditions_of_catch_decide_and_handlers_may_raise_again() {
    let body = r"
do:
  - outer:
      try:
        - inner:
            try: [ { r: { raise: { error: { type: 'https://e.example/x', status: 400 } } } } ]
            catch: { CONDITION, do: [ { again: { raise: { error: { type: 'https://e.example/y', status: 401 } } } } ] }
      catch: { do: [ { got: { set: { status: '${ $error.status }' } } } ] }
";
    let caught = |condition: &str| outputs(&body.replace("CONDITION", condition), json!({}))["status"].clone();
    assert_eq!(caught("when: $error.status == 400"), json!(401));
    assert_eq!(caught("exceptWhen: $error.status == 400"), json!(400));
    assert_eq!(caught("when: .status == 999"), json!(400));
}

#[test]
fn an_error_caught_without_a_handler_is_forgotten() {
    let body = r"
do:
  - attempt: { try: [ { r: { raise: { error: { type: 'https://e.example/x', status: 400 } } } } ], catch: { } }
";
    assert_eq!(outputs(body, json!({"kept": 1})), json!({"kept": 1}));
}

fn retrying(policy: &str) -> Rehearsal {
    let body = format!(
        "do: [ {{ t: {{ try: [ {{ c: {{ call: 'f:1.0.0@default', with: {{ }} }} }} ], catch: {{ retry: {policy} }} }} }} ]"
    );
    Rehearsal::start(&body, json!({}))
}

#[test]
fn retries_wait_longer_each_time_and_then_give_up() {
    let policies = [
        ("{ delay: { seconds: 2 }, limit: { attempt: { count: 3 } } }", [2, 2, 2]),
        ("{ delay: { seconds: 2 }, backoff: { linear: { } }, limit: { attempt: { count: 3 } } }", [2, 4, 6]),
        ("{ delay: { seconds: 2 }, backoff: { exponential: { } }, limit: { attempt: { count: 3 } } }", [2, 4, 8]),
    ];
    for (policy, delays) in policies {
        let mut run = retrying(policy);
        for (round, seconds) in (0..).zip(delays) {
            assert_eq!(run.call("f").step.visit, round, "each round is a visit of its own");
            run.fail("f", 503);
            assert!(run.run.pending().calls.is_empty());
            assert_eq!(run.tick(), TimeDelta::seconds(seconds), "{policy}");
        }
        run.fail("f", 503);
        assert_eq!(run.fault().status, 503, "{policy}");
    }
}

#[test]
fn a_retry_that_succeeds_ends_the_try() {
    let mut run = retrying("{ delay: { seconds: 1 } }");
    run.fail("f", 503);
    run.tick();
    run.complete("f", json!("ok"));
    assert_eq!(run.output(), json!("ok"));
}

#[test]
fn jitter_stays_in_its_bounds_and_is_the_same_on_every_replay() {
    let mut run = retrying("{ delay: { seconds: 1 }, jitter: { from: { seconds: 1 }, to: { seconds: 3 } } }");
    run.fail("f", 503);
    let waited = run.tick();
    assert!(waited >= TimeDelta::seconds(2) && waited <= TimeDelta::seconds(4), "{waited}");
}

#[test]
fn no_retry_starts_after_the_total_limit() {
    let mut run = retrying("{ delay: { seconds: 10 }, limit: { duration: { seconds: 15 } } }");
    run.fail("f", 503);
    run.tick();
    run.fail("f", 503);
    assert_eq!(run.fault().status, 503);
}

#[test]
fn a_timeout_interrupts_a_task_and_can_be_caught() {
    let body = r"
do:
  - guarded:
      try:
        - slow: { timeout: { after: { minutes: 5 } }, call: 'f:1.0.0@default', with: { } }
      catch:
        errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout } }
        do: [ { late: { set: { status: '${ $error.status }' } } } ]
";
    let mut run = Rehearsal::start(body, json!({}));
    let late = run.call("f");
    assert_eq!(run.tick(), TimeDelta::minutes(5));
    assert_eq!(run.output(), json!({"status": 408}));
    run.fact(FactBody::CallCompleted { step: late.step, input_hash: late.input_hash, output: json!(1).into() });
    assert_eq!(run.output(), json!({"status": 408}));
}

#[test]
fn the_limit_of_a_try_spans_its_rounds_and_that_of_an_attempt_one_round() {
    let body = r"
do:
  - t:
      timeout: { after: { seconds: 25 } }
      try: [ { c: { call: 'f:1.0.0@default', with: { } } } ]
      catch: { retry: { limit: { attempt: { duration: { seconds: 10 } } } } }
";
    let mut run = Rehearsal::start(body, json!({}));
    assert_eq!(run.tick(), TimeDelta::seconds(10), "the first round times out");
    assert_eq!(run.tick(), TimeDelta::zero(), "the next round starts at once");
    assert_eq!(run.call("f").step.visit, 1);
    assert_eq!(run.tick(), TimeDelta::seconds(10));
    run.tick();
    assert_eq!(run.tick(), TimeDelta::seconds(5), "the try's own limit");
    assert_eq!(run.fault().status, 408);
}

#[test]
fn the_runs_own_limit_cannot_be_caught() {
    let body = r"
timeout: { after: PT1H }
do: [ { t: { try: [ { w: { wait: { days: 1 } } } ], catch: { do: [ { x: { set: { a: 1 } } } ] } } } ]
";
    let mut run = Rehearsal::start(body, json!({}));
    assert_eq!(run.tick(), TimeDelta::hours(1));
    assert_eq!(run.fault().status, 408);
}

#[test]
fn a_deferred_call_keeps_its_step_and_counts_its_attempts() {
    let mut run = Rehearsal::start("do: [ { c: { call: 'f:1.0.0@default', with: { } } } ]", json!({}));
    let first = run.call("f");
    let due = run.now + TimeDelta::seconds(30);
    let fault = crate::Fault::new(crate::FaultKind::Communication, "busy");
    run.fact(FactBody::CallDeferred { step: first.step.clone(), input_hash: first.input_hash, due, fault });
    assert!(run.run.pending().calls.is_empty());
    assert_eq!(run.tick(), TimeDelta::seconds(30));
    assert_eq!((run.call("f").attempt, run.call("f").step), (2, first.step));
    run.complete("f", json!(1));
    assert!(matches!(run.run.phase(), Phase::Completed { .. }));
}

#[test]
fn an_error_does_not_tell_the_nonce_of_a_secret() {
    let body = "use: { secrets: [ key ] }
do: [ { ask: { call: 'f:1.0.0@default', with: { x: '${ $secrets.key.part }' } } } ]";
    let fault = Rehearsal::start(body, json!({})).fault();
    let text = fault.to_string();
    assert!(text.contains("secret:key") && !text.contains("n0nce"), "{text}");
}
