//! Events on their way: from the scenario or a run, into the runs that wait for them.

use std::sync::Arc;

use chrono::TimeDelta;
use definitions::Pointer;
use engine::{CloudEvent, FactBody, Subscription};

use super::{Happening, Member, World};
use crate::{TaskRef, simulate::events};

impl World<'_> {
    pub(super) fn subscribe(&mut self, member: usize, subscription: &Subscription) {
        let first = !self.members[member].open.iter().any(|open| open.step == subscription.step);
        let Member { run, open, since, used, .. } = &mut self.members[member];
        let definition = Arc::clone(run.definition());
        open.push(subscription.clone());
        for event in (*since..self.events.count()).filter(|event| !used.contains(event)).collect::<Vec<_>>() {
            if self.events.get(event).is_some_and(|event| events::matches(&definition, subscription, event)) {
                let subscription = subscription.clone();
                self.arrange(TimeDelta::zero(), Happening::Deliver { member, subscription, event });
            }
        }
        let waiting = |index: &usize| !self.sent.contains(index);
        let wanted =
            |event: &Option<TaskRef>| event.as_ref().is_some_and(|name| name.names(&subscription.step.pointer));
        let next =
            (0..self.scenario.events.len()).filter(waiting).find(|index| wanted(&self.scenario.events[*index].on));
        if let Some(index) = next.filter(|_| first) {
            self.sent.insert(index);
            self.arrange(self.scenario.events[index].after.0, Happening::Event(self.event(index)));
        }
    }

    /// An event of the scenario.
    pub(super) fn event(&self, index: usize) -> CloudEvent {
        let event = &self.scenario.events[index];
        CloudEvent {
            id: event.id.clone().unwrap_or_else(|| format!("event-{index}")),
            source: event.source.clone(),
            specversion: "1.0".to_owned(),
            kind: event.kind.clone(),
            time: None,
            subject: event.subject.clone(),
            datacontenttype: None,
            data: event.data.clone().into(),
            extensions: event.extensions.clone(),
        }
    }

    pub(super) fn publish(&mut self, event: CloudEvent) {
        let told = format!("the event {} {}", event.kind, event.subject.as_deref().unwrap_or_default());
        let Some(number) = self.events.receive(event) else { return };
        let mut taken = false;
        for member in 0..self.members.len() {
            let definition = Arc::clone(self.members[member].run.definition());
            for subscription in self.members[member].open.clone() {
                if self.events.get(number).is_some_and(|event| events::matches(&definition, &subscription, event)) {
                    taken = true;
                    self.arrange(TimeDelta::zero(), Happening::Deliver { member, subscription, event: number });
                }
            }
        }
        if !taken {
            self.entry(0, &Pointer::root(), format!("{} comes; nobody waits for it yet", told.trim_end()), false);
        }
    }

    pub(super) fn deliver(&mut self, member: usize, subscription: &Subscription, number: usize) {
        let Some(event) = self.events.get(number).cloned() else { return };
        let Member { run, open, used, held, .. } = &mut self.members[member];
        if open.contains(subscription) && run.is_busy(&subscription.step) {
            held.push((subscription.clone(), number)); // until it is done with the event before
            return;
        }
        if open.contains(subscription) && run.wants(&subscription.step, subscription.filter, &event) == Ok(true) {
            used.insert(number);
            let (step, filter) = (subscription.step.clone(), subscription.filter);
            self.fact(member, FactBody::EventReceived { step, filter, event });
        }
    }
}
