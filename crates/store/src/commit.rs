//! The transaction of a step: many runs' flushes, written in a handful of statements.
//!
//! ```text
//!  lock the gates that runs which end still ask
//!    ─▶ lock every activation that a member owns or wakes, sorted by run ─▶ members whose lease is lost, or that were woken, drop out
//!    ─▶ new runs ─▶ wake ─▶ facts ─▶ inbox ─▶ waits ─▶ events ─▶ snapshots ─▶ audit ─▶ phases ─▶ withdraw those gates
//!    ─▶ settle the activations
//! ```
//!
//! A typical group has facts only: three statements between BEGIN and COMMIT, however many runs it carries. Whoever calls
//! [`fn@write`] commits; until then nothing of it counts.

use std::collections::{BTreeSet, HashMap};

use definitions::ContentHash;
use engine::{ChildOutcome, Effect, FactBody, Phase, RunId, Subscription};
use uuid::Uuid;

use crate::{
    Committed, Connection, Error, Flush, LeaseToken, Parent, Recorded, Result, Then, gates,
    history::MessageBody,
    rows::{
        AuditRows, Child, Consumed, EndedWaits, EventRows, FactRows, MessageRows, PhaseRows, RunRows, Settlements,
        SnapshotRows, SubscriptionRows, wake,
    },
};

/// An activation that the transaction has locked.
#[derive(Debug, Clone, Copy)]
struct Locked {
    lease: Option<LeaseToken>,
    wake: i64,
    claims: i16,
}

/// Writes the members whose lease holds, and says for each how it ended, if the caller's commit succeeds.
pub(crate) async fn write(connection: &mut Connection, flushes: &[&Flush]) -> Result<Vec<Committed>> {
    let ending = flushes.iter().filter(|flush| flush.phase.is_terminal()).map(|flush| flush.lease.run.0);
    let asked = gates::lock_pending(connection, &Vec::from_iter(ending)).await?;
    let locked = lock(connection, flushes).await?;
    let verdicts: Vec<_> = flushes.iter().map(|flush| verdict(flush, &locked)).collect();
    let members = || flushes.iter().zip(&verdicts).filter_map(|(flush, out)| out.is_none().then_some(*flush));

    let mut rows = Rows::default();
    for flush in members() {
        rows.gather(flush)?;
    }
    let woken = rows.write(connection).await?;
    for flush in members().filter(|flush| flush.phase.is_terminal()) {
        for gate in asked.iter().filter(|gate| gate.asked.run == flush.lease.run) {
            gates::withdraw_locked(connection, gate, flush.at).await?;
        }
    }

    let mut settlements = Settlements::default();
    let settled: HashMap<_, _> =
        members().map(|flush| (flush.lease.run, settle(flush, &locked, &woken, &mut settlements))).collect();
    settlements.apply(connection).await?;
    let committed = |(out, flush): (Option<Committed>, &&Flush)| {
        let run = flush.lease.run;
        out.or_else(|| settled.get(&run).map(|&(wake, held)| Committed::Done { wake, held }))
            .unwrap_or(Committed::LeaseLost)
    };
    Ok(verdicts.into_iter().zip(flushes).map(committed).collect())
}

/// Locks the activations of all members and of all runs that they wake, in one order for everybody.
async fn lock(connection: &mut Connection, flushes: &[&Flush]) -> Result<HashMap<RunId, Locked>> {
    let runs: BTreeSet<Uuid> =
        flushes.iter().flat_map(|flush| woken_by(flush).chain([flush.lease.run])).map(|run| run.0).collect();
    let runs: Vec<_> = runs.into_iter().collect();
    let rows = sqlx::query!(
        "select run_id, lease, wake, claims from activations where run_id = any($1) order by run_id for update",
        &runs
    )
    .fetch_all(connection)
    .await?;
    let locked = |lease: Option<Vec<u8>>| lease.and_then(|bytes| bytes.try_into().ok()).map(LeaseToken);
    Ok(rows
        .into_iter()
        .map(|row| (RunId(row.run_id), Locked { lease: locked(row.lease), wake: row.wake, claims: row.claims }))
        .collect())
}

