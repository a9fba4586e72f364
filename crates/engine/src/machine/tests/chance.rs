//! Limits that an expression exceeds on one day and not on another: a replay goes the way that was recorded.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use definitions::{Data, Definition, Evaluation, Evaluator, ExpressionError, InProcess};
use serde_json::json;
use uuid::Uuid;

use crate::*;

/// Evaluates, but for what contains `slow`, which takes too long, and what contains `never`, which cannot be evaluated here.
#[derive(Debug, Default)]
struct Moody {
    slow: bool,
    never: bool,
    asked: AtomicU32,
    patience: AtomicU32,
}

impl Evaluator for Moody {
    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Result<Data, ExpressionError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.patience.fetch_max(evaluation.patience, Ordering::Relaxed);
        match evaluation.expression.source() {
            source if source.contains("slow") && self.slow => {
                Err(ExpressionError::exceeded(source, "it took too long"))
            }
            source if source.contains("never") && self.never => Err(ExpressionError::unavailable(source, "no process")),
            _ => InProcess::default().evaluate(evaluation),
        }
    }
}

fn run(body: &str, evaluator: &Arc<Moody>) -> Run {
    let source = format!("document: {{ dsl: '1.0.3', namespace: test, name: chance, version: '1.0.0' }}\n{body}");
    let definition = Definition::parse(&source, &std::collections::BTreeMap::new()).unwrap();
    let evaluator: SharedEvaluator = evaluator.clone();
    Run::new(RunId(Uuid::from_u128(7)), Arc::new(definition)).with_evaluator(&evaluator)
}

fn started() -> Fact {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let workflows = std::collections::BTreeMap::new();
    Fact::new(at, FactBody::Started { semantics: SEMANTICS, input: json!({}).into(), nonce: String::new(), workflows })
}

fn slow() -> Arc<Moody> {
    Arc::new(Moody { slow: true, ..Moody::default() })
}

const SLOW: &str = "do: [ { a: { set: { x: '${ 1 }', y: '${ [range(2)] | \"slow\" }' } } } ]";

#[test]
fn a_limit_is_recorded_and_met_again() {
    let mut first = run(SLOW, &slow());
    let mut fact = started();
    first.record(&mut fact).unwrap();
    let Phase::Faulted { fault } = first.phase() else { panic!("{:?}", first.phase()) };
    assert!(fault.kind.ends_with("/expression") && fault.to_string().contains("it took too long"), "{fault}");
    let stored: Fact = serde_json::from_str(&serde_json::to_string(&fact).unwrap()).unwrap();
    assert_eq!(stored, fact);
    assert_eq!(fact.chance[0].exceeded.keys().collect::<Vec<_>>(), [&1]);

    let calm = Arc::new(Moody::default());
    let mut again = run(SLOW, &calm);
    again.apply(&stored).unwrap();
    assert_eq!(again.phase(), first.phase());
    assert_eq!(calm.asked.load(Ordering::Relaxed), 1, "what exceeded its limit is not evaluated again");
    assert_eq!(calm.patience.load(Ordering::Relaxed), 4, "what did not may take longer than it did");
}

#[test]
fn what_the_first_burst_met_stands_in_the_second_fact() {
    let mut first = run(SLOW, &slow());
    let mut start = started();
    first.record(&mut start).unwrap();
    let mut next = Fact::new(start.at, FactBody::Continued);
    first.record(&mut next).unwrap();
    next.chance.append(&mut start.chance);

    let mut again = run(SLOW, &Arc::new(Moody::default()));
    again.foresee([&start, &next]);
    again.apply(&start).unwrap();
    again.apply(&next).unwrap();
    assert_eq!(again.phase(), first.phase());
}

#[test]
fn a_replay_that_would_go_elsewhere_is_given_up() {
    let mut fact = started();
    run(SLOW, &Arc::new(Moody::default())).record(&mut fact).unwrap();
    assert!(fact.chance.is_empty());
    let diverged = run(SLOW, &slow()).apply(&fact).unwrap_err();
    assert!(diverged.passing && diverged.reason.contains("it did not when"), "{diverged}");
}

#[test]
fn an_evaluator_that_fails_is_no_fault_of_the_run() {
    let never = Arc::new(Moody { never: true, ..Moody::default() });
    let mut run = run("do: [ { a: { set: { x: '${ \"never\" }' } } } ]", &never);
    let diverged = run.record(&mut started()).unwrap_err();
    assert!(diverged.passing && diverged.reason.contains("no process"), "{diverged}");
}

#[test]
fn a_burst_of_hard_expressions_yields_and_a_replay_yields_there_too() {
    let body = "do: [ { each: { for: { in: '[range(100)]' }, do: [ { a: { set: { x: '${ [range(2)] }' } } } ] } } ]";
    let mut first = run(body, &Arc::new(Moody::default()));
    let mut facts = vec![started()];
    first.record(&mut facts[0]).unwrap();
    while first.pending().yielded {
        let mut next = Fact::new(first.now(), FactBody::Continued);
        first.record(&mut next).unwrap();
        facts.push(next);
    }
    assert!(matches!(first.phase(), Phase::Completed { .. }));
    assert!(facts.len() > 5, "{} facts", facts.len());
    let mut again = run(body, &Arc::new(Moody::default()));
    for fact in &facts {
        assert!(!again.phase().is_terminal(), "a replay takes as many facts");
        again.apply(fact).unwrap();
    }
    assert_eq!(again.phase(), first.phase());
}

/// Values that share what they hold are small until somebody writes them.
#[test]
fn data_cannot_grow_without_an_end() {
    let pass = "{ p: { switch: [ { on: { then: continue } } ] } }";
    for (task, reason) in [
        (format!("fork: {{ branches: [ {pass}, {} ] }}", pass.replace("p:", "q:")), "larger than"),
        (format!("fork: {{ branches: [ {pass} ] }}"), "nests deeper"),
        ("set: { x: '${ . }', y: '${ . }' }".to_owned(), "larger than"),
        ("set: { x: '${ . }' }".to_owned(), "nests deeper"),
    ] {
        let mut run = run(&format!("do: [ {{ again: {{ {task}, then: again }} }} ]"), &Arc::new(Moody::default()));
        run.record(&mut started()).unwrap();
        let Phase::Faulted { fault } = run.phase() else { panic!("{task}: {:?}", run.pending()) };
        assert!(fault.kind.ends_with("/expression") && fault.to_string().contains(reason), "{task}: {fault}");
    }
}
