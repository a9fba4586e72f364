//! Whether time passes in a task by itself.

use definitions::{Call, CallTarget, Task, TaskKind, TaskList};

/// Whether a timer runs in a task: a `wait`, anywhere within it.
pub(crate) fn waits(task: &Task) -> bool {
    let list = |tasks: &TaskList| tasks.0.iter().any(|task| waits(task));
    match &task.kind {
        TaskKind::Wait(_) => true,
        TaskKind::Do(tasks) => list(tasks),
        TaskKind::For(each) => list(&each.body),
        TaskKind::Listen(listen) => listen.foreach.as_ref().and_then(|each| each.body.as_ref()).is_some_and(list),
        TaskKind::Fork(fork) => fork.branches.iter().any(|task| waits(task)),
        TaskKind::Try(attempt) => list(&attempt.body) || attempt.catch.body.as_ref().is_some_and(list),
        TaskKind::Call(Call { target: CallTarget::Inline(task), .. }) => waits(task),
        TaskKind::Call(_)
        | TaskKind::Set(_)
        | TaskKind::Switch(_)
        | TaskKind::Emit(_)
        | TaskKind::Raise(_)
        | TaskKind::Run(_) => false,
    }
}
