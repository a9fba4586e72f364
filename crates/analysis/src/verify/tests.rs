//! The bypasses: every way around a gate that the language offers, each as a definition that tries it, beside the honest
//! definition that it is a bypass of.

use std::sync::Arc;

use definitions::{Catalog, FunctionName, Resolution};

use super::*;

/// Functions of the host but for the gate, which is the shipped one.
struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let gate = include_str!("../../../../functions/human-approval/1.0.0/function.yaml");
        Some(if &*function.name == "human-approval" { Resolution::Source(gate.into()) } else { Resolution::Host })
    }
}

pub(super) fn definition(name: &str, body: &str) -> Definition {
    let head = format!("document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0' }}\n");
    Definition::parse(&format!("{head}{body}"), &Shelf).unwrap_or_else(|findings| panic!("{findings}\n{body}"))
}

/// Abbreviations, so that a definition is as short as the trick that it tries.
fn spell(body: &str) -> String {
    let gate = |role: &str| {
        format!(
            "call: 'human-approval:1.0.0@default', with: {{ title: t, subject: s, roles: [ {role} ], expiresAfter: P1D }}"
        )
    };
    let verdict = "try: [ { ask: { call: 'genesis-validation:1.0.0@default' } }, \
        { verdict: { switch: [ { approved: { when: '.status == \"approved\"', then: continue } }, { other: { then: no } } ] } }, \
        { yes: { set: { x: 1 }, then: exit } }, \
        { no: { raise: { error: { type: 'https://x.example/no', status: 403 } } } } ], \
        catch: { errors: { with: { status: 418 } }, then: end }";
    body.replace("GENESIS", verdict)
        .replace("GATE", &gate("admin"))
        .replace("WEAK", &gate("viewer"))
        .replace("SHIFT", "call: 'shift-traffic:1.0.0@default'")
        .replace("FAIL", "raise: { error: { type: 'https://x.example/no', status: 500 } }")
}

fn check_with(body: &str, guard: &str, children: &[(&str, &str)]) -> Verdict {
    let children = children.iter().map(|(name, body)| Arc::new(definition(name, &spell(body))));
    let guards = Guards::parse(&format!("workflows: test/main\nguards: [ {{ name: it, {guard} }} ]")).unwrap();
    let mut findings = verify(&definition("main", &spell(body)), &guards, &children.collect());
    assert_eq!(findings.len(), 1);
    findings.remove(0).verdict
}

const GATED: &str = "before: [ { call: shift-traffic } ], passes: [ { gate: { roles: [ admin ] } } ]";
const BOTH: &str = "before: [ { call: shift-traffic } ],
    passes: [ { case: { of: verdict, name: approved, when: '.status == \"approved\"' } }, { gate: { roles: [ admin ] } } ]";

#[track_caller]
fn proved(body: &str, guard: &str) {
    proved_with(body, guard, &[]);
}

#[track_caller]
fn proved_with(body: &str, guard: &str, children: &[(&str, &str)]) {
    match check_with(body, guard, children) {
        Verdict::Proved { .. } => {}
        Verdict::Refuted(path) => panic!("{path}"),
        Verdict::Unknown(why) => panic!("{why}"),
    }
}

/// The shortest bypass, stop by stop.
#[track_caller]
fn refuted(body: &str, guard: &str, path: &str) {
    refuted_with(body, guard, path, &[]);
}

#[track_caller]
fn refuted_with(body: &str, guard: &str, path: &str, children: &[(&str, &str)]) {
    let Verdict::Refuted(found) = check_with(body, guard, children) else { panic!("this was to be refuted") };
    let stops: Vec<_> = found.path.iter().map(|stop| stop.what.replace('`', "")).collect();
    assert_eq!(stops.join(" / "), path, "{found}");
}

