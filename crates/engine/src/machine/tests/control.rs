//! Suspending, resuming and cancelling a run.

use serde_json::json;

use super::Rehearsal;
use crate::{Effect, FactBody, Pending, Phase};

const BODY: &str = r"
do:
  - both:
      fork:
        branches:
          - heard: { listen: { to: { one: { with: { type: a } } } } }
          - child: { run: { workflow: { namespace: test, name: child, version: '1.0.0' } } }
          - call: { call: 'f:1.0.0@default', with: { } }
          - wait: { wait: { hours: 1 } }
";

#[test]
fn a_suspended_run_waits_for_nothing_and_forgets_nothing() {
    let mut run = Rehearsal::start(BODY, json!({}));
    let before = run.run.pending();
    run.fact(FactBody::Suspended);
    assert_eq!((run.run.phase(), run.run.pending()), (&Phase::Suspended, Pending::default()));
    run.fact(FactBody::Resumed);
    assert_eq!(run.run.pending(), before);
}

#[test]
fn a_cancelled_run_gives_up_everything_it_waited_for() {
    let mut run = Rehearsal::start(BODY, json!({}));
    run.fact(FactBody::Cancelled { reason: "no longer wanted".to_owned() });
    assert_eq!(run.run.phase().name(), "cancelled");
    assert_eq!(run.run.pending(), Pending::default());
    assert!(run.subscriptions().is_empty());
    assert!(run.effects.iter().any(|effect| matches!(effect, Effect::CancelChild(_))));
    run.fact(FactBody::Resumed);
    assert_eq!(run.run.phase().name(), "cancelled", "the end is final");
}
