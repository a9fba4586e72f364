//! What a fact means: the first move of a burst.
//!
//! A fact about a step that is no longer there is of a branch that has ended meanwhile: it is recorded and changes nothing.

use definitions::{Data, ProcessResult, RunWorkflow, TaskKind};

use super::{Broken, Machine, scope::check};
use crate::{
    ChildOutcome, FactBody, Fault, FaultKind, Phase, SEMANTICS, Step, TimerKind, Timestamp,
    state::{Body, FrameId, ListRef, TryStage},
};

impl Machine<'_> {
    pub(super) fn take(&mut self, fact: &FactBody) -> Result<(), Broken> {
        if matches!(self.state.phase, Phase::Pending) != matches!(fact, FactBody::Started { .. }) {
            return Err("a run starts once, by its first fact".to_owned());
        }
        match fact {
            FactBody::Started { semantics, input, nonce, workflows } => {
                if !(1..=SEMANTICS).contains(semantics) {
                    return Err(format!("it follows version {semantics} of the rules; known are 1 to {SEMANTICS}"));
                }
                self.state.semantics = *semantics;
                self.state.nonce.clone_from(nonce);
                self.state.workflows.clone_from(workflows);
                self.start(input)
            }
            FactBody::CallCompleted { step, input_hash, output } => {
                let Some(frame) = self.called(step, input_hash)? else { return Ok(()) };
                self.leave_with(frame, output.clone());
                Ok(())
            }
            FactBody::CallFaulted { step, input_hash, fault } => {
                let Some(frame) = self.called(step, input_hash)? else { return Ok(()) };
                self.raise_at(frame, fault.clone());
                Ok(())
            }
            FactBody::CallDeferred { step, input_hash, due, .. } => self.defer(step, input_hash, *due),
            FactBody::TimerFired { step, timer } => self.fire(step, *timer),
            FactBody::EventReceived { step, filter, event } => self.receive(step, *filter, event),
            FactBody::ChildEnded { step, outcome, .. } => self.child_ended(step, outcome),
            FactBody::Continued => Ok(()),
            FactBody::Suspended => {
                self.state.phase = Phase::Suspended;
                Ok(())
            }
            FactBody::Resumed => {
                self.state.phase = Phase::Running;
                Ok(())
            }
            FactBody::Cancelled { reason } => {
                self.end(Phase::Cancelled { reason: reason.clone() });
                Ok(())
            }
        }
    }

    fn start(&mut self, input: &Data) -> Result<(), Broken> {
        self.state.phase = Phase::Running;
        self.state.started_at = self.state.now;
        self.state.raw_input = input.clone();
        self.state.input = input.clone();
        match self.prepare() {
            Ok(()) => self.open_list(None, ListRef::Root, self.state.input.clone()).map(drop),
            Err(fault) => {
                self.end(Phase::Faulted { fault: fault.at(&definitions::Pointer::root()) });
                Ok(())
            }
        }
    }

    /// The workflow's own input and time limit.
    fn prepare(&mut self) -> Result<(), Fault> {
        let definition = std::sync::Arc::clone(&self.definition);
        let workflow = &definition.workflow;
        check(workflow.input.schema.as_deref(), &self.state.raw_input, "the run's input")?;
        self.state.input = self.workflow_scope().fill_or(workflow.input.from.as_ref(), &self.state.raw_input)?;
        if let Some(timeout) = &workflow.timeout {
            let delay = self.workflow_scope().delay(timeout, &self.state.input)?;
            self.state.deadline = Some(self.add(delay)?);
        }
        Ok(())
    }

    /// The open frame of a step.
    pub(super) fn find(&self, step: &Step) -> Option<FrameId> {
        self.state.frames.iter().rev().find(|(_, frame)| frame.step == *step).map(|(id, _)| *id)
    }

    /// The frame that waits for the result of a call.
    fn called(&self, step: &Step, hash: &str) -> Result<Option<FrameId>, Broken> {
        let Some(id) = self.find(step) else { return Ok(None) };
        match &self.frame(id)?.body {
            Body::Call { input_hash, .. } if input_hash == hash => Ok(Some(id)),
            Body::Call { input_hash, .. } => {
                Err(format!("the recorded call of {step} had the input {hash}, this one has {input_hash}"))
            }
            _ => Err(format!("{step} is not a call")),
        }
    }

    fn defer(&mut self, step: &Step, hash: &str, until: Timestamp) -> Result<(), Broken> {
        let Some(frame) = self.called(step, hash)? else { return Ok(()) };
        if let Body::Call { attempt, due, .. } = &mut self.frame_mut(frame)?.body {
            *attempt += 1;
            *due = Some(until);
        }
        Ok(())
    }

    fn fire(&mut self, step: &Step, timer: TimerKind) -> Result<(), Broken> {
        let Some(id) = self.find(step) else {
            self.fire_run(step, timer);
            return Ok(());
        };
        let now = self.state.now;
        let frame = self.frame_mut(id)?;
        match (&mut frame.body, timer) {
            (_, TimerKind::Timeout) if frame.deadline.is_some_and(|deadline| deadline <= now) => {
                let fault = Fault::new(FaultKind::Timeout, "the time limit passed").at(&step.pointer);
                self.raise_at(id, fault);
            }
            (Body::Wait { due }, TimerKind::Wait) if *due <= now => {
                let output = frame.input.clone();
                self.leave_with(id, output);
            }
            (Body::Call { due, .. }, TimerKind::Attempt) if due.is_some_and(|due| due <= now) => *due = None,
            (Body::Try { stage: stage @ TryStage::Pausing { .. }, .. }, TimerKind::Retry) => {
                *stage = TryStage::Trying;
                self.open_round(id)?;
            }
            _ => {} // set for something that has ended meanwhile
        }
        Ok(())
    }

    fn fire_run(&mut self, step: &Step, timer: TimerKind) {
        let passed = self.state.deadline.is_some_and(|deadline| deadline <= self.state.now);
        if timer == TimerKind::Timeout && step.pointer.as_str().is_empty() && passed {
            let fault = Fault::new(FaultKind::Timeout, "the run's time limit passed").at(&step.pointer);
            self.end(Phase::Faulted { fault });
        }
    }

    fn child_ended(&mut self, step: &Step, outcome: &ChildOutcome) -> Result<(), Broken> {
        let Some(id) = self.find(step) else { return Ok(()) };
        let frame = self.frame_mut(id)?;
        if !matches!(frame.body, Body::Child { .. }) {
            return Ok(());
        }
        frame.body = Body::Nested; // nothing is left to cancel
        match outcome {
            ChildOutcome::Completed { output } => {
                let task = self.task(&step.pointer)?;
                let TaskKind::Run(RunWorkflow { result, .. }) = &task.kind else {
                    return Err(format!("{step} is not a `run`"));
                };
                self.leave_with(id, returned(*result, output));
            }
            ChildOutcome::Faulted { fault } => {
                let fault = Fault { instance: Some(step.pointer.clone()), ..fault.clone() };
                self.raise_at(id, fault);
            }
            ChildOutcome::Cancelled { reason } => {
                let fault = Fault::new(FaultKind::Runtime, format!("the child run was cancelled: {reason}"));
                self.raise_at(id, fault);
            }
        }
        Ok(())
    }

    /// Starts a round of a `try`.
    pub(super) fn open_round(&mut self, id: FrameId) -> Result<(), Broken> {
        let (pointer, input) = (self.frame(id)?.step.pointer.clone(), self.frame(id)?.input.clone());
        let task = self.task(&pointer)?;
        let TaskKind::Try(attempt) = &task.kind else { return Err(format!("{pointer} is not a `try`")) };
        let list = self.open_list(Some(id), ListRef::Body(pointer), input.clone())?;
        let Some(timeout) = attempt.catch.retry.as_ref().and_then(|retry| retry.attempt_timeout.as_ref()) else {
            return Ok(());
        };
        match self.scope(id).delay(timeout, &input).and_then(|delay| self.add(delay)) {
            Ok(deadline) => self.frame_mut(list)?.deadline = Some(deadline),
            Err(fault) => self.raise_at(id, fault),
        }
        Ok(())
    }
}

/// What a `run` puts out of a workflow that has completed.
fn returned(result: ProcessResult, output: &Data) -> Data {
    let (code, stderr) = (Data::from(0), Data::from(""));
    match result {
        ProcessResult::Stdout => output.clone(),
        ProcessResult::Stderr => stderr,
        ProcessResult::Code => code,
        ProcessResult::All => Data::from_entries([("code", code), ("stdout", output.clone()), ("stderr", stderr)]),
        ProcessResult::None => Data::NULL,
    }
}
