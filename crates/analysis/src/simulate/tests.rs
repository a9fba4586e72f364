//! Simulations of small workflows: every way in which a scenario can shape the world, and every way in which it can fail.

use definitions::{Catalog, FunctionName, Resolution};
use engine::Phase;

use super::*;

/// Functions of the host but for the gate, which is the shipped one.
struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let gate = include_str!("../../../../functions/human-approval/1.0.0/function.yaml");
        Some(if &*function.name == "human-approval" { Resolution::Source(gate.into()) } else { Resolution::Host })
    }
}

fn definition(name: &str, body: &str) -> Arc<Definition> {
    let head = format!("document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0' }}\n");
    Arc::new(Definition::parse(&format!("{head}{body}"), &Shelf).unwrap_or_else(|findings| panic!("{findings}")))
}

fn play(body: &str, scenario: &str) -> Report {
    let scenarios = Scenarios::parse(&format!("workflow: main\nscenarios:\n  - {{ name: it, {scenario} }}")).unwrap();
    simulate(&definition("main", body), &scenarios.scenarios[0], &Library::default())
}

fn passes(body: &str, scenario: &str) -> Report {
    let report = play(body, scenario);
    assert_eq!(report.failures, [""; 0], "{:#?}", report.lines().collect::<Vec<_>>());
    report
}

fn fails(body: &str, scenario: &str, reason: &str) {
    let report = play(body, scenario);
    let failures = report.failures.join("\n");
    assert!(failures.contains(reason), "{failures:?}\n{:#?}", report.lines().collect::<Vec<_>>());
}

const TWO_CALLS: &str = "do:
  - one: { call: 'fetch:1.0.0@default', with: { n: 1 } }
  - two: { call: 'fetch:1.0.0@default', with: { n: '${ .x }' } }";

#[test]
fn calls_are_answered_in_turn_and_see_their_arguments() {
    let answers = "calls: { fetch: [ { return: { x: 7 }, after: PT1H }, { return: '${ .n + 1 }' } ] }";
    let report = passes(TWO_CALLS, &format!("{answers}, expect: {{ output: 8, calls: {{ fetch: 2, one: 1 }} }}"));
    assert_eq!(report.took, chrono::TimeDelta::hours(1));
    passes(TWO_CALLS, "calls: { fetch: { return: 1 }, one: { return: { x: 2 } } }, expect: { output: 1 }");
    fails(TWO_CALLS, "calls: { one: { return: { x: 1 } } }", "nothing answers `fetch` for two");
    fails(TWO_CALLS, "calls: { fech: { return: 1 } }", "names `fech`");
    fails(TWO_CALLS, "calls: { fetch: { return: { } } }, expect: { calls: { fetch: 3 } }", "was called 2 times");
}

#[test]
fn failures_are_retried_in_virtual_time() {
    let body = "do:
  - send:
      try: [ { mail: { call: 'send-mail:1.0.0@default' } } ]
      catch: { errors: { with: { status: 503 } }, retry: { delay: { days: 1 }, limit: { attempt: { count: 2 } } } }";
    let down = "{ fail: { status: 503 } }";
    let report =
        passes(body, &format!("calls: {{ mail: [ {down}, {down}, {{ return: ok }} ] }}, expect: {{ beyond: P2D }}"));
    assert_eq!(report.took, chrono::TimeDelta::days(2));
    passes(body, &format!("calls: {{ mail: {down} }}, expect: {{ fault: {{ status: 503 }} }}"));
    fails(body, &format!("calls: {{ mail: {down} }}"), "the run was to be completed, and is faulted");
}

#[test]
fn a_year_of_reminders_takes_no_time() {
    let body = "do:
  - pause: { wait: { days: 1 } }
  - remind: { call: 'send-mail:1.0.0@default', then: pause }";
    let report = passes(
        body,
        "until: P365D, calls: { remind: { return: ok } }, expect: { phase: running, calls: { remind: 365 } }",
    );
    assert_eq!(report.took, chrono::TimeDelta::days(365));
}

const GATE: &str = "do:
  - ask:
      try:
        - gate:
            call: 'human-approval:1.0.0@default'
            with: { title: Deploy?, subject: x, roles: [ orchestrator ], quorum: 2, fourEyes: true, requestedBy: ada, expiresAfter: P1D }
      catch: { do: [ { refused: { set: { refused: true } } } ], then: end }
  - deploy: { call: 'shift-traffic:1.0.0@default' }";

#[test]
fn gates_count_decisions_as_the_platform_does() {
    let calls = "calls: { shift-traffic: { return: done } }";
    let vote =
        |by: &str, rest: &str| format!("{{ gate: gate, by: {by}, role: orchestrator, verdict: approve {rest} }}");
    let (bo, cy) = (vote("bo", ", after: PT1H"), vote("cy", ", after: PT2H"));
    let own = vote("ada", ", refused: true");
    passes(
        GATE,
        &format!("{calls}, decisions: [ {own}, {bo}, {cy} ], expect: {{ passes: [ gate, deploy ], beyond: PT2H }}"),
    );
    let alone = format!(
        "{calls}, decisions: [ {bo} ], expect: {{ output: {{ refused: true }}, avoids: [ deploy ], beyond: P1D }}"
    );
    passes(GATE, &alone);
    let late = vote("bo", ", after: P2D");
    fails(GATE, &format!("decisions: [ {late} ]"), "does not count: the gate is resolved");
    fails(GATE, &format!("{calls}, decisions: [ {} ]", vote("ada", "")), "four eyes");
    fails(GATE, &format!("{calls}, decisions: [ {bo}, {bo} ]"), "nobody decides twice");
    let no = "{ gate: ask, verdict: reject, reason: no }";
    passes(GATE, &format!("decisions: [ {no} ], expect: {{ avoids: [ deploy ] }}"));
    fails(
        GATE,
        &format!("{calls}, decisions: [ {bo}, {cy} ], expect: {{ avoids: [ deploy ] }}"),
        "was to avoid `deploy`",
    );
}

