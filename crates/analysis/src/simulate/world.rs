//! The world of a simulation: its clock, its runs, and what happens next.
//!
//! Time stands still while there is anything to do, and then jumps to what is due next: an answer, an event, a decision or
//! a timer. What is due at the same moment happens in the order in which it was arranged, timers last.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::TimeDelta;
use definitions::{Data, Definition, DefinitionId, Pointer};
use engine::{
    ChildOutcome, CloudEvent, Effect, Fact, FactBody, Fault, Phase, Run, RunId, SEMANTICS, Step, Subscription,
    Timestamp,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    coverage::Coverage,
    events::Events,
    gates::Gate,
    report::{Entry, Report},
    scenario::Scenario,
};
use crate::Library;

mod calls;
mod deliver;
mod tell;

/// Facts of all runs before the simulation gives up.
const FACTS: usize = 100_000;
/// Bursts of pure tasks in a row before a run counts as one that never waits.
const BURSTS: usize = 20;
/// Virtual time before the simulation ends.
const UNTIL: TimeDelta = TimeDelta::days(3653);

/// A run and what the world knows of it.
#[derive(Debug)]
struct Member {
    run: Run,
    parent: Option<(usize, Step)>,
    awaited: bool,
    open: Vec<Subscription>,
    /// The number of the first event that it may have.
    since: usize,
    used: BTreeSet<usize>,
    /// Events for a `listen` that is at work on another.
    held: Vec<(Subscription, usize)>,
    asked: BTreeSet<(Step, u32)>,
}

/// What is arranged for a moment.
#[derive(Debug)]
enum Happening {
    Fact(usize, FactBody),
    Event(CloudEvent),
    Deliver { member: usize, subscription: Subscription, event: usize },
    Decision(usize, usize),
    Cancel(usize, String),
}

/// The simulation at work.
pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    library: &'a Library,
    now: Timestamp,
    end: Timestamp,
    members: Vec<Member>,
    arranged: BTreeMap<(Timestamp, usize), Happening>,
    arrangements: usize,
    events: Events,
    gates: Vec<Gate>,
    facts: usize,
    answered: BTreeMap<String, usize>,
    /// The scenario's events that have been sent or arranged, and its decisions.
    sent: BTreeSet<usize>,
    decided: BTreeSet<usize>,
    report: Report,
}

impl<'a> World<'a> {
    pub(crate) fn new(definition: &Arc<Definition>, scenario: &'a Scenario, library: &'a Library) -> Self {
        let beginning = Timestamp::from_timestamp(1_767_225_600, 0).unwrap_or(Timestamp::UNIX_EPOCH);
        let now = scenario.start.unwrap_or(beginning);
        let until = scenario.until.map_or(UNTIL, |span| span.0);
        let mut world = Self {
            scenario,
            library,
            now,
            end: now.checked_add_signed(until).unwrap_or(Timestamp::MAX_UTC),
            members: Vec::new(),
            arranged: BTreeMap::new(),
            arrangements: 0,
            events: Events::default(),
            gates: Vec::new(),
            facts: 0,
            answered: BTreeMap::new(),
            sent: BTreeSet::new(),
            decided: BTreeSet::new(),
            report: Report { coverage: Coverage::of(definition), ..Report::empty() },
        };
        let input = scenario.input.clone().map_or_else(Data::object, Data::from);
        let run = RunId(Uuid::from_u128(1));
        world.start(run, definition, input, None, true);
        for (index, event) in scenario.events.iter().enumerate().filter(|(_, event)| event.on.is_none()) {
            world.arrange(event.after.0, Happening::Event(world.event(index)));
            world.sent.insert(index);
        }
        if let Some(after) = scenario.cancel {
            world.arrange(after.0, Happening::Cancel(0, "the scenario cancels it".to_owned()));
        }
        world
    }

    /// Plays until nothing is left to happen.
    pub(crate) fn play(mut self) -> Report {
        let start = self.now;
        let mut ended = None;
        while self.report.failures.is_empty() {
            self.ask();
            if ended.is_none() && self.members[0].run.phase().is_terminal() {
                ended = Some(self.now);
            }
            if !self.happen() {
                break;
            }
            if self.facts > FACTS {
                self.fail(format!("the runs have had {FACTS} facts, and go on"));
            }
        }
        self.conclude();
        self.report.took = ended.unwrap_or(self.now) - start;
        self.report.phase = self.members[0].run.phase().clone();
        self.report
    }

