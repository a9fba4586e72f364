//! The machine in virtual time: scripted functions, events and clocks, and after every test the proof that the run is a fold.

mod chance;
mod control;
mod data_flow;
mod errors;
mod events;
mod flow;
mod trace;

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use definitions::{Catalog, Data, Definition, FunctionName, Resolution};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::*;

/// Functions written in the DSL, by `name:version`; every other name is the host's.
struct Shelf(BTreeMap<String, Arc<str>>);

impl Catalog for Shelf {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let source = self.0.get(&format!("{}:{}", function.name, function.version));
        Some(source.map_or(Resolution::Host, |source| Resolution::Source(Arc::clone(source))))
    }
}

/// A run whose outside world is the test.
pub(super) struct Rehearsal {
    definition: Arc<Definition>,
    pub(super) run: Run,
    pub(super) now: Timestamp,
    facts: Vec<Fact>,
    pub(super) effects: Vec<Effect>,
    inbox: Vec<(Step, usize, CloudEvent)>,
}

impl Rehearsal {
    /// Starts a workflow with the given `do` block and whatever else stands at the top level.
    pub(super) fn start(body: &str, input: Value) -> Self {
        Self::start_with(body, input, &[])
    }

    pub(super) fn start_with(body: &str, input: Value, functions: &[(&str, &str)]) -> Self {
        let source =
            format!("document: {{ dsl: '1.0.3', namespace: test, name: rehearsal, version: '1.0.0' }}\n{body}");
        let shelf = Shelf(functions.iter().map(|(name, source)| ((*name).to_owned(), Arc::from(*source))).collect());
        let definition = Definition::parse(&source, &shelf).unwrap_or_else(|findings| panic!("{findings}"));
        let definition = Arc::new(definition);
        let run = Run::new(RunId(Uuid::from_u128(7)), Arc::clone(&definition));
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut rehearsal = Self { definition, run, now, facts: Vec::new(), effects: Vec::new(), inbox: Vec::new() };
        rehearsal.fact(FactBody::Started {
            semantics: SEMANTICS,
            input: input.into(),
            nonce: "n0nce".to_owned(),
            workflows: BTreeMap::from([("test/child:1.0.0".to_owned(), "c0ffee".to_owned())]),
        });
        rehearsal
    }

    pub(super) fn fact(&mut self, body: FactBody) {
        let mut fact = Fact::new(self.now, body);
        let effects = self.run.record(&mut fact).unwrap();
        self.effects.extend(effects);
        self.facts.push(fact);
    }

    /// The one pending call of a function.
    pub(super) fn call(&self, function: &str) -> Call {
        let calls = self.run.pending().calls;
        let found: Vec<_> = calls.iter().filter(|call| &*call.function.name == function).collect();
        assert_eq!(found.len(), 1, "calls of {function} among {calls:?}");
        found[0].clone()
    }

    pub(super) fn complete(&mut self, function: &str, output: Value) {
        let Call { step, input_hash, .. } = self.call(function);
        self.fact(FactBody::CallCompleted { step, input_hash, output: output.into() });
    }

    pub(super) fn fail(&mut self, function: &str, status: u16) {
        let Call { step, input_hash, .. } = self.call(function);
        let fault = Fault::new(FaultKind::Communication, "no answer").with_status(status);
        self.fact(FactBody::CallFaulted { step, input_hash, fault });
    }

    /// Lets the time pass until the nearest timer, which fires; gives how much passed.
    pub(super) fn tick(&mut self) -> TimeDelta {
        let timer = self.run.pending().timer.expect("a timer is set");
        let passed = timer.due - self.now;
        self.now = timer.due;
        self.fact(FactBody::TimerFired { step: timer.step, timer: timer.kind });
        passed
    }

    /// The open subscriptions, as the store would know them.
    pub(super) fn subscriptions(&self) -> Vec<Subscription> {
        let mut open: Vec<Subscription> = Vec::new();
        for effect in &self.effects {
            match effect {
                Effect::Subscribe(subscription) => open.push(subscription.clone()),
                Effect::Unsubscribe(step) => open.retain(|subscription| subscription.step != *step),
                Effect::Emit(_) | Effect::StartChild { .. } | Effect::CancelChild(_) => {}
            }
        }
        open
    }

    /// Delivers an event as the router would, to every open subscription that it may match; the run then takes what it wants
    /// and leaves in the inbox what it is too busy for. Gives how many it took at once.
    pub(super) fn event(&mut self, kind: &str, subject: &str, data: Value) -> usize {
        let event = CloudEvent {
            id: format!("e{}", self.facts.len()),
            source: "/test".to_owned(),
            specversion: "1.0".to_owned(),
            kind: kind.to_owned(),
            time: None,
            subject: Some(subject.to_owned()),
            datacontenttype: None,
            data: data.into(),
            extensions: serde_json::Map::new(),
        };
        let matching = self.subscriptions().into_iter().filter(|open| self.matches(open, &event));
        let deliveries: Vec<_> = matching.map(|open| (open.step, open.filter, event.clone())).collect();
        self.inbox.extend(deliveries);
        self.read_inbox()
    }

