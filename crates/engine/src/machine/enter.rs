//! Starting a task: `if`, input, time limit, and then what the task does.

use definitions::{Call, CallTarget, Data, Fork, Pointer, RunWorkflow, SwitchCase, Task, TaskKind, Template};

use super::{Broken, Machine, scope::check};
use crate::{
    CloudEvent, Effect, Fault, FaultKind, Trace, input_hash,
    state::{Body, FlowRef, FrameId, ListRef, Move, TryStage},
};

/// Why a task could not be started: an error of the run, or a history that does not fit.
enum Stop {
    Fault(Fault),
    Broken(Broken),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Broken> for Stop {
    fn from(reason: Broken) -> Self {
        Self::Broken(reason)
    }
}

impl Machine<'_> {
    pub(super) fn enter(&mut self, parent: FrameId, pointer: &Pointer, input: Data) -> Result<(), Broken> {
        let task = self.task(pointer)?;
        let frame = self.open(Some(parent), pointer, input, Body::Nested);
        self.note(frame, Trace::Entered);
        match self.begin(frame, &task) {
            Ok(()) => Ok(()),
            Err(Stop::Fault(fault)) => {
                self.raise_at(frame, fault);
                Ok(())
            }
            Err(Stop::Broken(reason)) => Err(reason),
        }
    }

    fn begin(&mut self, id: FrameId, task: &Task) -> Result<(), Stop> {
        let raw = self.frame(id)?.raw_input.clone();
        if self.scope(id).holds(task.condition.as_ref(), &raw)? == Some(false) {
            let parent = self.frame(id)?.parent;
            self.note(id, Trace::Skipped);
            self.close(id);
            return Ok(self.left(parent, task, raw, FlowRef::Continue)?);
        }
        check(task.input.schema.as_deref(), &raw, "the task's input")?;
        let input = self.scope(id).fill_or(task.input.from.as_ref(), &raw)?;
        self.frame_mut(id)?.input = input.clone();
        if let Some(timeout) = &task.timeout {
            let delay = self.scope(id).delay(timeout, &input)?;
            self.frame_mut(id)?.deadline = Some(self.add(delay)?);
        }
        self.carry_out(id, task, input)
    }

    fn carry_out(&mut self, id: FrameId, task: &Task, input: Data) -> Result<(), Stop> {
        let pointer = task.pointer.clone();
        match &task.kind {
            TaskKind::Do(_) => drop(self.open_list(Some(id), ListRef::Body(pointer), input)?),
            TaskKind::Set(template) => {
                let output = self.scope(id).fill(template, &input)?;
                self.leave_with(id, output);
            }
            TaskKind::Switch(cases) => self.switch(id, cases, input)?,
            TaskKind::Call(call) => self.call(id, call, &input)?,
            TaskKind::Emit(template) => self.emit(id, template, &input)?,
            TaskKind::For(each) => {
                let collection = self.scope(id).evaluate(&each.collection, &input)?;
                let items = collection.items().ok_or_else(|| {
                    Fault::new(FaultKind::Expression, format!("`for.in` gave {collection}, which is not an array"))
                })?;
                self.frame_mut(id)?.body = Body::For { items, index: 0 };
                self.iterate(id, input)?;
            }
            TaskKind::Fork(fork) => self.fork(id, fork, &input)?,
            TaskKind::Listen(listen) => self.listen(id, listen, &input)?,
            TaskKind::Raise(template) => {
                let error = self.scope(id).fill(template, &input)?;
                return Err(fault_from(&error)?.into());
            }
            TaskKind::Run(child) => self.run_workflow(id, child, input)?,
            TaskKind::Try(_) => {
                let first_at = self.state.now;
                self.frame_mut(id)?.body = Body::Try { first_at, retries: 0, stage: TryStage::Trying };
                self.open_round(id)?;
            }
            TaskKind::Wait(delay) => {
                let delay = self.scope(id).delay(delay, &input)?;
                self.frame_mut(id)?.body = Body::Wait { due: self.add(delay)? };
            }
        }
        Ok(())
    }

    fn switch(&mut self, id: FrameId, cases: &[SwitchCase], input: Data) -> Result<(), Stop> {
        let mut chosen = None;
        for (index, case) in cases.iter().enumerate() {
            let taken = self.scope(id).holds(case.when.as_ref(), &input)?;
            if taken == Some(true) {
                chosen = Some(index);
                break;
            }
            if taken.is_none() {
                chosen = Some(index); // the default, unless a later case holds
            }
        }
        self.note(id, |step| Trace::Chose { step, case: chosen });
        let flow = chosen.and_then(|index| cases.get(index)).map(|case| FlowRef::from(&case.then));
        self.leave_to(id, input, flow);
        Ok(())
    }