#[test]
fn the_straight_way_is_proved_and_each_part_of_it_is_needed() {
    let all = "do: [ { g: { GENESIS } }, { gate: { GATE } }, { shift: { SHIFT } } ]";
    proved(all, BOTH);
    refuted(
        "do: [ { g: { GENESIS } }, { shift: { SHIFT } } ]",
        GATED,
        "g / g › ask / g › verdict / g › verdict takes the case approved / g › yes / shift",
    );
    refuted("do: [ { gate: { GATE } }, { shift: { SHIFT } } ]", BOTH, GATE_PATH);
    let swapped = "do: [ { gate: { GATE } }, { g: { GENESIS } }, { shift: { SHIFT } } ]";
    assert!(matches!(check_with(swapped, BOTH, &[]), Verdict::Refuted(_)), "the order counts");
    proved(swapped, GATED);
}

/// The way through an approved gate that precedes `shift`.
const GATE_PATH: &str = "gate / gate › human-approval:1.0.0 / gate › human-approval:1.0.0 › open / \
    gate › human-approval:1.0.0 › decide / gate › human-approval:1.0.0 › decide › decision / \
    gate › human-approval:1.0.0 › passed / gate › human-approval:1.0.0 › passed takes the case approved / shift";

#[test]
fn a_gate_of_somebody_else_is_no_gate() {
    for weak in ["WEAK", "call: 'human-approval:1.0.0@default', with: { title: t, subject: s, roles: '${ .roles }' }"] {
        let body = format!("do: [ {{ gate: {{ {weak} }} }}, {{ shift: {{ SHIFT }} }} ]");
        refuted(&body, GATED, GATE_PATH);
    }
    // A function of the workflow's own that only has the gate's name.
    let own = "use: { functions: { human-approval: { set: { x: 1 } } } }\ndo: [ { gate: { call: human-approval, with: { roles: [ admin ] } } }, { shift: { SHIFT } } ]";
    refuted(own, GATED, "gate / gate › human-approval / shift");
    let two = GATED.replace("roles: [ admin ]", "roles: [ admin ], quorum: 2, fourEyes: true");
    refuted("do: [ { gate: { GATE } }, { shift: { SHIFT } } ]", &two, GATE_PATH);
    let asked = "call: 'human-approval:1.0.0@default', with: { title: t, subject: s, roles: [ admin ], quorum: 2, fourEyes: true, requestedBy: '${ .by }' }";
    proved(&format!("do: [ {{ gate: {{ {asked} }} }}, {{ shift: {{ SHIFT }} }} ]"), &two);
}

#[test]
fn a_condition_is_a_way_around() {
    refuted(
        "do: [ { gate: { if: '.big', GATE } }, { shift: { SHIFT } } ]",
        GATED,
        "gate / gate is skipped: its if does not hold / shift",
    );
    let switch = "do: [ { size: { switch: [ { small: { when: '.small', then: shift } } ] } }, { gate: { GATE } }, { shift: { SHIFT } } ]";
    refuted(switch, GATED, "size / size takes the case small / shift");
    let either = GATED.replace(
        "passes: [ { gate: { roles: [ admin ] } } ]",
        "passes: [ [ { gate: { roles: [ admin ] } }, { skipped: gate } ] ]",
    );
    proved("do: [ { gate: { if: '.big', GATE } }, { shift: { SHIFT } } ]", &either);
}

#[test]
fn a_catch_is_a_way_around() {
    let swallowed = "do: [ { t: { try: [ { gate: { GATE } } ], catch: { } } }, { shift: { SHIFT } } ]";
    refuted(
        swallowed,
        GATED,
        "t / t › gate / t › gate › human-approval:1.0.0 / an error: t catches it / t goes on in spite of it / shift",
    );
    let handler = "do: [ { t: { try: [ { gate: { GATE } } ], catch: { do: [ { shift: { SHIFT } } ] } } } ]";
    refuted(
        handler,
        GATED,
        "t / t › gate / t › gate › human-approval:1.0.0 / an error: t catches it / handled: t › shift",
    );
    let beyond = "do: [ { o: { try: [ { t: { try: [ { gate: { GATE } } ], catch: { errors: { with: { status: 500 } }, do: [ { e: { FAIL } } ] } } } ], catch: { } } }, { shift: { SHIFT } } ]";
    assert!(matches!(check_with(beyond, GATED, &[]), Verdict::Refuted(_)), "an error that an inner catch lets pass");
    proved("do: [ { t: { try: [ { gate: { GATE } } ], catch: { then: end } } }, { shift: { SHIFT } } ]", GATED);
    proved(
        "do: [ { t: { try: [ { gate: { GATE } } ], catch: { do: [ { e: { FAIL } } ] } } }, { shift: { SHIFT } } ]",
        GATED,
    );
    proved(
        "do: [ { t: { try: [ { gate: { GATE } } ], catch: { retry: { limit: { attempt: { count: 2 } } } } } }, { shift: { SHIFT } } ]",
        GATED,
    );
}

