//! Which run gets which event: the rules of the router.
//!
//! An event reaches every `listen` that is open and matches; one that opens later finds the events since its run's start
//! that its run has not used. The same event (source and id) counts once.

use std::collections::BTreeSet;

use definitions::{Data, Definition, InProcess, TaskKind};
use engine::{CloudEvent, Subscription, input_hash};

/// All events so far, in the order of receipt.
#[derive(Debug, Default)]
pub(crate) struct Events {
    received: Vec<CloudEvent>,
    known: BTreeSet<(String, String)>,
}

impl Events {
    /// Takes an event in; its number, unless it is one that has been received before.
    pub(crate) fn receive(&mut self, event: CloudEvent) -> Option<usize> {
        if !self.known.insert((event.source.clone(), event.id.clone())) {
            return None;
        }
        self.received.push(event);
        Some(self.received.len() - 1)
    }

    /// How many there are: the number of the next one.
    pub(crate) fn count(&self) -> usize {
        self.received.len()
    }

    /// An event by its number.
    pub(crate) fn get(&self, number: usize) -> Option<&CloudEvent> {
        self.received.get(number)
    }
}

/// Whether an event is of the type, has the key and may pass the filter of a subscription: its run decides.
pub(crate) fn matches(definition: &Definition, subscription: &Subscription, event: &CloudEvent) -> bool {
    let Some(task) = definition.task(&subscription.step.pointer) else { return false };
    let TaskKind::Listen(listen) = &task.kind else { return false };
    if subscription.event_type.as_ref().is_some_and(|kind| **kind != *event.kind) {
        return false;
    }
    let Some(filter) = listen.filter(subscription.filter) else { return false };
    let (evaluator, envelope) = (InProcess::default(), event.envelope());
    if !filter.may_match(&envelope, &evaluator).unwrap_or(false) {
        return false;
    }
    let Some(key) = &subscription.key else { return true };
    let Ok(values) = filter.correlation(&envelope, &evaluator) else { return false };
    let expected = filter.correlate.iter().zip(values).filter(|(correlation, _)| correlation.expect.is_some());
    *key == input_hash(&Data::array(expected.map(|(_, value)| value)))
}
