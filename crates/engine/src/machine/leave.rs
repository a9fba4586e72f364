//! Ending a task: output, export, and where the flow goes.

use definitions::{Data, Fork, Task, TaskKind};

use super::{
    Broken, Machine,
    scope::{bounded, check},
};
use crate::{
    Fault, Phase, Trace,
    state::{Body, FlowRef, Frame, FrameId, ListRef, Move},
};

impl Machine<'_> {
    pub(super) fn leave(&mut self, id: FrameId, raw: Data, flow: Option<FlowRef>) -> Result<(), Broken> {
        if matches!(self.frame(id)?.body, Body::List { .. }) {
            return self.leave_list(id, raw);
        }
        let task = self.task(&self.frame(id)?.step.pointer.clone())?;
        let output = match self.produce(id, &task, &raw) {
            Ok(output) => output,
            Err(fault) => {
                self.raise_at(id, fault);
                return Ok(());
            }
        };
        self.close_below(id);
        self.note(id, |step| Trace::Left { step, output: output.clone() });
        let parent = self.close(id).and_then(|frame| frame.parent);
        self.left(parent, &task, output, flow.unwrap_or_else(|| FlowRef::from(&task.then)))
    }

    /// The task's output from its raw output, and the context that it exports.
    fn produce(&mut self, id: FrameId, task: &Task, raw: &Data) -> Result<Data, Fault> {
        let output = self.scope(id).with_output(raw).fill_or(task.output.transform.as_ref(), raw)?;
        check(task.output.schema.as_deref(), &output, "the task's output")?;
        if let Some(export) = &task.export.transform {
            let context = self.scope(id).with_output(&output).fill(export, &output)?;
            check(task.export.schema.as_deref(), &context, "the exported context")?;
            self.state.context = context;
        }
        Ok(output)
    }

    fn leave_list(&mut self, id: FrameId, output: Data) -> Result<(), Broken> {
        let Some(Frame { parent, .. }) = self.close(id) else { return Ok(()) };
        let Some(parent) = parent else {
            self.complete(&output);
            return Ok(());
        };
        match &mut self.frame_mut(parent)?.body {
            Body::For { index, .. } => {
                *index += 1;
                self.iterate(parent, output)
            }
            Body::Try { stage, .. } => {
                let handled = matches!(stage, crate::state::TryStage::Handling);
                let flow = if handled { self.catch_flow(parent)? } else { None };
                self.leave_to(parent, output, flow);
                Ok(())
            }
            Body::Listen(_) => self.iterated(parent, &output),
            _ => {
                self.leave_with(parent, output);
                Ok(())
            }
        }
    }

    /// Ends the run with its output.
    fn complete(&mut self, raw: &Data) {
        let definition = std::sync::Arc::clone(&self.definition);
        let transform = &definition.workflow.output;
        let output = self.workflow_scope().with_output(raw).fill_or(transform.transform.as_ref(), raw);
        let checked = output.and_then(|output| {
            check(transform.schema.as_deref(), &output, "the run's output")?;
            Ok(output)
        });
        self.end(match checked {
            Ok(output) => Phase::Completed { output },
            Err(fault) => Phase::Faulted { fault: fault.at(&definitions::Pointer::root()) },
        });
    }

    /// `end`: ends the run or, within a function written in the DSL, the function.
    fn end_scope(&mut self, from: FrameId, output: Data) -> Result<(), Broken> {
        let mut next = Some(from);
        while let Some(id) = next {
            let frame = self.frame(id)?;
            if matches!(frame.body, Body::Function) {
                self.close_below(id);
                self.leave_with(id, output);
                return Ok(());
            }
            next = frame.parent;
        }
        self.end_all(from, &output)
    }

    /// Ends every task around a frame, innermost first, and then the run.
    fn end_all(&mut self, from: FrameId, output: &Data) -> Result<(), Broken> {
        let mut next = Some(from);
        while let Some(id) = next {
            next = self.frame(id)?.parent;
            self.close_below(id);
            self.note_task(id, |step| Trace::Left { step, output: output.clone() });
            self.close(id);
        }
        self.complete(output);
        Ok(())
    }

    /// What follows when a task has left its place below `parent`.
    pub(super) fn left(
        &mut self,
        parent: Option<FrameId>,
        task: &Task,
        output: Data,
        flow: FlowRef,
    ) -> Result<(), Broken> {
        let parent = parent.ok_or_else(|| format!("{} stands in no list", task.pointer))?;
        if flow == FlowRef::End {
            return self.end_scope(parent, output);
        }
        match &self.frame(parent)?.body {
            Body::List { list, index } => {
                let (list, index) = (list.clone(), *index);
                self.next_in_list(parent, &list, index, output, flow)
            }
            Body::Fork { .. } => self.branch_left(parent, task, output),
            Body::Function => {
                self.leave_with(parent, output);
                Ok(())
            }
            _ => Err(format!("{} stands in no list", task.pointer)),
        }
    }

    fn next_in_list(
        &mut self,
        frame: FrameId,
        list: &ListRef,
        index: usize,
        output: Data,
        flow: FlowRef,
    ) -> Result<(), Broken> {
        let next = match flow {
            FlowRef::Continue => Some(index + 1),
            FlowRef::Task(index) => Some(index),
            FlowRef::Exit | FlowRef::End => None,
        };
        let tasks = self.list(list)?;
        let Some((next, task)) = next.and_then(|next| Some((next, tasks.0.get(next)?))) else {
            self.leave_with(frame, output);
            return Ok(());
        };
        if let Body::List { index, .. } = &mut self.frame_mut(frame)?.body {
            *index = next;
        }
        self.state.agenda.push(Move::Enter { parent: frame, task: task.pointer.clone(), input: output });
        Ok(())
    }

    fn branch_left(&mut self, fork: FrameId, task: &Task, output: Data) -> Result<(), Broken> {
        let parent = self.task(&self.frame(fork)?.step.pointer.clone())?;
        let TaskKind::Fork(Fork { branches, compete }) = &parent.kind else {
            return Err(format!("{} is not a `fork`", parent.pointer));
        };
        if *compete {
            self.leave_with(fork, output); // which closes the losers
            return Ok(());
        }
        let branch = branches.iter().position(|branch| branch.pointer == task.pointer);
        let Body::Fork { outputs } = &mut self.frame_mut(fork)?.body else {
            return Err(format!("{} is not a `fork`", parent.pointer));
        };
        if let Some(slot) = branch.and_then(|branch| outputs.get_mut(branch)) {
            *slot = Some(output);
        }
        if outputs.iter().all(Option::is_some) {
            match bounded(Data::array(outputs.iter().flatten().cloned())) {
                Ok(output) => self.leave_with(fork, output),
                Err(fault) => self.raise_at(fork, fault),
            }
        }
        Ok(())
    }
}
