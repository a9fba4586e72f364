//! How far a run has come: which tasks it has entered, and in which it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use definitions::{Definition, Pointer};
use engine::{Fact, Run, RunId, Trace};

/// A run's progress.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    visits: BTreeMap<Pointer, u32>,
    active: BTreeSet<Pointer>,
    failed: BTreeSet<Pointer>,
}

/// How a task stands in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Untouched,
    Done,
    Active,
    Failed,
}

impl Progress {
    /// The progress of a run with these facts. Facts that the definition does not fit, as when an API has left secrets out of
    /// them, end the story: what was until then is shown.
    #[must_use]
    pub fn of(definition: &Arc<Definition>, run: RunId, facts: &[Fact]) -> Self {
        let mut progress = Self::default();
        let mut run = Run::new(run, Arc::clone(definition));
        for mut fact in facts.iter().cloned() {
            let Ok((_, moves)) = run.trace(&mut fact) else { break };
            progress.count(&moves, run.phase().is_terminal());
        }
        progress
    }

    pub(crate) fn count(&mut self, moves: &[Trace], ended: bool) {
        for moved in moves {
            match moved {
                Trace::Entered(step) => {
                    *self.visits.entry(step.pointer.clone()).or_default() += 1;
                    self.active.insert(step.pointer.clone());
                    self.failed.remove(&step.pointer);
                }
                Trace::Skipped(step) => {
                    self.visits.entry(step.pointer.clone()).and_modify(|visits| *visits -= 1);
                    self.leave(&step.pointer);
                }
                Trace::Left { step, .. } | Trace::Cancelled(step) => self.leave(&step.pointer),
                Trace::Raised { step, .. } => {
                    self.leave(&step.pointer);
                    self.failed.insert(step.pointer.clone());
                }
                Trace::Chose { .. } | Trace::Caught { .. } => {}
            }
        }
        if ended {
            self.active.clear();
        }
    }

    /// A task has ended, and everything within it.
    fn leave(&mut self, pointer: &Pointer) {
        let within = format!("{pointer}/");
        self.active.retain(|active| active != pointer && !active.as_str().starts_with(&within));
    }

    pub(crate) fn standing(&self, pointer: &Pointer) -> Standing {
        if self.active.contains(pointer) {
            Standing::Active
        } else if self.failed.contains(pointer) {
            Standing::Failed
        } else if self.visits(pointer) > 0 {
            Standing::Done
        } else {
            Standing::Untouched
        }
    }

    pub(crate) fn visits(&self, pointer: &Pointer) -> u32 {
        self.visits.get(pointer).copied().unwrap_or_default()
    }
}
