//! The machine: how one fact moves a run.
//!
//! ```text
//!   apply(fact) ─▶ facts.rs   finds the frame that the fact is about and puts the first move on the agenda
//!                  burst      takes moves from the agenda until it is empty or the fuel is used up:
//!                    Enter ─▶ enter.rs   `if`, input, then the task's kind: leaves at once, goes deeper, or waits
//!                    Leave ─▶ leave.rs   output, export, flow; tells the frame above
//!                    Raise ─▶ raise.rs   unwinds to the nearest `try` that catches; retries; else the run is faulted
//!   pending()    ─▶ waits.rs   what the remaining leaves wait for
//! ```
//!
//! Moves are data of the state, so that a long burst can stop anywhere and go on by the next fact, and so that no definition
//! can make this code recurse.

mod enter;
mod evaluations;
mod events;
mod facts;
mod leave;
mod raise;
mod scope;
mod waits;

use std::sync::Arc;

use definitions::{Data, Definition, Pointer, Task, TaskKind, TaskList};
use evaluations::Evaluations;
pub(crate) use events::{busy, wants};
pub(crate) use waits::pending;

use crate::{
    Chance, Diverged, Effect, Fact, Fault, FaultKind, Phase, Run, RunId, Step, Timestamp, Trace,
    state::{Body, FlowRef, Frame, FrameId, ListRef, Move, State},
};

/// A run at work on one fact.
struct Machine<'a> {
    id: RunId,
    definition: Arc<Definition>,
    fuel: u32,
    evaluations: Evaluations,
    state: &'a mut State,
    effects: Vec<Effect>,
    trace: Option<&'a mut Vec<Trace>>,
}

/// Why the machine cannot go on: the history does not belong to the definition.
type Broken = String;

/// Applies one fact, which met `recorded` when it was applied before, or is new; what it meets if it is new. See
/// [`Run::apply`], [`Run::record`] and [`Run::trace`].
pub(crate) fn apply(
    run: &mut Run,
    fact: &Fact,
    recorded: Option<Chance>,
    trace: Option<&mut Vec<Trace>>,
) -> Result<(Vec<Effect>, Option<Chance>), Diverged> {
    let seq = run.state.facts;
    let mut machine = Machine {
        id: run.id,
        definition: Arc::clone(&run.definition),
        fuel: run.config.fuel,
        evaluations: Evaluations::new(&run.config.evaluator, seq, recorded),
        state: &mut run.state,
        effects: Vec::new(),
        trace,
    };
    let advanced = machine.advance(fact);
    let diverged = |reason, passing| Diverged { seq, fact: fact.name(), reason, passing };
    if let Some(trouble) = machine.evaluations.trouble() {
        return Err(diverged(trouble, true));
    }
    advanced.map_err(|reason| diverged(reason, false))?;
    Ok((machine.effects, machine.evaluations.met()))
}

