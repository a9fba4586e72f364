//! The timeline: which facts and moves are told, and in which words.

use definitions::{Definition, Pointer, TaskKind};
use engine::{Call, Fact, FactBody, Handling, TimerKind, Trace};

use super::World;

impl World<'_> {
    pub(super) fn tell_call(&mut self, member: usize, call: &Call) {
        let what = format!("calls {} with {}", call.function.name, Self::short(&call.input));
        self.entry(member, &call.step.pointer, what, false);
    }

    pub(super) fn tell_fact(&mut self, member: usize, fact: &Fact) {
        let root = Pointer::root();
        let (pointer, what, bad) = match &fact.body {
            FactBody::Started { input, .. } => (&root, format!("starts with {}", Self::short(input)), false),
            FactBody::CallCompleted { step, output, .. } => {
                (&step.pointer, format!("is answered {}", Self::short(output)), false)
            }
            FactBody::CallFaulted { step, fault, .. } => (&step.pointer, format!("fails: {fault}"), true),
            FactBody::CallDeferred { step, .. } => (&step.pointer, "is put off".to_owned(), false),
            FactBody::TimerFired { step, timer } => {
                let what = match timer {
                    TimerKind::Wait => "has waited long enough",
                    TimerKind::Attempt | TimerKind::Retry => "is tried again",
                    TimerKind::Timeout => "has run out of time",
                };
                (&step.pointer, what.to_owned(), *timer == TimerKind::Timeout)
            }
            FactBody::EventReceived { step, event, .. } => {
                (&step.pointer, format!("receives {} {}", event.kind, Self::short(&event.data)), false)
            }
            FactBody::ChildEnded { step, .. } => (&step.pointer, "the child run has ended".to_owned(), false),
            FactBody::Cancelled { reason } => (&root, format!("is cancelled: {reason}"), true),
            FactBody::Continued | FactBody::Suspended | FactBody::Resumed => return,
        };
        self.entry(member, pointer, what, bad);
    }

    pub(super) fn tell_move(&mut self, member: usize, moved: &Trace, definition: &Definition) {
        match moved {
            Trace::Entered(step) => {
                self.report.way.push(step.pointer.clone());
                let what = match definition.task(&step.pointer).map(|task| &task.kind) {
                    Some(TaskKind::Listen(_)) => "listens",
                    Some(TaskKind::Wait(_)) => "waits",
                    Some(TaskKind::Emit(_)) => "emits an event",
                    Some(TaskKind::Run(_)) => "starts a child run",
                    _ => return,
                };
                self.entry(member, &step.pointer, what.to_owned(), false);
            }
            Trace::Skipped(step) => self.entry(member, &step.pointer, "is skipped".to_owned(), false),
            Trace::Chose { step, case } => {
                let Some(task) = definition.task(&step.pointer) else { return };
                let TaskKind::Switch(cases) = &task.kind else { return };
                let chosen = case.and_then(|case| cases.get(case));
                let what = chosen.map_or_else(|| "takes no case".to_owned(), |case| format!("takes `{}`", case.name));
                self.entry(member, &step.pointer, what, false);
            }
            Trace::Raised { step, fault } if fault.instance.as_ref() == Some(&step.pointer) => {
                self.entry(member, &step.pointer, format!("raises {fault}"), true);
            }
            Trace::Caught { step, handling } => {
                let what = match handling {
                    Handling::Pass => return,
                    Handling::Retry(due) => format!("will try again at {due}"),
                    Handling::Handle => "handles the error".to_owned(),
                    Handling::Ignore => "goes on in spite of the error".to_owned(),
                };
                self.entry(member, &step.pointer, what, false);
            }
            Trace::Left { .. } | Trace::Raised { .. } | Trace::Cancelled(_) => {}
        }
    }
}
