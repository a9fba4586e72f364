//! Waiting for events.

use std::collections::BTreeMap;

use definitions::{Data, Evaluator, EventFilter, Listen, Read, Strategy, TaskKind};

use super::{Broken, Machine, evaluations::Evaluations};
use crate::{
    CloudEvent, Diverged, Effect, Fault, Run, Step, Subscription, input_hash,
    state::{Body, FrameId, Listening},
};

impl Machine<'_> {
    /// Subscribes to every filter; a strategy without filters takes any event.
    pub(super) fn listen(&mut self, id: FrameId, listen: &Listen, input: &Data) -> Result<(), Fault> {
        let step = self.state.frames.get(&id).map(|frame| frame.step.clone());
        let Some(step) = step else { return Ok(()) };
        let any = EventFilter::default();
        let filters = match listen.strategy.filters() {
            [] => std::slice::from_ref(&any),
            filters => filters,
        };
        for (index, filter) in filters.iter().enumerate() {
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
        let Some(bindings) = bindings(listening, listen, filter, event, &self.evaluations) else { return Ok(()) };
        let Body::Listen(listening) = &mut self.frame_mut(id)?.body else { return Ok(()) };
        listening.received.push(read(event, listen.read));
        listening.satisfied.insert(filter);
        listening.bound.extend(bindings);
        let done = match &listen.strategy {
            Strategy::One(_) | Strategy::Any(_) => true,
            Strategy::All(filters) => listening.satisfied.len() >= filters.len(),
        };
        if done {
            let output = Data::array(listening.received.iter().cloned());
            self.leave_with(id, output);
        }
        Ok(())
    }
}

/// Whether a `listen` of the run still takes the event; one that it does not take may be had by a later `listen`.
pub(crate) fn wants(run: &Run, step: &Step, filter: usize, event: &CloudEvent) -> Result<bool, Diverged> {
    let frame = run.state.frames.values().find(|frame| frame.step == *step);
    let task = run.definition.task(&step.pointer);
    let (Some(Body::Listen(listening)), Some(TaskKind::Listen(listen))) =
        (frame.map(|frame| &frame.body), task.map(|task| &task.kind))
    else {
        return Ok(false);
    };
    let evaluations = Evaluations::new(&run.config.evaluator, run.facts(), None);
    let wanted = bindings(listening, listen, filter, event, &evaluations).is_some();
    match evaluations.trouble() {
        None => Ok(wanted),
        Some(reason) => Err(Diverged { seq: run.facts(), fact: "event_received", reason, passing: true }),
    }
}

/// The correlation values that the event binds; `None` if the `listen` does not want the event.
fn bindings(
    listening: &Listening,
    listen: &Listen,
    index: usize,
    event: &CloudEvent,
    evaluator: &dyn Evaluator,
) -> Option<BTreeMap<String, Data>> {
    if matches!(listen.strategy, Strategy::All(_)) && listening.satisfied.contains(&index) {
        return None;
    }
    let mut bindings = BTreeMap::new();
    let Some(filter) = listen.strategy.filters().get(index) else { return Some(bindings) };
    let values = filter.correlation(&event.envelope(), evaluator).ok()?;
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
