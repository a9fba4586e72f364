//! Errors: unwinding to the nearest `try` that catches, retries, and handlers.

use definitions::{Backoff, Catch, Data, ErrorProperty, RetryPolicy, TaskKind};
use sha2::{Digest, Sha256};

use super::{Broken, Machine};
use crate::{
    Fault, Handling, Phase, Timestamp, Trace,
    state::{Body, FlowRef, FrameId, ListRef, TryStage},
};

impl Machine<'_> {
    pub(super) fn raise(&mut self, id: FrameId, fault: Fault) -> Result<(), Broken> {
        let fault = fault.at(&self.frame(id)?.step.pointer.clone());
        self.close_below(id);
        self.note_task(id, |step| Trace::Raised { step, fault: fault.clone() });
        let parent = self.close(id).and_then(|frame| frame.parent);
        let Some(parent) = parent else {
            self.end(Phase::Faulted { fault });
            return Ok(());
        };
        if !matches!(self.frame(parent)?.body, Body::Try { stage: TryStage::Trying, .. }) {
            self.raise_at(parent, fault);
            return Ok(());
        }
        match self.handling(parent, &fault)? {
            Ok(handling) => self.handle(parent, fault, handling),
            Err(failure) => {
                self.raise_at(parent, failure);
                Ok(())
            }
        }
    }

    fn handle(&mut self, id: FrameId, fault: Fault, handling: Handling) -> Result<(), Broken> {
        let pointer = self.frame(id)?.step.pointer.clone();
        let input = self.frame(id)?.input.clone();
        self.note(id, |step| Trace::Caught { step, handling });
        match handling {
            Handling::Pass => self.raise_at(id, fault),
            Handling::Ignore => {
                let flow = self.catch_flow(id)?;
                self.leave_to(id, input, flow);
            }
            Handling::Retry(due) => {
                if let Body::Try { retries, stage, .. } = &mut self.frame_mut(id)?.body {
                    *retries += 1;
                    *stage = TryStage::Pausing { due };
                }
            }
            Handling::Handle => {
                if let Body::Try { stage, .. } = &mut self.frame_mut(id)?.body {
                    *stage = TryStage::Handling;
                }
                let list = self.open_list(Some(id), ListRef::Catch(pointer), input)?;
                let name = self.catch_of(id)?.variable.to_string();
                self.frame_mut(list)?.variables = vec![(name, fault.data())];
            }
        }
        Ok(())
    }

    fn handling(&mut self, id: FrameId, fault: &Fault) -> Result<Result<Handling, Fault>, Broken> {
        let catch = self.catch_of(id)?;
        let Body::Try { first_at, retries, .. } = self.frame(id)?.body else {
            return Err("an error met something that is not a `try`".to_owned());
        };
        // The error's variable is visible to the conditions of `catch`, and gone after them.
        self.frame_mut(id)?.variables = vec![(catch.variable.to_string(), fault.data())];
        let decided = self.decide(id, &catch, fault, first_at, retries);
        self.frame_mut(id)?.variables.clear();
        Ok(decided)
    }

    fn decide(
        &self,
        id: FrameId,
        catch: &Catch,
        fault: &Fault,
        first_at: Timestamp,
        retries: u32,
    ) -> Result<Handling, Fault> {
        let (scope, on) = (self.scope(id), fault.data());
        let wanted = scope.holds(catch.when.as_ref(), &on)? != Some(false)
            && scope.holds(catch.except_when.as_ref(), &on)? != Some(true);
        if !wanted || !catch.with.iter().all(|(property, value)| has(fault, *property, value)) {
            return Ok(Handling::Pass);
        }
        if let Some(policy) = &catch.retry
            && let Some(due) = self.next_round(id, policy, &on, first_at, retries)?
        {
            return Ok(Handling::Retry(due));
        }
        Ok(match (&catch.body, &catch.retry) {
            (Some(_), _) => Handling::Handle,
            (None, Some(_)) => Handling::Pass, // the retries are used up and nobody handles the error
            (None, None) => Handling::Ignore,
        })
    }

    /// When the next round starts, if the policy allows one more.
    fn next_round(
        &self,
        id: FrameId,
        policy: &RetryPolicy,
        on: &Data,
        first_at: Timestamp,
        retries: u32,
    ) -> Result<Option<Timestamp>, Fault> {
        let scope = self.scope(id);
        let allowed = policy.max_retries.is_none_or(|max| retries < max)
            && scope.holds(policy.when.as_ref(), on)? != Some(false)
            && scope.holds(policy.except_when.as_ref(), on)? != Some(true);
        if !allowed {
            return Ok(None);
        }
        let base = policy.delay.as_ref().map(|delay| scope.delay(delay, on)).transpose()?.unwrap_or_default();
        let mut delay = grow(base.num_milliseconds(), policy.backoff, retries + 1);
        if let Some((from, to)) = &policy.jitter {
            let (from, to) = (scope.delay(from, on)?.num_milliseconds(), scope.delay(to, on)?.num_milliseconds());
            delay = delay.saturating_add(self.jitter(id, retries, from, to));
        }
        let due = self.add(chrono::TimeDelta::try_milliseconds(delay).unwrap_or(chrono::TimeDelta::MAX))?;
        let last = policy.total_timeout.as_ref().map(|total| scope.delay(total, on)).transpose()?;
        Ok(last.is_none_or(|last| due - first_at <= last).then_some(due))
    }

    /// A number between `from` and `to` milliseconds that looks random and is the same on every replay.
    fn jitter(&self, id: FrameId, retries: u32, from: i64, to: i64) -> i64 {
        let step = self.state.frames.get(&id).map(|frame| frame.step.idempotency_key(self.id));
        let digest = Sha256::digest(format!("jitter {} {retries}", step.unwrap_or_default()));
        let number = digest[..8].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let span = u64::try_from(to.saturating_sub(from)).unwrap_or(0).saturating_add(1);
        from.saturating_add(i64::try_from(number % span).unwrap_or(0))
    }

    fn catch_of(&self, id: FrameId) -> Result<Catch, Broken> {
        let task = self.task(&self.frame(id)?.step.pointer.clone())?;
        match &task.kind {
            TaskKind::Try(attempt) => Ok(attempt.catch.clone()),
            _ => Err(format!("{} is not a `try`", task.pointer)),
        }
    }

    /// Where the flow goes after a handled error.
    pub(super) fn catch_flow(&self, id: FrameId) -> Result<Option<FlowRef>, Broken> {
        Ok(self.catch_of(id)?.then.as_ref().map(FlowRef::from))
    }
}

/// Whether an error has a property of `catch.errors.with`.
fn has(fault: &Fault, property: ErrorProperty, wanted: &Data) -> bool {
    let text = |actual: Option<&str>| actual.is_some() && actual == wanted.as_str();
    match property {
        ErrorProperty::Type => wanted.as_str().is_some_and(|wanted| definitions::same_error_type(&fault.kind, wanted)),
        ErrorProperty::Status => *wanted == Data::from(i64::from(fault.status)),
        ErrorProperty::Instance => text(fault.instance.as_ref().map(definitions::Pointer::as_str)),
        ErrorProperty::Title => text(fault.title.as_deref()),
        ErrorProperty::Detail => text(fault.detail.as_deref()),
    }
}

/// The delay before retry `n`, in milliseconds.
fn grow(base: i64, backoff: Backoff, n: u32) -> i64 {
    match backoff {
        Backoff::Constant => base,
        Backoff::Linear => base.saturating_mul(i64::from(n)),
        Backoff::Exponential { factor, max_delay_ms } => {
            let grown = base as f64 * factor.powi(i32::try_from(n - 1).unwrap_or(i32::MAX));
            if grown >= max_delay_ms as f64 { max_delay_ms } else { grown as i64 }
        }
    }
}