impl Machine<'_> {
    fn advance(&mut self, fact: &Fact) -> Result<(), Broken> {
        self.state.facts += 1;
        self.state.now = fact.at;
        if self.state.phase.is_terminal() {
            return Ok(());
        }
        self.take(&fact.body)?;
        self.burst()
    }

    fn burst(&mut self) -> Result<(), Broken> {
        for moves in 0..self.fuel {
            if self.state.agenda.is_empty() || self.evaluations.yields(moves) {
                return Ok(());
            }
            let Some(next) = self.state.agenda.pop() else { return Ok(()) };
            match next {
                Move::Enter { parent, task, input } if self.state.frames.contains_key(&parent) => {
                    self.enter(parent, &task, input)?;
                }
                Move::Leave { frame, output, flow } if self.state.frames.contains_key(&frame) => {
                    self.leave(frame, output, flow)?;
                }
                Move::Raise { frame, fault } if self.state.frames.contains_key(&frame) => self.raise(frame, fault)?,
                Move::Enter { .. } | Move::Leave { .. } | Move::Raise { .. } => {} // of a branch that has been cancelled
            }
        }
        Ok(())
    }

    fn task(&self, pointer: &Pointer) -> Result<Arc<Task>, Broken> {
        self.definition.task(pointer).cloned().ok_or_else(|| format!("the definition has no task at {pointer}"))
    }

    fn list(&self, list: &ListRef) -> Result<TaskList, Broken> {
        let (ListRef::Body(pointer) | ListRef::Catch(pointer)) = list else {
            return Ok(self.definition.workflow.body.clone());
        };
        let task = self.task(pointer)?;
        let found = match (&task.kind, list) {
            (TaskKind::Do(body), ListRef::Body(_)) => Some(body),
            (TaskKind::For(each), ListRef::Body(_)) => Some(&each.body),
            (TaskKind::Try(attempt), ListRef::Body(_)) => Some(&attempt.body),
            (TaskKind::Listen(listen), ListRef::Body(_)) => listen.foreach.as_ref().and_then(|each| each.body.as_ref()),
            (TaskKind::Try(attempt), ListRef::Catch(_)) => attempt.catch.body.as_ref(),
            _ => None,
        };
        found.cloned().ok_or_else(|| format!("the task at {pointer} has no such list"))
    }

    fn frame(&self, id: FrameId) -> Result<&Frame, Broken> {
        self.state.frames.get(&id).ok_or_else(|| format!("frame {} is gone", id.0))
    }

    fn frame_mut(&mut self, id: FrameId) -> Result<&mut Frame, Broken> {
        self.state.frames.get_mut(&id).ok_or_else(|| format!("frame {} is gone", id.0))
    }

    /// Opens a frame and counts the visit.
    fn open(&mut self, parent: Option<FrameId>, pointer: &Pointer, input: Data, body: Body) -> FrameId {
        let visits = self.state.visits.entry(pointer.clone()).or_default();
        let step = Step { pointer: pointer.clone(), visit: *visits };
        *visits += 1;
        let id = FrameId(self.state.next_frame);
        self.state.next_frame += 1;
        let frame = Frame {
            parent,
            step,
            started_at: self.state.now,
            deadline: None,
            raw_input: input.clone(),
            input,
            variables: Vec::new(),
            body,
        };
        self.state.frames.insert(id, frame);
        id
    }

    /// Opens the frame of a task list and starts its first task.
    fn open_list(&mut self, parent: Option<FrameId>, list: ListRef, input: Data) -> Result<FrameId, Broken> {
        let pointer = match &list {
            ListRef::Root => Pointer::root().child("do"),
            ListRef::Catch(task) => task.child("catch").child("do"),
            ListRef::Body(task) => match self.task(task)?.kind {
                TaskKind::Try(_) => task.child("try"),
                TaskKind::Listen(_) => task.child("foreach").child("do"),
                _ => task.child("do"),
            },
        };
        let first = self.list(&list)?.0.first().map(|task| task.pointer.clone());
        let frame = self.open(parent, &pointer, input.clone(), Body::List { list, index: 0 });
        self.state.agenda.push(match first {
            Some(task) => Move::Enter { parent: frame, task, input },
            None => Move::Leave { frame, output: input, flow: None },
        });
        Ok(frame)
    }

    /// Closes a frame and everything below it; what they waited for is given up.
    fn close(&mut self, id: FrameId) -> Option<Frame> {
        self.close_below(id);
        let frame = self.state.frames.remove(&id)?;
        match &frame.body {
            Body::Listen(_) => self.effects.push(Effect::Unsubscribe(frame.step.clone())),
            Body::Child { child } => self.effects.push(Effect::CancelChild(*child)),
            Body::List { .. }
            | Body::Nested
            | Body::Function
            | Body::For { .. }
            | Body::Fork { .. }
            | Body::Try { .. }
            | Body::Call { .. }
            | Body::Wait { .. } => {}
        }
        Some(frame)
    }

    /// Closes everything below a frame. A child has a greater number than its parent, so one pass finds them all.
    fn close_below(&mut self, id: FrameId) {
        let mut closing = std::collections::BTreeSet::from([id]);
        for (child, frame) in self.state.frames.range(id..) {
            if frame.parent.is_some_and(|parent| closing.contains(&parent)) {
                closing.insert(*child);
            }
        }
        closing.remove(&id);
        for child in closing.into_iter().rev() {
            self.note_task(child, Trace::Cancelled);
            self.close(child);
        }
    }

    /// Ends the run.
    fn end(&mut self, phase: Phase) {
        self.state.agenda.clear();
        let open: Vec<_> = self.state.frames.keys().rev().copied().collect();
        for frame in open {
            self.note_task(frame, Trace::Cancelled);
            self.close(frame);
        }
        self.state.deadline = None;
        self.state.phase = phase;
    }

    fn add(&self, delay: chrono::TimeDelta) -> Result<Timestamp, Fault> {
        let due = self.state.now.checked_add_signed(delay);
        due.ok_or_else(|| Fault::new(FaultKind::Configuration, "the time is beyond the end of the calendar"))
    }

    /// Notes a move, where somebody asked for the run's way.
    fn note(&mut self, id: FrameId, moved: impl FnOnce(Step) -> Trace) {
        if let (Some(trace), Some(frame)) = (&mut self.trace, self.state.frames.get(&id)) {
            trace.push(moved(frame.step.clone()));
        }
    }

    /// Notes a move of a task; a list of tasks makes none.
    fn note_task(&mut self, id: FrameId, moved: impl FnOnce(Step) -> Trace) {
        if !matches!(self.state.frames.get(&id).map(|frame| &frame.body), Some(Body::List { .. })) {
            self.note(id, moved);
        }
    }

    fn leave_with(&mut self, frame: FrameId, output: Data) {
        self.state.agenda.push(Move::Leave { frame, output, flow: None });
    }

    fn leave_to(&mut self, frame: FrameId, output: Data, flow: Option<FlowRef>) {
        self.state.agenda.push(Move::Leave { frame, output, flow });
    }

    fn raise_at(&mut self, frame: FrameId, fault: Fault) {
        self.state.agenda.push(Move::Raise { frame, fault });
    }
}

#[cfg(test)]
mod tests;