    fn fail(&mut self, failure: String) {
        self.report.failures.push(failure);
    }

    fn arrange(&mut self, after: TimeDelta, happening: Happening) {
        let at = self.now.checked_add_signed(after).unwrap_or(Timestamp::MAX_UTC);
        self.arranged.insert((at, self.arrangements), happening);
        self.arrangements += 1;
    }

    /// Lets what is due next happen; false if nothing is, or not before the end.
    fn happen(&mut self) -> bool {
        let timer =
            self.members.iter().enumerate().filter_map(|(index, member)| Some((member.run.pending().timer?, index)));
        let timer = timer.min();
        let arranged = self.arranged.keys().next().copied();
        let due = [timer.as_ref().map(|(timer, _)| timer.due), arranged.map(|(at, _)| at)].into_iter().flatten().min();
        let Some(due) = due.filter(|due| *due <= self.end) else { return false };
        self.now = self.now.max(due);
        if let Some(key) = arranged.filter(|(at, _)| *at <= due) {
            if let Some(happening) = self.arranged.remove(&key) {
                self.perform(happening);
            }
        } else if let Some((timer, member)) = timer {
            self.fact(member, FactBody::TimerFired { step: timer.step, timer: timer.kind });
        }
        true
    }

    fn perform(&mut self, happening: Happening) {
        match happening {
            Happening::Fact(member, body) => self.fact(member, body),
            Happening::Event(event) => self.publish(event),
            Happening::Deliver { member, subscription, event } => self.deliver(member, &subscription, event),
            Happening::Decision(gate, decision) => self.decide(gate, decision),
            Happening::Cancel(member, reason) => self.fact(member, FactBody::Cancelled { reason }),
        }
    }

    fn start(
        &mut self,
        id: RunId,
        definition: &Arc<Definition>,
        input: Data,
        parent: Option<(usize, Step)>,
        awaited: bool,
    ) {
        let references = definition.workflows.iter().map(|id| (id.to_string(), id.to_string()));
        let body = FactBody::Started {
            semantics: SEMANTICS,
            input,
            nonce: "simulated".to_owned(),
            workflows: references.collect(),
        };
        let run = Run::new(id, Arc::clone(definition));
        let (open, used, held, asked) = (Vec::new(), BTreeSet::new(), Vec::new(), BTreeSet::new());
        let since = self.events.count();
        self.members.push(Member { run, parent, awaited, open, since, used, held, asked });
        self.arrange(TimeDelta::zero(), Happening::Fact(self.members.len() - 1, body));
    }

    fn fact(&mut self, member: usize, body: FactBody) {
        if self.members[member].run.phase().is_terminal() {
            return;
        }
        self.facts += 1;
        let mut fact = Fact::new(self.now, body);
        self.tell_fact(member, &fact);
        let (effects, moves) = match self.members[member].run.trace(&mut fact) {
            Ok(result) => result,
            Err(diverged) => return self.fail(format!("the simulation is broken: {diverged}")),
        };
        let definition = Arc::clone(self.members[member].run.definition());
        if member == 0 {
            self.report.coverage.count(&moves, &definition);
            self.report.progress.count(&moves, self.members[member].run.phase().is_terminal());
        }
        moves.iter().for_each(|moved| self.tell_move(member, moved, &definition));
        effects.into_iter().for_each(|effect| self.carry_out(member, effect));
        for (subscription, event) in std::mem::take(&mut self.members[member].held) {
            self.arrange(TimeDelta::zero(), Happening::Deliver { member, subscription, event });
        }
        self.ended(member);
    }

    fn carry_out(&mut self, member: usize, effect: Effect) {
        match effect {
            Effect::Emit(event) => {
                self.report.emitted.push(event.kind.clone());
                self.arrange(TimeDelta::zero(), Happening::Event(event));
            }
            Effect::Subscribe(subscription) => self.subscribe(member, &subscription),
            Effect::Unsubscribe(step) => self.members[member].open.retain(|open| open.step != step),
            Effect::StartChild { step, child, definition, input, awaited } => {
                self.child(member, step, child, &definition, &input, awaited);
            }
            Effect::CancelChild(child) => {
                if let Some(child) = self.members.iter().position(|member| member.run.id() == child) {
                    let reason = "its parent no longer waits for it".to_owned();
                    self.arrange(TimeDelta::zero(), Happening::Cancel(child, reason));
                }
            }
        }
    }

