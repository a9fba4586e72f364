//! Where an error may come from, and what a `catch` may do with one.

use definitions::{Call, CallTarget, Catch, Delay, RetryPolicy, Task, TaskKind, Template};

/// Whether something in a template is computed.
fn computed(template: &Template) -> bool {
    match template {
        Template::Literal(_) => false,
        Template::Expression(_) | Template::Uri(_) => true,
        Template::Object(entries) => entries.iter().any(|(_, value)| computed(value)),
        Template::Array(items) => items.iter().any(computed),
    }
}

fn unsure(delay: &Delay) -> bool {
    matches!(delay, Delay::Expression(_))
}

/// Whether a task may fail when it starts, or by itself: not what is within it.
pub(crate) fn may_fail(task: &Task) -> bool {
    let data = task.condition.is_some() || task.input.from.is_some() || task.input.schema.is_some();
    let own = match &task.kind {
        TaskKind::Do(_) | TaskKind::Fork(_) | TaskKind::Try(_) => false,
        TaskKind::Set(template) => computed(template),
        TaskKind::Switch(cases) => cases.iter().any(|case| case.when.is_some()),
        TaskKind::Call(Call { target: CallTarget::Inline(_), with }) => computed(with),
        TaskKind::Wait(delay) => unsure(delay),
        TaskKind::Call(_)
        | TaskKind::Emit(_)
        | TaskKind::For(_)
        | TaskKind::Listen(_)
        | TaskKind::Raise(_)
        | TaskKind::Run(_) => true,
    };
    data || own || task.timeout.as_ref().is_some_and(unsure) || may_fail_at_end(task)
}

/// Whether a task may fail when it ends: in its output, or in what it exports.
pub(crate) fn may_fail_at_end(task: &Task) -> bool {
    let (output, export) = (&task.output, &task.export);
    output.transform.is_some() || output.schema.is_some() || export.transform.is_some() || export.schema.is_some()
}

/// Whether a `catch` may let an error pass.
pub(crate) fn may_pass(catch: &Catch) -> bool {
    let choosy = !catch.with.is_empty() || catch.when.is_some() || catch.except_when.is_some();
    let gives_up = catch.body.is_none() && catch.retry.is_some();
    choosy || gives_up || catch.retry.as_ref().is_some_and(computes)
}

fn computes(retry: &RetryPolicy) -> bool {
    let delays = [&retry.delay, &retry.attempt_timeout, &retry.total_timeout];
    let jitter = retry.jitter.iter().any(|(from, to)| unsure(from) || unsure(to));
    retry.when.is_some() || retry.except_when.is_some() || jitter || delays.into_iter().flatten().any(unsure)
}
