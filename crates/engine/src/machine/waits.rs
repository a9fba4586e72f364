//! What a run waits for: its calls and its nearest time.

use definitions::{CallTarget, Pointer, TaskKind};

use crate::{
    Call, Pending, Phase, Run, Step, Timer, TimerKind, Timestamp,
    state::{Body, Frame, TryStage},
};

/// See [`Run::pending`].
pub(crate) fn pending(run: &Run) -> Pending {
    let state = &run.state;
    if !matches!(state.phase, Phase::Running) {
        return Pending::default();
    }
    let own = state.deadline.map(|due| timer(due, &Step { pointer: Pointer::root(), visit: 0 }, TimerKind::Timeout));
    Pending {
        calls: state.frames.values().filter_map(|frame| call(run, frame)).collect(),
        timer: state.frames.values().flat_map(timers).chain(own).min(),
        yielded: !state.agenda.is_empty(),
    }
}

fn call(run: &Run, frame: &Frame) -> Option<Call> {
    let Body::Call { input, input_hash, attempt, due: None } = &frame.body else { return None };
    let TaskKind::Call(call) = &run.definition.task(&frame.step.pointer)?.kind else { return None };
    let CallTarget::Host(function) = &call.target else { return None };
    Some(Call {
        step: frame.step.clone(),
        function: function.clone(),
        input: input.clone(),
        input_hash: input_hash.clone(),
        attempt: *attempt,
        deadline: frame.deadline,
    })
}

fn timers(frame: &Frame) -> impl Iterator<Item = Timer> {
    let own = match &frame.body {
        Body::Wait { due } => Some((*due, TimerKind::Wait)),
        Body::Call { due: Some(due), .. } => Some((*due, TimerKind::Attempt)),
        Body::Try { stage: TryStage::Pausing { due }, .. } => Some((*due, TimerKind::Retry)),
        Body::List { .. }
        | Body::Nested
        | Body::Function
        | Body::For { .. }
        | Body::Fork { .. }
        | Body::Try { .. }
        | Body::Call { .. }
        | Body::Listen(_)
        | Body::Child { .. } => None,
    };
    let limit = frame.deadline.map(|due| (due, TimerKind::Timeout));
    own.into_iter().chain(limit).map(|(due, kind)| timer(due, &frame.step, kind))
}

fn timer(due: Timestamp, step: &Step, kind: TimerKind) -> Timer {
    Timer { due, step: step.clone(), kind }
}
