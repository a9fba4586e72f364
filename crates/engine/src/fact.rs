//! Facts: what happened to a run, in order; the machine's only input.
//!
//! Facts are stored for as long as their run is, so their JSON shape only ever grows. A change of what a fact *means* raises
//! [`SEMANTICS`], which each run carries from its start.

use std::collections::BTreeMap;

use chrono::SubsecRound;
use definitions::Data;
use serde::{Deserialize, Serialize};

use crate::{CloudEvent, Fault, RunId, Step, Timestamp};

/// The version of the machine's rules that new runs start with.
pub const SEMANTICS: u32 = 1;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// When, by the engine's clock; what the machine takes for now until the next fact.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub body: FactBody,
    /// Where this fact's burst, or that of an earlier one, might have gone otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chance: Vec<Chance>,
}

/// What a burst of pure tasks met that it need not meet again: a replay goes by what is recorded here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    /// The `seq` of the fact whose burst it was.
    pub burst: u64,
    /// Limits that expressions exceeded, by the number of their evaluation in the burst, from 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceeded: BTreeMap<u32, String>,
    /// After how many moves the burst yielded, if it did so before it had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves: Option<u32>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum FactBody {
    /// The run started; always the first fact.
    Started {
        /// The rules that the run follows, [`SEMANTICS`] at its start.
        semantics: u32,
        /// The input it was given.
        input: Data,
        /// Random text that makes the run's secret markers unforgeable ([`crate::Secrets`]).
        #[serde(default, skip_serializing_if = "String::is_empty")]
        nonce: String,
        /// The content hashes of the workflows that it may run, by `namespace/name:version` as written in its definition.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        workflows: BTreeMap<String, String>,
    },
    /// A function returned.
    CallCompleted {
        /// The call.
        step: Step,
        /// The hash of its input.
        input_hash: String,
        /// What it returned.
        output: Data,
    },
    /// A function failed for good.
    CallFaulted {
        /// The call.
        step: Step,
        /// The hash of its input.
        input_hash: String,
        /// Why.
        fault: Fault,
    },
    /// A function asked to be tried again later.
    CallDeferred {
        /// The call.
        step: Step,
        /// The hash of its input.
        input_hash: String,
        /// When it is tried again.
        due: Timestamp,
        /// Why.
        fault: Fault,
    },
    /// A time came.
    TimerFired {
        /// Whose time.
        step: Step,
        /// What it was set for.
        timer: TimerKind,
    },
    /// An event that a `listen` waits for was taken from the run's inbox.
    EventReceived {
        /// The `listen`.
        step: Step,
        /// Which of its filters the event matched.
        filter: usize,
        /// The event.
        event: CloudEvent,
    },
    /// A child run ended.
    ChildEnded {
        /// The task that started it.
        step: Step,
        /// The child.
        child: RunId,
        /// How.
        outcome: ChildOutcome,
    },
    /// A long burst of pure tasks goes on.
    Continued,
    /// An operator paused the run: timers stay due, events gather, nothing is executed.
    Suspended,
    /// An operator resumed it.
    Resumed,
    /// The run was cancelled; nothing can catch that.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// What a timer was set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The end of a `wait`.
    Wait,
    /// The next attempt of a deferred call.
    Attempt,
    /// The next round of a `try`.
    Retry,
    /// The time limit of a task, of a round of a `try`, or of the run.
    Timeout,
}

/// How a child run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum ChildOutcome {
    /// It completed.
    Completed {
        /// Its output.
        output: Data,
    },
    /// It faulted.
    Faulted {
        /// Its error.
        fault: Fault,
    },
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: String,
    },
}

impl Fact {
    /// A fact; its time is cut to the microseconds that PostgreSQL keeps, so that a replay sees the same time.
    #[must_use]
    pub fn new(at: Timestamp, body: FactBody) -> Self {
        Self { at: at.trunc_subsecs(6), body, chance: Vec::new() }
    }

    /// The fact's name, as it is stored and shown.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.body {
            FactBody::Started { .. } => "started",
            FactBody::CallCompleted { .. } => "call_completed",
            FactBody::CallFaulted { .. } => "call_faulted",
            FactBody::CallDeferred { .. } => "call_deferred",
            FactBody::TimerFired { .. } => "timer_fired",
            FactBody::EventReceived { .. } => "event_received",
            FactBody::ChildEnded { .. } => "child_ended",
            FactBody::Continued => "continued",
            FactBody::Suspended => "suspended",
            FactBody::Resumed => "resumed",
            FactBody::Cancelled { .. } => "cancelled",
        }
    }
}
