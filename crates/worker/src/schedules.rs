//! Starts the runs of schedules: any number of processes, one run for each time.
//!
//! ```text
//!  due ─▶ lock the schedule's row ─▶ which times have come ─▶ start their runs, move the row on ─▶ one commit
//!  a last run has ended ─▶ its end plus the span is the next time
//!  an event is routed ─▶ the schedules whose filter accepts it start a run with it
//! ```

use std::{collections::BTreeMap, time::Duration};

use definitions::{Data, Definition, Evaluator, EventFilter, ExpressionError, Schedule, Strategy, Trigger};
use engine::{CloudEvent, SharedEvaluator, Timestamp, input_hash};
use store::{
    Connection, Error, Hint, Hints, Library, Result, Store,
    router::StoredEvent,
    schedules::{self, Cause, Gathered, Next, Scheduled},
};
use tokio_util::sync::CancellationToken;

use crate::{router, sweep};

/// Schedules that are moved on in one transaction.
const PAGE: u32 = 64;

/// Runs that one schedule starts in one transaction, to catch up.
const CATCH_UP: usize = 100;

/// When a schedule is looked at again whose definition cannot be read.
const LATER: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// Starts what is due until `stop` is cancelled; looks every `poll`.
pub(crate) async fn run(store: Store, library: Library, hints: Hints, poll: Duration, stop: CancellationToken) {
    sweep::run("schedules", &hints, None, poll, &stop, || async {
        Ok::<_, Error>(start_due(&store, &library, &hints).await? + follow_ends(&store, &library).await?)
    })
    .await;
}

/// Starts the runs of schedules whose time has come. Returns how many schedules it was.
async fn start_due(store: &Store, library: &Library, hints: &Hints) -> Result<usize> {
    let mut transaction = store.begin_engine().await?;
    let now = store::clock::read(&mut transaction).await?.now();
    let due = schedules::due(&mut transaction, PAGE).await?;
    let mut queues = Vec::new();
    for scheduled in &due {
        let Some(schedule) = schedule_of(library, &mut transaction, scheduled).await? else {
            let again = Next { at: Some((scheduled.time, now + LATER)), started: None };
            schedules::advance(&mut transaction, scheduled, again).await?;
            continue;
        };
        let advance = schedule.advance(scheduled.time, now.max(scheduled.time), CATCH_UP);
        let mut next = Next { at: advance.next.map(|time| later(&schedule, scheduled, time)), started: None };
        for time in advance.starts {
            if !schedule.overlap && (scheduled.busy || next.started.is_some()) {
                break;
            }
            let what = (&scheduled.id, scheduled.definition);
            let (run, queue) = schedules::start(&mut transaction, scheduled.org, what, Cause::Time(time), now).await?;
            next.started = Some(run);
            queues.push(queue);
        }
        schedules::advance(&mut transaction, scheduled, next).await?;
    }
    transaction.commit().await?;
    for queue in queues {
        hints.give(Hint::Queue(queue));
    }
    Ok(due.len())
}

/// Gives schedules whose last run has ended their next time. Returns how many it was.
async fn follow_ends(store: &Store, library: &Library) -> Result<usize> {
    let mut transaction = store.begin_engine().await?;
    let ended = schedules::ended(&mut transaction, PAGE).await?;
    let mut moved = 0;
    for scheduled in &ended {
        let Some(schedule) = schedule_of(library, &mut transaction, scheduled).await? else { continue };
        let Some(time) = schedule.after_end(scheduled.time) else { continue };
        let next = Next { at: Some(later(&schedule, scheduled, time)), started: None };
        schedules::advance(&mut transaction, scheduled, next).await?;
        moved += 1;
    }
    transaction.commit().await?;
    Ok(moved)
}

