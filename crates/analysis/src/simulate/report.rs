//! What a simulation shows: the timeline, how the run ended, and what was not as it should be.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use definitions::{Data, Pointer};
use engine::{Phase, Timestamp};
use serde::Serialize;

use super::coverage::Coverage;
use crate::{graph::Progress, place};

/// The outcome of one scenario.
#[derive(Debug, Clone)]
pub struct Report {
    /// What happened, in order.
    pub timeline: Vec<Entry>,
    /// How the run stood in the end.
    pub phase: Phase,
    /// How much virtual time passed.
    pub took: TimeDelta,
    /// The tasks and branches of the workflow that were taken.
    pub coverage: Coverage,
    /// What was not as it should be; empty where the scenario passed.
    pub failures: Vec<String>,
    /// How far the run has come.
    pub progress: Progress,
    /// Tasks in the order in which they were entered.
    pub(crate) way: Vec<Pointer>,
    /// How often each task called which function.
    pub(crate) calls: BTreeMap<(Pointer, String, String), usize>,
    /// The types of the events that the runs emitted, in order.
    pub(crate) emitted: Vec<String>,
}

/// One line of a timeline.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When, in virtual time.
    pub at: Timestamp,
    /// Which run: 0, or the number of a child.
    pub run: usize,
    /// The task.
    pub pointer: Pointer,
    /// What happened.
    pub what: String,
    /// Whether it is an error or a refusal.
    pub bad: bool,
}

impl Report {
    /// The report of a scenario that cannot be played.
    pub(crate) fn refused(failures: Vec<String>) -> Self {
        Self { failures, ..Self::empty() }
    }

    pub(crate) fn empty() -> Self {
        Self {
            timeline: Vec::new(),
            phase: Phase::Pending,
            took: TimeDelta::zero(),
            coverage: Coverage::default(),
            failures: Vec::new(),
            progress: Progress::default(),
            way: Vec::new(),
            calls: BTreeMap::new(),
            emitted: Vec::new(),
        }
    }

    /// The run's output, if it completed.
    #[must_use]
    pub fn output(&self) -> Option<&Data> {
        match &self.phase {
            Phase::Completed { output } => Some(output),
            Phase::Pending | Phase::Running | Phase::Suspended | Phase::Faulted { .. } | Phase::Cancelled { .. } => {
                None
            }
        }
    }

    /// How much virtual time passed, for people.
    #[must_use]
    pub fn duration(&self) -> String {
        span(self.took)
    }

    /// The timeline for people: one line each, with the time since the run's start.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let start = self.timeline.first().map(|entry| entry.at);
        self.timeline.iter().map(move |entry| {
            let after = start.map_or_else(TimeDelta::zero, |start| entry.at - start);
            let run = if entry.run == 0 { String::new() } else { format!("[child {}] ", entry.run) };
            let mark = if entry.bad { "! " } else { "" };
            format!("{:>14}  {run}{}: {mark}{}", span(after), place(&entry.pointer), entry.what)
        })
    }
}

/// A duration for people: the two greatest units that it has.
pub(crate) fn span(delta: TimeDelta) -> String {
    let total = delta.num_milliseconds();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let mut rest = total;
    let mut parts = Vec::new();
    for (size, unit) in units {
        if rest / size > 0 {
            parts.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}