#[test]
fn a_timeout_is_a_way_around() {
    // Nothing within `slow` can fail, and its own `catch` is not asked: the limit strikes from outside.
    let body = "do:
  - t:
      try: [ { slow: { timeout: { after: P1D }, do: [ { inner: { try: [ { nap: { wait: P2D } } ], catch: { then: end } } }, { gate: { GATE } } ] } } ]
      catch: { errors: { with: { status: 408 } } }
  - shift: { SHIFT }";
    refuted(body, GATED, "t / t › slow / the time runs out: t catches it / t goes on in spite of it / shift");
    let round = "do: [ { t: { try: [ { gate: { GATE } } ], catch: { retry: { limit: { attempt: { count: 1, duration: P1D } } }, do: [ { x: { set: { x: 1 } } } ] } } }, { shift: { SHIFT } } ]";
    assert!(matches!(check_with(round, GATED, &[]), Verdict::Refuted(_)), "a round that runs out of time");
}

#[test]
fn a_branch_that_loses_has_decided_nothing() {
    let race = |compete: bool, rest: &str| {
        format!(
            "do: [ {{ f: {{ fork: {{ compete: {compete}, branches: [ {{ gate: {{ GATE }} }}, {{ nap: {{ wait: P1D }} }} ] }} }} }}, {rest} ]"
        )
    };
    refuted(&race(true, "{ shift: { SHIFT } }"), GATED, "f / f ends: its branch nap is the first / shift");
    proved(&race(false, "{ shift: { SHIFT } }"), GATED);
    let beside = "do: [ { f: { fork: { branches: [ { gate: { GATE } }, { shift: { SHIFT } } ] } } } ]";
    refuted(beside, GATED, "f / in a branch: f › shift");
    let error = "do: [ { t: { try: [ { f: { fork: { branches: [ { gate: { GATE } }, { bad: { FAIL } } ] } } } ], catch: { } } }, { shift: { SHIFT } } ]";
    refuted(
        error,
        GATED,
        "t / t › f / in a branch: t › f › bad / the error that it raises: t catches it / t goes on in spite of it / shift",
    );
    let all = "do: [ { f: { fork: { compete: true, branches: [ { gate: { GATE } }, { again: { GATE } } ] } } }, { shift: { SHIFT } } ]";
    proved(all, GATED);
}

#[test]
fn an_approval_is_good_for_one_branch() {
    let two = "do: [ { gate: { GATE } }, { f: { fork: { branches: [ { a: { SHIFT } }, { b: { SHIFT } } ] } } } ]";
    assert!(matches!(check_with(two, GATED, &[]), Verdict::Refuted(_)), "one approval, two changes");
    proved(two, &format!("{GATED}, covers: run"));
    proved(
        "do: [ { gate: { GATE } }, { f: { fork: { branches: [ { a: { SHIFT } }, { b: { wait: PT1S } } ] } } } ]",
        GATED,
    );
    let after = "do: [ { gate: { GATE } }, { f: { fork: { compete: true, branches: [ { a: { SHIFT } }, { b: { wait: PT1S } } ] } } }, { c: { SHIFT } } ]";
    assert!(matches!(check_with(after, GATED, &[]), Verdict::Refuted(_)), "the loser may have used it up");
    let each = "do: [ { f: { fork: { branches: [ { a: { do: [ { gate: { GATE } }, { x: { SHIFT } } ] } }, { b: { do: [ { gate: { GATE } }, { y: { SHIFT } } ] } } ] } } } ]";
    proved(each, GATED);
}