/// Starts the runs that an event starts, or completes the events for.
///
/// # Errors
/// The database fails, or a filter cannot be evaluated now: the event stays unrouted, and a run that it has started already
/// is not started again.
pub(crate) async fn start_by_event(
    store: &Store,
    library: &Library,
    hints: &Hints,
    evaluator: &SharedEvaluator,
    event: &StoredEvent,
) -> Result<(), router::Error> {
    let found = schedules::by_event(&mut *store.engine().await?, event.org, &event.event.kind).await?;
    for (id, hash) in found {
        let definition = match library.get(event.org, hash).await {
            Ok(definition) => definition,
            Err(error @ (Error::UnknownDefinition { .. } | Error::UnreadableDefinition { .. })) => {
                tracing::warn!(definition = %id, %error, "a schedule cannot be read; it starts nothing");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut transaction = store.begin_engine().await?;
        let mut queues = Vec::new();
        for events in complete(&mut transaction, &definition, evaluator, event).await? {
            let now = store::clock::read(&mut transaction).await?.now();
            let cause = Cause::Events(&events);
            queues.push(schedules::start(&mut transaction, event.org, (&id, hash), cause, now).await?.1);
        }
        transaction.commit().await.map_err(Error::from)?;
        for queue in queues {
            hints.give(Hint::Queue(queue));
        }
    }
    Ok(())
}

/// The sets of events that start a run each, now that this one has come.
async fn complete(
    connection: &mut Connection,
    definition: &Definition,
    evaluator: &SharedEvaluator,
    event: &StoredEvent,
) -> Result<Vec<Vec<CloudEvent>>, router::Error> {
    let Some(Schedule { trigger: Trigger::On(strategy), .. }) = &definition.workflow.schedule else {
        return Ok(Vec::new());
    };
    let envelope = event.event.envelope();
    let filters = strategy.filters();
    let mut accepting = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        match grouping(filter, &envelope, &**evaluator) {
            Ok(Some(found)) => accepting.push((index, found)),
            Err(error) if error.is_unavailable() => return Err(router::Error::Evaluation(error)),
            Ok(None) | Err(_) => {}
        }
    }
    let Strategy::All(_) = strategy else {
        return Ok(accepting.first().map(|_| vec![event.event.clone()]).into_iter().collect());
    };
    let mut complete = Vec::new();
    for (filter, grouping) in accepting {
        let gathered = Gathered { event: event.id, filter, grouping: &grouping, filters: filters.len() };
        let what = (&definition.id, definition.hash);
        complete.extend(schedules::gather(&mut *connection, event.org, what, gathered).await?);
    }
    Ok(complete)
}

/// A time of a schedule, and when its run starts.
fn later(schedule: &Schedule, scheduled: &Scheduled, time: Timestamp) -> (Timestamp, Timestamp) {
    (time, schedule.due(time, &scheduled.seed()))
}

/// What a row stands for; none where this version of the program cannot read it.
async fn schedule_of(
    library: &Library,
    connection: &mut Connection,
    scheduled: &Scheduled,
) -> Result<Option<Schedule>> {
    match library.get_on(connection, scheduled.org, scheduled.definition).await {
        Ok(definition) => Ok(definition.workflow.schedule.clone()),
        Err(error @ (Error::UnknownDefinition { .. } | Error::UnreadableDefinition { .. })) => {
            tracing::warn!(definition = %scheduled.id, %error, "a schedule cannot be read; it starts nothing");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What an event that matches, and has the values that are expected of it, has in common with those that belong to it; none
/// where it does not match.
fn grouping(
    filter: &EventFilter,
    envelope: &Data,
    evaluator: &dyn Evaluator,
) -> std::result::Result<Option<String>, ExpressionError> {
    let unbound = |_: &str| Data::NULL;
    if !filter.matches(envelope, &unbound, evaluator)? {
        return Ok(None);
    }
    let values = filter.correlation(envelope, evaluator)?;
    let mut common = BTreeMap::new();
    for (correlation, value) in filter.correlate.iter().zip(values) {
        match &correlation.expect {
            Some(expect) if expect.evaluate(&Data::NULL, &unbound, evaluator)? != value => return Ok(None),
            Some(_) => {}
            None => drop(common.insert(correlation.key.to_string(), value)),
        }
    }
    Ok(Some(if common.is_empty() { String::new() } else { input_hash(&Data::from_entries(common)) }))
}
