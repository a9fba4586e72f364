//! The external calls that a drive has under way.
//!
//! They follow what the run waits for: a pending call is started once, after the commit of the fact that caused it; one that
//! is pending no longer (its branch lost, its time limit passed, its run paused) is cancelled. How a call ended is kept until
//! the fact that says so is committed. Dropping this cancels them all; whoever drives the run next makes them again, under
//! the same idempotency keys.

use std::{collections::HashMap, time::Instant};

use definitions::FunctionName;
use engine::{Call, FactBody, Outcome, Step, Timestamp};
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument;

use crate::{call::Attempt, metrics};

/// What tells one attempt from another.
type Key = (Step, u32);

/// The calls of one run.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    tasks: JoinSet<Ended>,
    running: HashMap<Key, AbortHandle>,
    ended: Vec<Ended>,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    call: Call,
    outcome: Outcome,
}

impl Calls {
    /// Whether an attempt of this call is under way, or has ended and is not recorded yet.
    pub(crate) fn has(&self, call: &Call) -> bool {
        self.running.contains_key(&key(call)) || self.ended.iter().any(|ended| key(&ended.call) == key(call))
    }

    /// Starts an attempt.
    pub(crate) fn start(&mut self, call: Call, attempt: Attempt) {
        let span =
            tracing::info_span!("call", run.id = %attempt.context.run, step = %call.step, attempt = call.attempt);
        let key = key(&call);
        let work = async move {
            let timed = Timed::begin(&call.function);
            let outcome = attempt.make().await;
            timed.end(&outcome);
            Ended { call, outcome }
        };
        self.running.insert(key, self.tasks.spawn(work.instrument(span)));
    }

    /// Cancels what is not among `wanted`, and forgets how it ended.
    pub(crate) fn keep(&mut self, wanted: &[Call]) {
        let wanted: Vec<Key> = wanted.iter().map(key).collect();
        self.running.retain(|key, task| {
            let keep = wanted.contains(key);
            if !keep {
                task.abort();
            }
            keep
        });
        self.ended.retain(|ended| wanted.contains(&key(&ended.call)));
    }

    /// Waits until one more has ended; for ever, if none is under way.
    pub(crate) async fn next(&mut self) {
        while let Some(joined) = self.tasks.join_next().await {
            // An error here is a call that was cancelled: panics are outcomes.
            let Ok(ended) = joined else { continue };
            if self.running.remove(&key(&ended.call)).is_some() {
                self.ended.push(ended);
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Those that have ended and are not recorded yet, in the order in which they did.
    pub(crate) fn ended(&self) -> &[Ended] {
        &self.ended
    }
}

impl Ended {
    /// The fact that says so.
    pub(crate) fn fact(&self, now: Timestamp) -> FactBody {
        fact(&self.call, self.outcome.clone(), now)
    }
}

/// The fact that an attempt of a call ended like this at `now`.
pub(crate) fn fact(call: &Call, outcome: Outcome, now: Timestamp) -> FactBody {
    let (step, input_hash) = (call.step.clone(), call.input_hash.clone());
    match outcome {
        Outcome::Done(output) => FactBody::CallCompleted { step, input_hash, output },
        Outcome::Fail(fault) => FactBody::CallFaulted { step, input_hash, fault },
        Outcome::Retry { after, fault } => {
            let after = chrono::TimeDelta::from_std(after).unwrap_or(chrono::TimeDelta::MAX);
            let due = now.checked_add_signed(after).unwrap_or(Timestamp::MAX_UTC);
            FactBody::CallDeferred { step, input_hash, due: chrono::SubsecRound::trunc_subsecs(due, 6), fault }
        }
    }
}

fn key(call: &Call) -> Key {
    (call.step.clone(), call.attempt)
}

/// Measures an attempt, also one that is dropped.
pub(crate) struct Timed {
    function: FunctionName,
    began: Instant,
    end: &'static str,
}

impl Timed {
    /// An attempt that begins now.
    pub(crate) fn begin(function: &FunctionName) -> Self {
        Self { function: function.clone(), began: Instant::now(), end: "dropped" }
    }

    /// The attempt ended.
    pub(crate) fn end(mut self, outcome: &Outcome) {
        self.end = match outcome {
            Outcome::Done(_) => "done",
            Outcome::Retry { .. } => "deferred",
            Outcome::Fail(_) => "faulted",
        };
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        metrics::called(&self.function.name, self.began, self.end);
    }
}