    /// Takes what the run wants out of its inbox, as a drive does; gives how much it was.
    pub(super) fn read_inbox(&mut self) -> usize {
        let mut taken = 0;
        for (step, filter, event) in std::mem::take(&mut self.inbox) {
            if self.run.is_busy(&step) {
                self.inbox.push((step, filter, event));
            } else if self.run.wants(&step, filter, &event).unwrap() {
                self.fact(FactBody::EventReceived { step, filter, event });
                taken += 1;
            }
        }
        taken
    }

    fn matches(&self, subscription: &Subscription, event: &CloudEvent) -> bool {
        let task = self.definition.task(&subscription.step.pointer).unwrap();
        let definitions::TaskKind::Listen(listen) = &task.kind else { panic!("a listen") };
        let filter = listen.filter(subscription.filter).unwrap();
        let evaluator = definitions::InProcess::default();
        let envelope = event.envelope();
        if !filter.may_match(&envelope, &evaluator).unwrap_or(false) {
            return false;
        }
        let Ok(values) = filter.correlation(&envelope, &evaluator) else { return false };
        let keyed = filter.correlate.iter().zip(values).filter(|(correlation, _)| correlation.expect.is_some());
        let key: Vec<_> = keyed.map(|(_, value)| value).collect();
        subscription.key.is_none() || subscription.key == Some(input_hash(&Data::array(key)))
    }

    pub(super) fn output(&self) -> Value {
        match self.run.phase() {
            Phase::Completed { output } => output.into(),
            other => panic!("the run is {other:?}, waiting for {:?}", self.run.pending()),
        }
    }

    pub(super) fn fault(&self) -> Fault {
        match self.run.phase() {
            Phase::Faulted { fault } => fault.clone(),
            other => panic!("the run is {other:?}, waiting for {:?}", self.run.pending()),
        }
    }
}

impl Drop for Rehearsal {
    /// The invariant behind everything: state = fold(facts), whatever is thrown away in between.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let expected = serde_json::to_value(self.run.snapshot()).unwrap();
        let mut effects = Vec::new();
        let mut run = Run::new(self.run.id(), Arc::clone(&self.definition));
        run.config = self.run.config.clone();
        for fact in &self.facts {
            let stored = serde_json::to_string(fact).unwrap();
            effects.extend(run.apply(&serde_json::from_str(&stored).unwrap()).unwrap());
            let snapshot = serde_json::to_string(&run.snapshot()).unwrap();
            let config = run.config.clone();
            run =
                Run::restore(run.id(), Arc::clone(&self.definition), serde_json::from_str(&snapshot).unwrap()).unwrap();
            run.config = config;
        }
        assert_eq!(serde_json::to_value(run.snapshot()).unwrap(), expected, "the fold of the facts is another run");
        assert_eq!(effects, self.effects, "the fold of the facts has other effects");
    }
}

pub(super) fn outputs(body: &str, input: Value) -> Value {
    Rehearsal::start(body, input).output()
}

#[test]
fn a_history_that_does_not_fit_is_refused() {
    let mut run = Rehearsal::start("do: [ { a: { call: 'f:1.0.0@default', with: { x: 1 } } } ]", json!({}));
    let Call { step, .. } = run.call("f");
    let input_hash = "another".to_owned();
    let fact = Fact::new(run.now, FactBody::CallCompleted { step, input_hash, output: Data::NULL });
    let diverged = run.run.clone().apply(&fact).unwrap_err();
    assert_eq!((diverged.seq, diverged.fact), (1, "call_completed"));
    assert!(diverged.reason.contains("/do/0/a/0"), "{diverged}");
    let again = Fact::new(run.now, FactBody::Continued);
    assert!(Run::new(run.run.id(), Arc::clone(&run.definition)).apply(&again).is_err());
    run.complete("f", json!(1));
}

#[test]
fn a_history_of_later_rules_is_refused() {
    let run = Rehearsal::start("do: [ { a: { call: 'f:1.0.0@default' } } ]", json!({}));
    for semantics in [0, SEMANTICS + 1] {
        let body = FactBody::Started {
            semantics,
            input: Data::NULL,
            nonce: String::new(),
            workflows: std::collections::BTreeMap::new(),
        };
        let mut other = Run::new(run.run.id(), Arc::clone(&run.definition));
        let diverged = other.apply(&Fact::new(run.now, body)).unwrap_err();
        assert!(diverged.reason.contains(&format!("version {semantics} of the rules")), "{diverged}");
    }
}