    /// Tells the parent of a child that has ended.
    fn ended(&mut self, member: usize) {
        let Member { run, parent: Some((parent, step)), awaited: true, .. } = &self.members[member] else { return };
        let outcome = match run.phase() {
            Phase::Completed { output } => ChildOutcome::Completed { output: output.clone() },
            Phase::Faulted { fault } => ChildOutcome::Faulted { fault: fault.clone() },
            Phase::Cancelled { reason } => ChildOutcome::Cancelled { reason: reason.clone() },
            Phase::Pending | Phase::Running | Phase::Suspended => return,
        };
        let (parent, body) = (*parent, FactBody::ChildEnded { step: step.clone(), child: run.id(), outcome });
        self.arrange(TimeDelta::zero(), Happening::Fact(parent, body));
    }

    fn child(&mut self, member: usize, step: Step, child: RunId, reference: &str, input: &Data, awaited: bool) {
        let id = self.members[member].run.definition().workflows.iter().find(|id| id.to_string() == reference).cloned();
        let Some(id) = id else { return };
        if let Some((answer, after)) = self.child_answer(&step.pointer, &id, input) {
            let outcome = match answer {
                Ok(output) => ChildOutcome::Completed { output },
                Err(fault) => ChildOutcome::Faulted { fault },
            };
            if awaited {
                self.arrange(after, Happening::Fact(member, FactBody::ChildEnded { step, child, outcome }));
            }
            return;
        }
        let Some(definition) = self.library.get(&id).cloned() else {
            return self.fail(format!("`{id}` is not there; let `children` answer for it"));
        };
        self.start(child, &definition, input.clone(), Some((member, step)), awaited);
    }

    fn child_answer(
        &mut self,
        at: &Pointer,
        id: &DefinitionId,
        input: &Data,
    ) -> Option<(Result<Data, Fault>, TimeDelta)> {
        let names = [id.name.to_string(), format!("{}/{}", id.namespace, id.name), id.to_string()];
        let (name, answers) =
            self.scenario.children.iter().find(|(name, _)| name.names(at) || names.contains(&name.to_string()))?;
        let count = self.answered.entry(format!("child {name}")).or_default();
        *count += 1;
        answers.at(*count - 1).map(|answer| (answer.to(input), answer.after.0))
    }

    /// What the scenario has and the run never came to, and what the run still waits for.
    fn conclude(&mut self) {
        if !self.report.failures.is_empty() {
            return;
        }
        for (index, event) in self.scenario.events.iter().enumerate().filter(|(_, event)| event.on.is_some()) {
            if !self.sent.contains(&index) {
                let on = event.on.as_ref().map(ToString::to_string).unwrap_or_default();
                self.report.failures.push(format!("the event {} was never sent: `{on}` did not listen", event.kind));
            }
        }
        for (index, decision) in self.scenario.decisions.iter().enumerate() {
            if !self.decided.contains(&index) {
                let gate = &decision.gate;
                self.report
                    .failures
                    .push(format!("the decision of {} was never asked for: no gate of `{gate}`", decision.by));
            }
        }
        for member in 0..self.members.len() {
            for open in self.members[member].open.clone() {
                let kind = open.event_type.as_deref().unwrap_or("any event").to_owned();
                self.entry(member, &open.step.pointer, format!("still waits for {kind}"), false);
            }
        }
    }

    fn entry(&mut self, run: usize, pointer: &Pointer, what: String, bad: bool) {
        let pointer = pointer.clone();
        self.report.timeline.push(Entry { at: self.now, run, pointer, what, bad });
    }

    /// Compact JSON, cut where it gets long.
    fn short(value: &Data) -> String {
        let text = Value::from(value).to_string();
        if text.chars().count() <= 100 { text } else { format!("{}…", text.chars().take(99).collect::<String>()) }
    }
}