#[test]
fn an_event_is_a_way_in() {
    let each = |tasks: &str| {
        format!(
            "do: [ {{ l: {{ listen: {{ to: {{ any: [ {{ with: {{ type: a }} }} ], until: '. | length > 3' }} }}, foreach: {{ do: [ {tasks} ] }} }} }} ]"
        )
    };
    refuted(&each("{ shift: { SHIFT } }"), GATED, "l / l › shift");
    proved(&each("{ gate: { GATE } }, { shift: { SHIFT } }"), GATED);
    let once = each("{ gate: { if: '$index == 0', GATE } }, { shift: { SHIFT } }");
    assert!(
        matches!(check_with(&once, GATED, &[]), Verdict::Refuted(_)),
        "an approval for one event is none for the next"
    );
}

#[test]
fn a_jump_back_needs_another_approval() {
    let back = "do: [ { gate: { GATE } }, { prepare: { set: { x: 1 } } }, { shift: { SHIFT } }, { more: { switch: [ { yes: { when: '.more', then: prepare } } ] } } ]";
    refuted(
        back,
        GATED,
        &format!(
            "{}prepare / shift / more / more takes the case yes / prepare / shift",
            GATE_PATH.trim_end_matches("shift")
        ),
    );
    proved(back, &format!("{GATED}, covers: run"));
    assert!(matches!(
        check_with(back, &format!("{GATED}, covers: run, since: [ {{ task: prepare }} ]"), &[]),
        Verdict::Refuted(_)
    ));
    proved(
        "do: [ { prepare: { set: { x: 1 } } }, { gate: { GATE } }, { shift: { SHIFT } }, { more: { switch: [ { yes: { when: '.more', then: prepare } } ] } } ]",
        &format!("{GATED}, since: [ {{ task: prepare }} ]"),
    );
    let over = "do: [ { a: { switch: [ { x: { when: '.x', then: gate } }, { y: { then: shift } } ] } }, { gate: { GATE } }, { shift: { SHIFT } } ]";
    refuted(over, GATED, "a / a takes the case y / shift");
}

#[test]
fn an_earlier_iteration_has_approved_nothing() {
    let first = "do: [ { each: { for: { in: '.list' }, do: [ { gate: { if: '$index == 0', GATE } }, { shift: { SHIFT } } ] } } ]";
    assert!(matches!(check_with(first, GATED, &[]), Verdict::Refuted(_)), "only the first is approved");
    let before = "do: [ { gate: { GATE } }, { each: { for: { in: '.list' }, do: [ { shift: { SHIFT } } ] } } ]";
    assert!(matches!(check_with(before, GATED, &[]), Verdict::Refuted(_)), "one approval, many changes");
    proved(before, &format!("{GATED}, covers: run"));
    proved("do: [ { each: { for: { in: '.list' }, do: [ { gate: { GATE } }, { shift: { SHIFT } } ] } } ]", GATED);
    let none = "do: [ { each: { for: { in: '.list' }, do: [ { gate: { GATE } } ] } }, { shift: { SHIFT } } ]";
    refuted(none, GATED, "each / shift");
}

#[test]
fn a_retry_of_what_failed_needs_no_second_approval_and_what_was_done_does() {
    let failed = "do: [ { gate: { GATE } }, { t: { try: [ { shift: { SHIFT } } ], catch: { retry: { limit: { attempt: { count: 3 } } } } } } ]";
    proved(failed, GATED);
    let done = "do: [ { gate: { GATE } }, { t: { try: [ { shift: { SHIFT } }, { tell: { call: 'send-mail:1.0.0@default' } } ], catch: { retry: { limit: { attempt: { count: 3 } } } } } } ]";
    assert!(matches!(check_with(done, GATED, &[]), Verdict::Refuted(_)), "the second round changes it again");
}

const CHILD: &str = "run: { workflow: { namespace: test, name: child, version: latest } }";
const ASIDE: &str = "run: { await: false, workflow: { namespace: test, name: child, version: latest } }";

