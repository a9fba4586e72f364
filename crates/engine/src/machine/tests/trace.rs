//! The moves of a run, as somebody who asks for them sees them.

use super::*;
use crate::Trace;

/// A run's moves in one word each, with the task's name.
fn moves(rehearsal: &Rehearsal) -> String {
    let mut run = Run::new(rehearsal.run.id(), Arc::clone(&rehearsal.definition));
    let (mut effects, mut moves) = (Vec::new(), Vec::new());
    for fact in &mut rehearsal.facts.clone() {
        let (caused, moved) = run.trace(fact).unwrap();
        effects.extend(caused);
        moves.extend(moved);
    }
    assert_eq!(effects, rehearsal.effects, "looking at a run does not change it");
    assert_eq!(
        serde_json::to_value(run.snapshot()).unwrap(),
        serde_json::to_value(rehearsal.run.snapshot()).unwrap(),
        "looking at a run does not change it"
    );
    let name = |step: &Step| step.pointer.as_str().rsplit('/').next().unwrap().to_owned();
    let told = moves.iter().map(|moved| match moved {
        Trace::Entered(step) => format!("+{}", name(step)),
        Trace::Skipped(step) => format!("~{}", name(step)),
        Trace::Chose { step, case } => format!("{}={case:?}", name(step)),
        Trace::Left { step, output } => format!("-{} {output}", name(step)),
        Trace::Raised { step, fault } => format!("!{} {}", name(step), fault.status),
        Trace::Caught { step, handling } => format!("{} {handling:?}", name(step)),
        Trace::Cancelled(step) => format!("x{}", name(step)),
    });
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_moves_of_a_burst_are_told() {
    let body = "do:
  - a: { if: 'false', set: { x: 1 } }
  - b: { switch: [ { no: { when: 'false', then: end } }, { other: { then: c } } ] }
  - c:
      try: [ { d: { raise: { error: { type: 'https://x.example/e', status: 418 } } } } ]
      catch: { do: [ { e: { set: '${ 2 }' } } ] }
  - f: { switch: [ { no: { when: 'false', then: end } } ] }";
    let expected = "+a, ~a, +b, b=Some(1), -b {}, +c, +d, !d 418, c Handle, +e, -e 2, -c 2, +f, f=None, -f 2";
    assert_eq!(moves(&Rehearsal::start(body, json!({}))), expected);
}

#[test]
fn the_losers_of_a_race_are_given_up() {
    let body = "do: [ { race: { fork: { compete: true, branches: [
        { slow: { do: [ { ask: { call: 'f:1.0.0@default' } } ] } }, { fast: { wait: { seconds: 1 } } } ] } } } ]";
    let mut run = Rehearsal::start(body, json!(1));
    run.tick();
    assert_eq!(moves(&run), "+race, +slow, +ask, +fast, -fast 1, xask, xslow, -race 1");
}

#[test]
fn the_end_leaves_what_is_around_and_gives_up_what_is_beside() {
    let body = "do: [ { both: { fork: { branches: [
        { waits: { wait: { days: 1 } } }, { ends: { set: '${ 1 }', then: end } } ] } } } ]";
    let expected = "+both, +waits, +ends, -ends 1, xwaits, -both 1";
    assert_eq!(moves(&Rehearsal::start(body, json!({}))), expected);
}

#[test]
fn a_cancelled_run_gives_everything_up() {
    let mut run = Rehearsal::start("do: [ { outer: { do: [ { inner: { wait: { days: 1 } } } ] } } ]", json!({}));
    run.fact(FactBody::Cancelled { reason: "enough".to_owned() });
    assert_eq!(moves(&run), "+outer, +inner, xinner, xouter");
}
