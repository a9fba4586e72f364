//! The moves of a run, as somebody who asks for them sees them.

use super::*;
use crate::Trace;

/// A run's moves in one word each, with the task's name.
fn moves(body: &str) -> Vec<String> {
    let rehearsal = Rehearsal::start(body, json!({}));
    let mut run = Run::new(rehearsal.run.id(), Arc::clone(&rehearsal.definition));
    let (effects, moves) = run.trace(&mut rehearsal.facts[0].clone()).unwrap();
    assert_eq!(effects, rehearsal.effects, "looking at a run does not change it");
    assert_eq!(
        serde_json::to_value(run.snapshot()).unwrap(),
        serde_json::to_value(rehearsal.run.snapshot()).unwrap(),
        "looking at a run does not change it"
    );
    let name = |step: &Step| step.pointer.as_str().rsplit('/').next().unwrap().to_owned();
    moves
        .iter()
        .map(|moved| match moved {
            Trace::Entered(step) => format!("+{}", name(step)),
            Trace::Skipped(step) => format!("~{}", name(step)),
            Trace::Chose { step, case } => format!("{}={case:?}", name(step)),
            Trace::Left(step) => format!("-{}", name(step)),
            Trace::Raised { step, fault } => format!("!{} {}", name(step), fault.status),
            Trace::Caught { step, handling } => format!("{} {handling:?}", name(step)),
        })
        .collect()
}

#[test]
fn the_moves_of_a_burst_are_told() {
    let way = moves(
        "do:
  - a: { if: 'false', set: { x: 1 } }
  - b: { switch: [ { no: { when: 'false', then: end } }, { other: { then: c } } ] }
  - c:
      try: [ { d: { raise: { error: { type: 'https://x.example/e', status: 418 } } } } ]
      catch: { do: [ { e: { set: { y: 2 } } } ] }
  - f: { switch: [ { no: { when: 'false', then: end } } ] }",
    );
    let expected = "+a ~a +b b=Some(1) -b +c +d !d 418 c Handle +e -e -c +f f=None -f";
    assert_eq!(way.join(" "), expected);
}
