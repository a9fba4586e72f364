//! What the machine wants done.
//!
//! An [`Effect`] is carried out by the very transaction that records the fact that caused it. A [`Pending`] call or timer
//! outlives that transaction and ends in a fact of its own.

use std::sync::Arc;

use definitions::{Data, FunctionName};

use crate::{CloudEvent, RunId, Step, TimerKind, Timestamp};

/// Rows that belong to the commit of the fact that caused them.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Publish an event.
    Emit(CloudEvent),
    /// Wait for events.
    Subscribe(Subscription),
    /// Wait no longer; all subscriptions of the step end.
    Unsubscribe(Step),
    /// Start a child run.
    StartChild {
        /// The task that starts it.
        step: Step,
        /// The child's identifier, derived from the step.
        child: RunId,
        /// The content hash of its definition, pinned when this run started.
        definition: String,
        /// Its input.
        input: Data,
        /// Whether this run waits for its end.
        awaited: bool,
    },
    /// Cancel a child that is no longer waited for.
    CancelChild(RunId),
}

/// A wait for events that match one filter of a `listen`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The `listen`.
    pub step: Step,
    /// Which of its filters.
    pub filter: usize,
    /// The only event type that can match, where the filter names one.
    pub event_type: Option<Arc<str>>,
    /// How a matching event's key is computed: the correlations' `from` expressions that have an expected value, in order.
    /// Empty where none has.
    pub correlation: Vec<Arc<str>>,
    /// The hash that the key of a matching event has ([`crate::input_hash`] of the array of expected values).
    pub key: Option<String>,
}

/// What a run is waiting for that this process can do something about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pending {
    /// Calls to execute, concurrently.
    pub calls: Vec<Call>,
    /// The nearest time at which something is due.
    pub timer: Option<Timer>,
    /// Whether the run used up its fuel and goes on at once, by [`crate::FactBody::Continued`].
    pub yielded: bool,
}

/// A call to execute.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What it belongs to; its idempotency key derives from it.
    pub step: Step,
    /// The function.
    pub function: FunctionName,
    /// Its evaluated arguments, secrets still as markers ([`crate::Secrets`]).
    pub input: Data,
    /// The hash of `input`.
    pub input_hash: String,
    /// From 1.
    pub attempt: u32,
    /// When the task's time limit passes, if it has one.
    pub deadline: Option<Timestamp>,
}

/// A time that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When.
    pub due: Timestamp,
    /// Whose.
    pub step: Step,
    /// What for.
    pub kind: TimerKind,
}