const RACE: &str = "do:
  - race:
      fork:
        compete: true
        branches:
          - alarm: { listen: { to: { one: { with: { type: alarm }, correlate: { s: { from: .subject, expect: '\"d\"' } } } } } }
          - quiet: { wait: PT1H }
  - which: { switch: [ { bad: { when: 'type == \"array\"', then: exit } } ] }
  - fine: { set: { fine: true } }";

#[test]
fn events_reach_those_who_wait_for_them() {
    let alarm =
        |subject: &str| format!("events: [ {{ on: alarm, after: PT5M, type: alarm, subject: {subject}, data: 1 }} ]");
    passes(RACE, &format!("{}, expect: {{ output: [ 1 ], within: PT5M }}", alarm("d")));
    passes(RACE, &format!("{}, expect: {{ output: {{ fine: true }}, beyond: PT1H }}", alarm("other")));
    passes(RACE, "events: [ { type: alarm, subject: d, data: 2 } ], expect: { output: [ 2 ] }");
    fails(RACE, "events: [ { on: alrm, type: alarm } ]", "names `alrm`");
    let again = format!("{}, {{ on: alarm, type: alarm }} ]", alarm("d").trim_end_matches(" ]"));
    fails(RACE, &again, "was never sent");
}

#[test]
fn the_coverage_tells_branches_apart() {
    let alarm = passes(RACE, "events: [ { type: alarm, subject: d } ]").coverage;
    let missed: Vec<_> = alarm.missed_branches().map(ToString::to_string).collect();
    assert_eq!(missed, ["race: quiet first", "which: no case"]);
    let mut both = passes(RACE, "expect: { phase: completed }").coverage;
    both.merge(&alarm);
    assert_eq!((both.tasks(), both.branches(), both.percent()), ((5, 5), (4, 4), 100));
}

#[test]
fn an_event_counts_once_and_an_early_one_is_found() {
    let body = "do:
  - pause: { wait: PT1H }
  - first: { listen: { to: { one: { with: { type: a } } } } }
  - second: { listen: { to: { one: { with: { type: a } } } } }";
    let event = "{ type: a, id: one }";
    passes(body, &format!("events: [ {event}, {event} ], expect: {{ phase: running, passes: [ first, second ] }}"));
    passes(body, "events: [ { type: a }, { type: a } ]");
}

#[test]
fn children_run_or_are_answered_for() {
    let child = definition("child", "do: [ { nap: { wait: PT1H } }, { say: { set: { n: '${ .n + 1 }' } } } ]");
    let run = |wait| {
        format!(
            "do: [ {{ kid: {{ run: {{ await: {wait}, workflow: {{ namespace: test, name: child, version: latest, input: {{ n: 1 }} }} }} }} }} ]"
        )
    };
    let library: Library = [child].into_iter().collect();
    let scenario = |text: &str| {
        let file = format!("workflow: main\nscenarios: [ {{ name: it, {text} }} ]");
        Scenarios::parse(&file).unwrap().scenarios.remove(0)
    };
    let expect = "expect: { output: { n: 2 }, beyond: PT1H }";
    assert_eq!(simulate(&definition("main", &run(true)), &scenario(expect), &library).failures, [""; 0]);
    let answered = "children: { child: { fail: { status: 418 } } }, expect: { fault: { status: 418 } }";
    assert_eq!(simulate(&definition("main", &run(true)), &scenario(answered), &library).failures, [""; 0]);
    let unawaited = simulate(&definition("main", &run(false)), &scenario("expect: { within: PT0S }"), &library);
    assert_eq!(unawaited.failures, [""; 0]);
    assert!(unawaited.lines().any(|line| line.contains("[child 1]")), "the child is simulated to its end");
}

#[test]
fn a_loop_that_never_waits_is_found() {
    fails("do: [ { a: { set: { x: 1 }, then: a } } ]", "until: P1D", "a loop without an end");
}

#[test]
fn a_cancelled_run_ends() {
    let report =
        passes(TWO_CALLS, "calls: { fetch: { return: 1, after: P2D } }, cancel: P1D, expect: { phase: cancelled }");
    assert!(matches!(report.phase, Phase::Cancelled { .. }));
}

#[test]
fn a_scenario_file_is_read_strictly() {
    for (text, reason) in [
        ("workflow: a\nscenarios: [ { name: x, cals: { } } ]", "cals"),
        ("workflow: a\nscenarios: [ { name: x }, { name: x } ]", "two scenarios are named `x`"),
        ("workflow: a\nscenarios: [ { } ]", "needs a `name`"),
        ("workflow: a\nscenarios: [ { name: x, calls: { f: { after: PT1H } } } ]", "either has a `return` or a `fail`"),
        ("workflow: a\nscenarios: [ { name: x, calls: { f: [ ] } } ]", "at least one"),
        ("workflow: a\nscenarios: [ { name: x, until: soon } ]", "soon"),
        ("workflow: a\nscenarios: [ { name: x, calls: { f: { return: '${ .a + }' } } } ]", ".a +"),
    ] {
        let error = Scenarios::parse(text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let file = "workflow: a\ngiven: { calls: { f: { return: 1 }, g: { return: 1 } }, until: P1D }
scenarios: [ { name: x, calls: { f: { return: 2 } } } ]";
    let scenario = &Scenarios::parse(file).unwrap().scenarios[0];
    assert_eq!((scenario.calls.len(), scenario.until.map(|span| span.0.num_days())), (2, Some(1)));
}