#[test]
fn a_child_run_is_looked_into() {
    let gated = ("child", "do: [ { gate: { GATE } } ]");
    let shifting = ("child", "do: [ { shift: { SHIFT } } ]");
    let main = |child: &str| format!("do: [ {{ kid: {{ {child} }} }}, {{ shift: {{ SHIFT }} }} ]");
    proved_with(&main(CHILD), GATED, &[gated]);
    refuted_with(&main(ASIDE), GATED, "kid / shift", &[gated]);
    let bypass = format!("do: [ {{ kid: {{ {ASIDE} }} }}, {{ gate: {{ GATE }} }} ]");
    refuted_with(&bypass, GATED, "kid / the child run starts: child › the workflow / child › shift", &[shifting]);
    proved_with(&format!("do: [ {{ gate: {{ GATE }} }}, {{ kid: {{ {ASIDE} }} }} ]"), GATED, &[shifting]);
    let twice = format!("do: [ {{ gate: {{ GATE }} }}, {{ kid: {{ {ASIDE} }} }}, {{ shift: {{ SHIFT }} }} ]");
    assert!(matches!(check_with(&twice, GATED, &[shifting]), Verdict::Refuted(_)), "the child has used it up");
    let cancelled =
        format!("do: [ {{ t: {{ try: [ {{ kid: {{ {CHILD} }} }} ], catch: {{ }} }} }}, {{ shift: {{ SHIFT }} }} ]");
    assert!(matches!(check_with(&cancelled, GATED, &[gated]), Verdict::Refuted(_)), "a child that is cancelled");
    assert!(matches!(check_with(&main(CHILD), GATED, &[]), Verdict::Unknown(_)), "a child that is not there");
    let itself = format!(
        "do: [ {{ gate: {{ GATE }} }}, {{ kid: {{ {} }} }}, {{ shift: {{ SHIFT }} }} ]",
        CHILD.replace("child", "main")
    );
    let own = definition("main", &spell(&itself));
    let guards = Guards::parse(&format!("workflows: all\nguards: [ {{ name: it, {GATED} }} ]")).unwrap();
    let library: Library = [Arc::new(definition("main", &spell(&itself)))].into_iter().collect();
    assert!(!verify(&own, &guards, &library)[0].verdict.is_proved(), "nothing is known of what a run of itself leaves");
}

#[test]
fn what_is_done_beside_it_may_void_an_approval() {
    let since = format!("{GATED}, covers: run, since: [ {{ task: change }} ]");
    let beside = "do: [ { f: { fork: { branches: [ { a: { do: [ { gate: { GATE } }, { shift: { SHIFT } } ] } }, { change: { set: { x: 1 } } } ] } } } ]";
    assert!(matches!(check_with(beside, &since, &[]), Verdict::Refuted(_)));
    proved(beside, &format!("{GATED}, covers: run"));
    let behind = "do: [ { f: { fork: { branches: [ { gate: { GATE } }, { change: { set: { x: 1 } } } ] } } }, { shift: { SHIFT } } ]";
    assert!(matches!(check_with(behind, &since, &[]), Verdict::Refuted(_)));
    let aside = format!("do: [ {{ kid: {{ {ASIDE} }} }}, {{ gate: {{ GATE }} }}, {{ shift: {{ SHIFT }} }} ]");
    let child = ("child", "do: [ { change: { set: { x: 1 } } } ]");
    assert!(matches!(check_with(&aside, &since, &[child]), Verdict::Refuted(_)));
    assert!(matches!(check_with(&aside, GATED, &[child]), Verdict::Proved { .. }));
}

#[test]
fn end_within_a_function_ends_the_function_only() {
    let function =
        "use: { functions: { f: { do: [ { stop: { set: { x: 1 }, then: end } }, { gate: { GATE } } ] } } }\n";
    refuted(
        &format!("{function}do: [ {{ c: {{ call: f }} }}, {{ shift: {{ SHIFT }} }} ]"),
        GATED,
        "c / c › f / c › f › stop / shift",
    );
    proved(
        "do: [ { stop: { switch: [ { x: { when: '.x', then: end } }, { y: { then: exit } } ] } }, { shift: { SHIFT } } ]",
        GATED,
    );
}

