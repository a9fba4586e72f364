//! Waiting for events: what a `listen` subscribes to, which events it takes, what it does with each, and when it ends.

use std::collections::{BTreeMap, BTreeSet};

use definitions::{Data, Listen, Read, Strategy, TaskKind, Until};

use super::{Broken, Machine, evaluations::Evaluations, scope, scope::check};
use crate::{
    CloudEvent, Diverged, Effect, Fault, Run, Step, Subscription, input_hash,
    state::{Body, FrameId, ListRef, Listening},
};

impl Machine<'_> {
    /// Subscribes to every filter.
    pub(super) fn listen(&mut self, id: FrameId, listen: &Listen, input: &Data) -> Result<(), Fault> {
        let step = self.state.frames.get(&id).map(|frame| frame.step.clone());
        let Some(step) = step else { return Ok(()) };
        for (index, filter) in listen.filters().enumerate() {
            let (mut correlation, mut expected) = (Vec::new(), Vec::new());
            for key in &filter.correlate {
                if let Some(expect) = &key.expect {
                    correlation.push(key.from.source().into());
                    expected.push(self.scope(id).evaluate(expect, input)?);
                }
            }
            let key = (!expected.is_empty()).then(|| input_hash(&Data::array(expected)));
            let event_type = filter.event_type().map(Into::into);
            let subscription = Subscription { step: step.clone(), filter: index, event_type, correlation, key };
            self.effects.push(Effect::Subscribe(subscription));
        }
        if let Some(frame) = self.state.frames.get_mut(&id) {
            frame.body = Body::Listen(Listening::default());
        }
        Ok(())
    }

    /// Takes an event that matched a filter; a `listen` that no longer wants it ignores it.
    pub(super) fn receive(&mut self, step: &Step, filter: usize, event: &CloudEvent) -> Result<(), Broken> {
        let Some(id) = self.find(step) else { return Ok(()) };
        let task = self.task(&step.pointer)?;
        let TaskKind::Listen(listen) = &task.kind else { return Err(format!("{step} is not a `listen`")) };
        let Body::Listen(listening) = &self.frame(id)?.body else { return Ok(()) };
        let Some(bindings) = bindings(listening, listen, filter, event, &self.scope(id)) else { return Ok(()) };
        let Body::Listen(listening) = &mut self.frame_mut(id)?.body else { return Ok(()) };
        listening.satisfied.insert(filter);
        listening.bound.extend(bindings);
        if filter >= listen.strategy.filters().len() {
            return self.heard(id, listen); // an event of `until`
        }
        let item = read(event, listen.read);
        let Some(each) = &listen.foreach else {
            listening.received.push(item);
            return self.heard(id, listen);
        };
        let index = Data::from(i64::try_from(listening.received.len()).unwrap_or(i64::MAX));
        listening.busy = true;
        self.frame_mut(id)?.variables = vec![(each.item.to_string(), item.clone()), (each.at.to_string(), index)];
        match &each.body {
            Some(_) => self.open_list(Some(id), ListRef::Body(step.pointer.clone()), item).map(drop),
            None => self.iterated(id, &item),
        }
    }

    /// The tasks of `foreach` are done with an event.
    pub(super) fn iterated(&mut self, id: FrameId, raw: &Data) -> Result<(), Broken> {
        let task = self.task(&self.frame(id)?.step.pointer.clone())?;
        let TaskKind::Listen(listen) = &task.kind else { return Err(format!("{} is not a `listen`", task.pointer)) };
        let output = match self.put_out(id, listen, raw) {
            Ok(output) => output,
            Err(fault) => {
                self.raise_at(id, fault);
                return Ok(());
            }
        };
        let frame = self.frame_mut(id)?;
        frame.variables.clear();
        if let Body::Listen(listening) = &mut frame.body {
            listening.busy = false;
            listening.received.push(output);
        }
        self.heard(id, listen)
    }

    /// What an event gives to the output of the `listen`, and the context that it leaves.
    fn put_out(&mut self, id: FrameId, listen: &Listen, raw: &Data) -> Result<Data, Fault> {
        let Some(each) = &listen.foreach else { return Ok(raw.clone()) };
        let output = self.scope(id).with_output(raw).fill_or(each.output.transform.as_ref(), raw)?;
        check(each.output.schema.as_deref(), &output, "the output of `foreach`")?;
        if let Some(export) = &each.export.transform {
            let context = self.scope(id).with_output(&output).fill(export, &output)?;
            check(each.export.schema.as_deref(), &context, "the exported context")?;
            self.state.context = context;
        }
        Ok(output)
    }

    /// Ends the `listen` if it has had all its events.
    fn heard(&mut self, id: FrameId, listen: &Listen) -> Result<(), Broken> {
        let Body::Listen(listening) = &self.frame(id)?.body else { return Ok(()) };
        let output = Data::array(listening.received.iter().cloned());
        let over = match &listen.until {
            Some(Until::Condition(condition)) => self.scope(id).holds(Some(condition), &output),
            Some(Until::Events(_)) | None => Ok(Some(complete(listening, listen))),
        };
        match over {
            Ok(Some(true)) => self.leave_with(id, output),
            Ok(_) => {}
            Err(fault) => self.raise_at(id, fault),
        }
        Ok(())
    }
}