    fn call(&mut self, id: FrameId, call: &Call, input: &Data) -> Result<(), Stop> {
        let arguments = match &call.target {
            CallTarget::Host(_) => self.scope(id).with_secrets().fill(&call.with, input)?,
            CallTarget::Inline(_) => self.scope(id).fill(&call.with, input)?,
        };
        match &call.target {
            CallTarget::Host(_) => {
                let hash = input_hash(&arguments);
                self.frame_mut(id)?.body = Body::Call { input: arguments, input_hash: hash, attempt: 1, due: None };
            }
            CallTarget::Inline(function) => {
                self.frame_mut(id)?.body = Body::Function;
                self.state.agenda.push(Move::Enter { parent: id, task: function.pointer.clone(), input: arguments });
            }
        }
        Ok(())
    }

    fn emit(&mut self, id: FrameId, template: &Template, input: &Data) -> Result<(), Stop> {
        let attributes = self.scope(id).fill(template, input)?;
        let mut envelope = serde_json::Value::from(&attributes);
        let key = self.frame(id)?.step.idempotency_key(self.id);
        if let serde_json::Value::Object(entries) = &mut envelope {
            entries.entry("specversion").or_insert_with(|| "1.0".into());
            entries.entry("id").or_insert_with(|| key.into());
            let now = self.state.now.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            entries.entry("time").or_insert_with(|| now.into());
        }
        let event: CloudEvent = serde_json::from_value(envelope)
            .map_err(|error| Fault::new(FaultKind::Expression, format!("this is not a CloudEvent: {error}")))?;
        self.leave_with(id, event.envelope());
        self.effects.push(Effect::Emit(event));
        Ok(())
    }

    fn fork(&mut self, id: FrameId, fork: &Fork, input: &Data) -> Result<(), Stop> {
        if fork.branches.is_empty() {
            self.leave_with(id, Data::array([]));
            return Ok(());
        }
        self.frame_mut(id)?.body = Body::Fork { outputs: vec![None; fork.branches.len()] };
        for branch in fork.branches.iter().rev() {
            self.state.agenda.push(Move::Enter { parent: id, task: branch.pointer.clone(), input: input.clone() });
        }
        Ok(())
    }

    fn run_workflow(&mut self, id: FrameId, workflow: &RunWorkflow, input: Data) -> Result<(), Stop> {
        let RunWorkflow { namespace, name, version, .. } = workflow;
        let reference = format!("{namespace}/{name}:{version}");
        let Some(definition) = self.state.workflows.get(&reference).cloned() else {
            let detail = format!("the workflow {reference} was not registered when the run started");
            return Err(Fault::new(FaultKind::Configuration, detail).into());
        };
        let child_input = self.scope(id).fill_or(workflow.input.as_ref(), &input)?;
        let step = self.frame(id)?.step.clone();
        let child = self.id.child(&step);
        if workflow.wait {
            self.frame_mut(id)?.body = Body::Child { child };
        } else {
            self.leave_with(id, input);
        }
        let effect = Effect::StartChild { step, child, definition, input: child_input, awaited: workflow.wait };
        self.effects.push(effect);
        Ok(())
    }

    /// Starts the iteration of a `for` that its frame stands at, or ends it.
    pub(super) fn iterate(&mut self, id: FrameId, input: Data) -> Result<(), Broken> {
        let task = self.task(&self.frame(id)?.step.pointer.clone())?;
        let (TaskKind::For(each), Body::For { items, index }) = (&task.kind, &self.frame(id)?.body) else {
            return Err(format!("{} is not a `for`", task.pointer));
        };
        let (item, index) = (items.get(*index).cloned(), *index);
        let Some(item) = item else {
            self.leave_with(id, input);
            return Ok(());
        };
        let at = Data::from(i64::try_from(index).unwrap_or(i64::MAX));
        self.frame_mut(id)?.variables = vec![(each.each.to_string(), item), (each.at.to_string(), at)];
        match self.scope(id).holds(each.condition.as_ref(), &input) {
            Ok(Some(false)) => self.leave_with(id, input),
            Ok(Some(true) | None) => drop(self.open_list(Some(id), ListRef::Body(task.pointer.clone()), input)?),
            Err(fault) => self.raise_at(id, fault),
        }
        Ok(())
    }
}

/// The error that a `raise` task describes.
fn fault_from(error: &Data) -> Result<Fault, Fault> {
    serde_json::from_value(serde_json::Value::from(error))
        .map_err(|reason| Fault::new(FaultKind::Expression, format!("`raise.error` gave {error}: {reason}")))
}
