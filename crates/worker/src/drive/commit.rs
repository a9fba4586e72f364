//! A drive's commits: facts with all that belongs to them, and parking.

use std::{ops::ControlFlow, sync::Arc, time::Instant};

use engine::Effect;
use store::{Committed, Flush, Hint, Then};

use super::{Drive, End, Onward, Stop};
use crate::{
    batch::{Batch, Owed},
    leases::Activation,
    metrics,
};

impl Drive<'_> {
    /// Commits a batch, and parks the run if it then has nothing to stay for.
    pub(super) async fn flush(&mut self, activation: &Activation, batch: Batch) -> Result<Onward, Stop> {
        let (flush, began) = (self.prepare(activation, &batch), Instant::now());
        let snapshot = flush.snapshot.is_some();
        let committed = self.driver.committer.commit(flush).await;
        metrics::flushed(batch.facts.len(), began, name(&committed));
        self.conclude(activation, batch, snapshot, committed)
    }

    /// The flush of a batch.
    pub(super) fn prepare(&self, activation: &Activation, batch: &Batch) -> Flush {
        let registers = batch.effects().any(|effect| matches!(effect, Effect::Subscribe(_)));
        let stays = registers || self.unscanned || self.stays(batch) || self.has_unread(batch);
        let then = if stays {
            Then::Stay
        } else {
            Then::Park { due: batch.pending().timer.map(|timer| timer.due), wake: self.seen }
        };
        Flush {
            lease: activation.lease,
            org: activation.org,
            parent: self.parent.clone(),
            expect_wake: batch.only_unless_woken.then_some(self.seen),
            seq: batch.seq,
            facts: batch.facts.clone(),
            at: batch.at(),
            discarded: batch.discarded.clone(),
            audit: Vec::new(),
            snapshot: self.snapshot(batch, !stays),
            phase: batch.run.phase().clone(),
            then,
        }
    }

    /// Whether messages that had to wait can be taken after this batch.
    fn has_unread(&self, batch: &Batch) -> bool {
        self.messages.iter().any(|message| batch.leaves(message))
    }

    /// A snapshot, if enough has gathered since the last; a run that parks is likely to be read back, so less is enough.
    fn snapshot(&self, batch: &Batch, parks: bool) -> Option<Arc<engine::Snapshot>> {
        let (facts, bytes) = (self.since_snapshot.0 + batch.facts.len() as u64, self.since_snapshot.1);
        let part = if parks { 10 } else { 1 };
        let config = &self.driver.config;
        let due = facts >= config.snapshot_facts / part || bytes >= config.snapshot_bytes / part as usize;
        (due && facts > 0 && !batch.run.phase().is_terminal()).then(|| Arc::new(batch.run.snapshot()))
    }

    /// Takes note of how a commit ended.
    pub(super) fn conclude(
        &mut self,
        activation: &Activation,
        batch: Batch,
        snapshot: bool,
        committed: Committed,
    ) -> Result<Onward, Stop> {
        match committed {
            Committed::Done { wake, held } => {
                self.hint(activation, &batch);
                self.adopt(batch, snapshot, wake);
                if self.run.phase().is_terminal() {
                    self.driver.hints.ended(self.run.id());
                }
                let over = !held || self.run.phase().is_terminal();
                if let Some(timer) = self.run.pending().timer.filter(|_| !held) {
                    activation.alarm.set(timer.due);
                }
                Ok(if over { ControlFlow::Break(End::Over) } else { ControlFlow::Continue(()) })
            }
            Committed::Woken { wake } => {
                self.wake = self.wake.max(wake);
                Ok(ControlFlow::Continue(()))
            }
            Committed::LeaseLost => Ok(ControlFlow::Break(End::Lost)),
            Committed::Rejected(store::Error::Stopped) => Err(Stop::GiveBack),
            Committed::Rejected(error) => Err(Stop::SetAside(error.to_string())),
            // It may be on disk or not. Giving the run back waits for the lost transaction, which holds the activation, to
            // end; whoever claims the run then reads what there is.
            Committed::Unknown => Ok(ControlFlow::Break(End::GivenBack)),
        }
    }

    /// The batch is on disk: it is what the run is.
    fn adopt(&mut self, batch: Batch, snapshot: bool, wake: i64) {
        for recorded in &batch.facts {
            metrics::recorded(recorded.fact.name());
        }
        self.unscanned |= batch.effects().any(|effect| matches!(effect, Effect::Subscribe(_)));
        self.since_snapshot.0 += batch.facts.len() as u64;
        if snapshot {
            self.since_snapshot = (0, 0);
        }
        if !batch.facts.is_empty() {
            self.owed = Owed::default();
            self.turn.share(); // it got on: no suspect any more
        }
        let consumed = batch.facts.iter().filter_map(|recorded| recorded.consumes);
        let gone: Vec<_> = consumed.chain(batch.discarded.iter().copied()).collect();
        self.messages.retain(|message| !gone.contains(&message.id));
        self.run = batch.run;
        self.wake = self.wake.max(wake);
        self.calls.keep(&self.run.pending().calls);
    }

    /// Tells those who may have got something to do.
    fn hint(&self, activation: &Activation, batch: &Batch) {
        let hints = &self.driver.hints;
        let (mut event, mut run) = (false, batch.run.phase().is_terminal() && self.parent.is_some());
        for effect in batch.effects() {
            match effect {
                Effect::Emit(_) => event = true,
                Effect::StartChild { .. } | Effect::CancelChild(_) => run = true,
                Effect::Subscribe(_) | Effect::Unsubscribe(_) => {}
            }
        }
        if event {
            hints.give(Hint::Event);
        }
        if run {
            hints.give(Hint::Queue(Arc::clone(&activation.queue)));
        }
    }
}

pub(super) fn name(committed: &Committed) -> &'static str {
    match committed {
        Committed::Done { .. } => "done",
        Committed::Woken { .. } => "woken",
        Committed::LeaseLost => "lease_lost",
        Committed::Rejected(_) => "rejected",
        Committed::Unknown => "unknown",
    }
}