/// Whether a `listen` of the run still takes the event; one that it does not take may be had by a later `listen`.
pub(crate) fn wants(run: &Run, step: &Step, filter: usize, event: &CloudEvent) -> Result<bool, Diverged> {
    let found = run.state.frames.iter().find(|(_, frame)| frame.step == *step);
    let task = run.definition.task(&step.pointer);
    let (Some((id, Body::Listen(listening))), Some(TaskKind::Listen(listen))) =
        (found.map(|(id, frame)| (*id, &frame.body)), task.map(|task| &task.kind))
    else {
        return Ok(false);
    };
    let evaluations = Evaluations::new(&run.config.evaluator, run.facts(), None);
    let wanted = bindings(listening, listen, filter, event, &scope::of(run, id, &evaluations)).is_some();
    match evaluations.trouble() {
        None => Ok(wanted),
        Some(reason) => Err(Diverged { seq: run.facts(), fact: "event_received", reason, passing: true }),
    }
}

/// Whether a `listen` of the run is at work on an event.
pub(crate) fn busy(run: &Run, step: &Step) -> bool {
    let frame = run.state.frames.values().find(|frame| frame.step == *step);
    matches!(frame.map(|frame| &frame.body), Some(Body::Listen(listening)) if listening.busy)
}

/// Whether the events have come that end the `listen`, a condition apart.
fn complete(listening: &Listening, listen: &Listen) -> bool {
    let first = listen.strategy.filters().len();
    match &listen.until {
        None => satisfies(&listening.satisfied, &listen.strategy, 0),
        Some(Until::Events(strategy)) => satisfies(&listening.satisfied, strategy, first),
        Some(Until::Condition(_)) => false,
    }
}

/// Whether a strategy has had its events; its filters are numbered from `first`.
fn satisfies(satisfied: &BTreeSet<usize>, strategy: &Strategy, first: usize) -> bool {
    let mut filters = first..first + strategy.filters().len();
    match strategy {
        Strategy::One(_) | Strategy::Any(_) => filters.any(|index| satisfied.contains(&index)),
        Strategy::All(_) => filters.all(|index| satisfied.contains(&index)),
    }
}

/// The correlation values that the event binds; `None` if the `listen` does not want the event.
fn bindings(
    listening: &Listening,
    listen: &Listen,
    index: usize,
    event: &CloudEvent,
    scope: &scope::Scope<'_>,
) -> Option<BTreeMap<String, Data>> {
    let first = listen.strategy.filters().len();
    let all = match &listen.until {
        Some(Until::Events(strategy)) if index >= first => matches!(strategy, Strategy::All(_)),
        _ => matches!(listen.strategy, Strategy::All(_)),
    };
    if listening.busy || complete(listening, listen) || all && listening.satisfied.contains(&index) {
        return None;
    }
    let (filter, envelope) = (listen.filter(index)?, event.envelope());
    if !scope.accepts(filter, &envelope) {
        return None;
    }
    let mut bindings = BTreeMap::new();
    let values = filter.correlation(&envelope, scope.evaluator()).ok()?;
    for (correlation, value) in filter.correlate.iter().zip(values) {
        if correlation.expect.is_some() {
            continue; // the subscription's key has seen to it
        }
        match listening.bound.get(&*correlation.key) {
            Some(bound) if *bound != value => return None,
            Some(_) => {}
            None => drop(bindings.insert(correlation.key.to_string(), value)),
        }
    }
    Some(bindings)
}

/// What a `listen` reads of an event.
fn read(event: &CloudEvent, read: Read) -> Data {
    match read {
        Read::Data | Read::Raw => event.data.clone(),
        Read::Envelope => event.envelope(),
    }
}