#[test]
fn what_was_rejected_stays_rejected() {
    let guard = "after: [ { case: { of: v, name: rejected } } ], never: [ { call: shift-traffic } ], unless: [ { call: genesis-validation } ]";
    let head = "{ g: { call: 'genesis-validation:1.0.0@default' } }, { v: { switch: [ { rejected: { when: '.no', then: mail } } ] } }";
    let honest = format!(
        "do: [ {head}, {{ shift: {{ SHIFT, then: end }} }}, {{ mail: {{ call: 'send-mail:1.0.0@default' }} }} ]"
    );
    proved(&honest, guard);
    proved(&honest.replace("'send-mail:1.0.0@default'", "'send-mail:1.0.0@default', then: g"), guard);
    refuted(
        &honest.replace("'send-mail:1.0.0@default'", "'send-mail:1.0.0@default', then: shift"),
        guard,
        "g / v / v takes the case rejected / mail / shift",
    );
}

#[test]
fn every_path_ends_or_the_trap_is_shown() {
    proved("do: [ { a: { wait: PT1H } }, { b: { switch: [ { again: { when: '.x', then: a } } ] } } ]", "ends: true");
    refuted(
        "do: [ { a: { switch: [ { in: { when: '.x', then: b } } ], then: exit } }, { b: { call: 'f:1.0.0@default' } }, { c: { wait: PT1H, then: b } } ]",
        "ends: true",
        "a / a takes the case in / b",
    );
    refuted(
        "do: [ { f: { fork: { branches: [ { x: { do: [ { l: { wait: PT1S, then: l } } ] } }, { y: { wait: PT1S } } ] } } } ]",
        "ends: true",
        "f / in a branch: f › x",
    );
    proved(
        "do: [ { f: { timeout: { after: P1D }, fork: { branches: [ { x: { do: [ { l: { wait: PT1S, then: l } } ] } }, { y: { wait: PT1S } } ] } } } ]",
        "ends: true",
    );
}

#[test]
fn nothing_waits_for_ever_unnoticed() {
    let bare = "call: 'human-approval:1.0.0@default', with: { title: t, subject: s, roles: [ admin ] }";
    let gates = "bounded: gates";
    proved("do: [ { gate: { GATE } } ]", gates);
    refuted(&format!("do: [ {{ x: {{ set: {{ x: 1 }} }} }}, {{ gate: {{ {bare} }} }} ]"), gates, "x / gate");
    proved(&format!("do: [ {{ gate: {{ timeout: {{ after: P1D }}, {bare} }} }} ]"), gates);
    proved(&format!("do: [ {{ d: {{ timeout: {{ after: P1D }}, do: [ {{ gate: {{ {bare} }} }} ] }} }} ]"), gates);
    proved(
        &format!(
            "do: [ {{ f: {{ fork: {{ branches: [ {{ gate: {{ {bare} }} }}, {{ r: {{ do: [ {{ w: {{ wait: P1D }} }}, {{ m: {{ call: 'send-mail:1.0.0@default', then: w }} }} ] }} }} ] }} }} }} ]"
        ),
        gates,
    );
    refuted("do: [ { l: { listen: { to: { one: { with: { type: a } } } } } } ]", "bounded: listens", "l");
}

#[test]
fn a_guard_that_promises_nothing_is_refused() {
    for (text, reason) in [
        ("before: [ { call: x } ]", "needs `passes`"),
        ("after: [ { call: x } ]", "one of"),
        ("ends: false", "one of"),
        ("before: [ { cal: x } ], passes: [ { task: y } ]", "cal"),
        ("before: [ { call: x } ], passes: [ { gate: { role: admin } } ]", ""),
        ("ends: true, bounded: gates", "one of"),
    ] {
        let error =
            Guards::parse(&format!("workflows: all\nguards: [ {{ name: it, {text} }} ]")).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(
        matches!(check_with("do: [ { a: { set: { x: 1 } } } ]", GATED, &[]), Verdict::Unknown(why) if why.contains("protects nothing"))
    );
}