/// Runs that exist and that a flush wakes.
fn woken_by(flush: &Flush) -> impl Iterator<Item = RunId> {
    let parent = flush.parent.as_ref().filter(|parent| parent.awaited && flush.phase.is_terminal());
    let effects = flush.facts.iter().flat_map(|recorded| &recorded.effects);
    let cancelled = effects.filter_map(|effect| match effect {
        Effect::CancelChild(child) => Some(*child),
        Effect::Emit(_) | Effect::Subscribe(_) | Effect::Unsubscribe(_) | Effect::StartChild { .. } => None,
    });
    cancelled.chain(parent.map(|parent| parent.run))
}

/// Why a flush is not written, if it is not.
fn verdict(flush: &Flush, locked: &HashMap<RunId, Locked>) -> Option<Committed> {
    let Some(activation) = locked.get(&flush.lease.run).filter(|row| row.lease == Some(flush.lease.token)) else {
        return Some(Committed::LeaseLost);
    };
    let wake = activation.wake;
    flush.expect_wake.is_some_and(|expected| expected != wake).then_some(Committed::Woken { wake })
}

/// What becomes of a member's activation: how often its run has been woken, and whether its driver keeps it.
fn settle(
    flush: &Flush,
    locked: &HashMap<RunId, Locked>,
    woken: &HashMap<RunId, i64>,
    settlements: &mut Settlements,
) -> (i64, bool) {
    let run = flush.lease.run;
    let before = locked[&run];
    let now = woken.get(&run).copied().unwrap_or(before.wake);
    if flush.phase.is_terminal() {
        // `PhaseRows::apply` has deleted the activation.
        return (now, false);
    }
    match &flush.then {
        Then::Quarantine { .. } => settlements.put_to_sleep(run),
        Then::Release => settlements.give_up(run, None),
        Then::Park { due, wake } if *wake == now => match due {
            Some(due) => settlements.give_up(run, Some(*due)),
            None => settlements.put_to_sleep(run),
        },
        Then::Stay | Then::Park { .. } => {
            if before.claims > 0 && !flush.facts.is_empty() {
                settlements.keep(run);
            }
            return (now, true);
        }
    }
    (now, false)
}

/// Everything that a group writes, by table.
#[derive(Debug, Default)]
struct Rows {
    runs: RunRows,
    woken: BTreeSet<Uuid>,
    facts: FactRows,
    consumed: Consumed,
    messages: MessageRows,
    ended_waits: EndedWaits,
    waits: SubscriptionRows,
    events: EventRows,
    snapshots: SnapshotRows,
    audit: AuditRows,
    phases: PhaseRows,
}

impl Rows {
    fn gather(&mut self, flush: &Flush) -> Result<()> {
        let run = flush.lease.run;
        let mut waits = Vec::new();
        for (seq, recorded) in (flush.seq..).zip(&flush.facts) {
            self.facts.push(flush.org, run, seq, &recorded.fact)?;
            if let Some(message) = recorded.consumes {
                self.consumed.push(run, message, Some(seq));
            }
            self.gather_effects(flush, seq, recorded, &mut waits)?;
        }
        for (seq, wait) in waits {
            self.waits.push(flush.org, run, seq, wait)?;
        }
        for message in &flush.discarded {
            self.consumed.push(run, *message, None);
        }
        self.woken.extend(woken_by(flush).map(|run| run.0));
        if let Some(snapshot) = flush.snapshot.as_deref().filter(|_| !flush.phase.is_terminal()) {
            self.snapshots.push(flush.org, run, flush.seq + flush.facts.len() as u64, snapshot)?;
        }
        self.gather_phase(flush)?;
        for entry in &flush.audit {
            self.audit.push(flush.org, entry, flush.at)?;
        }
        Ok(())
    }

    fn gather_effects<'a>(
        &mut self,
        flush: &Flush,
        seq: u64,
        recorded: &'a Recorded,
        waits: &mut Vec<(u64, &'a Subscription)>,
    ) -> Result<()> {
        let run = flush.lease.run;
        for effect in &recorded.effects {
            match effect {
                Effect::Emit(event) => self.events.push(flush.org, event, recorded.fact.at)?,
                Effect::Subscribe(wait) => waits.push((seq, wait)),
                Effect::Unsubscribe(step) => {
                    waits.retain(|(_, wait)| wait.step != *step);
                    self.ended_waits.push(run, step);
                }
                Effect::StartChild { step, child, definition, input, awaited } => {
                    let child = Child {
                        id: *child,
                        parent: &Parent { run, step: step.clone(), awaited: *awaited },
                        definition: parse_hash(definition).ok_or_else(|| unknown(flush, definition))?,
                        input,
                        at: recorded.fact.at,
                    };
                    self.runs.push_child(flush.org, &child);
                }
                Effect::CancelChild(child) => {
                    let reason = "the run that started it no longer waits for it".to_owned();
                    self.messages.push(*child, &MessageBody::Cancel { reason })?;
                }
            }
        }
        Ok(())
    }

    fn gather_phase(&mut self, flush: &Flush) -> Result<()> {
        let run = flush.lease.run;
        if let Then::Quarantine { reason } = &flush.then {
            self.phases.quarantine(run, reason, flush.at);
            return Ok(());
        }
        let moved = |recorded: &Recorded| matches!(recorded.fact.body, FactBody::Suspended | FactBody::Resumed);
        if flush.phase.is_terminal() || flush.facts.iter().any(moved) {
            self.phases.push(run, &flush.phase, flush.at)?;
        }
        if let (Some(parent), Some(outcome)) =
            (flush.parent.as_ref().filter(|parent| parent.awaited), ending(&flush.phase))
        {
            let message = MessageBody::ChildEnded { step: parent.step.clone(), child: run, outcome };
            self.messages.push(parent.run, &message)?;
        }
        Ok(())
    }

    /// Writes it all; returns how often the runs that it wakes have been woken.
    async fn write(mut self, connection: &mut Connection) -> Result<HashMap<RunId, i64>> {
        let children = self.runs.ids().to_vec();
        let started = self.runs.insert(connection, &mut self.facts).await?;
        if let Some(missing) = children.iter().find(|child| !started.contains(child)) {
            return Err(Error::ChildRefused(RunId(*missing)));
        }
        self.woken.extend(children);
        let runs: Vec<_> = self.woken.into_iter().collect();
        let woken = wake(connection, &runs).await?;
        self.facts.insert(connection).await?;
        self.consumed.delete(connection).await?;
        self.messages.insert(connection).await?;
        self.ended_waits.delete(connection).await?;
        self.waits.insert(connection).await?;
        self.events.insert(connection).await?;
        self.snapshots.insert(connection).await?;
        self.audit.insert(connection).await?;
        self.phases.apply(connection).await?;
        Ok(woken.into_iter().map(|woken| (woken.run, woken.wake)).collect())
    }
}

/// How a run ended, as its parent is told.
fn ending(phase: &Phase) -> Option<ChildOutcome> {
    match phase {
        Phase::Completed { output } => Some(ChildOutcome::Completed { output: output.clone() }),
        Phase::Faulted { fault } => Some(ChildOutcome::Faulted { fault: fault.clone() }),
        Phase::Cancelled { reason } => Some(ChildOutcome::Cancelled { reason: reason.clone() }),
        Phase::Pending | Phase::Running | Phase::Suspended => None,
    }
}

fn parse_hash(text: &str) -> Option<ContentHash> {
    hex::decode(text).ok()?.try_into().ok().map(ContentHash)
}

fn unknown(flush: &Flush, definition: &str) -> Error {
    Error::UnknownDefinition { org: flush.org, definition: definition.to_owned() }
}
