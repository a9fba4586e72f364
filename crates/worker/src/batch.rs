//! A run's next flush in the making: facts applied to a private copy of the run, with all that they cause.
//!
//! Nothing of it counts before it is committed: a commit that is refused, or that comes too late for what is in the inbox,
//! drops the batch, and the run is what it was.

use engine::{Chance, Diverged, Effect, Fact, FactBody, Pending, Phase, Run, Timestamp};
use store::{
    Recorded,
    history::{InboxId, Message, MessageBody},
};

/// Facts that are not committed yet.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The run after them.
    pub(crate) run: Run,
    /// The `seq` of the first.
    pub(crate) seq: u64,
    pub(crate) facts: Vec<Recorded>,
    /// Messages that lead to no fact.
    pub(crate) discarded: Vec<InboxId>,
    /// Whether a fact would not have been made had the run been woken before.
    pub(crate) only_unless_woken: bool,
    at: Timestamp,
}

/// What the first fact led to, until the next one is committed.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pub(crate) effects: Vec<Effect>,
    pub(crate) chance: Vec<Chance>,
}

impl Owed {
    fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.chance.is_empty()
    }
}

impl Batch {
    /// Nothing yet; what is added happens at `now`, or at the run's last fact if that is later.
    pub(crate) fn new(run: Run, now: Timestamp) -> Self {
        let (seq, at) = (run.facts(), now.max(run.now()));
        Self { run, seq, facts: Vec::new(), discarded: Vec::new(), only_unless_woken: false, at }
    }

    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.discarded.is_empty()
    }

    /// Whether a message that the batch does not take can be taken after it.
    pub(crate) fn leaves(&self, message: &Message) -> bool {
        let taken = self.facts.iter().filter_map(|recorded| recorded.consumes).chain(self.discarded.iter().copied());
        !taken.into_iter().any(|id| id == message.id) && !must_wait(&self.run, &message.body)
    }

    /// What the run waits for after the facts.
    pub(crate) fn pending(&self) -> Pending {
        self.run.pending()
    }

    /// The effects of all facts.
    pub(crate) fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.facts.iter().flat_map(|recorded| &recorded.effects)
    }

    /// When its facts happen.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Adds what the run's first fact led to. Whoever started the run recorded that fact without the machine, so it is
    /// committed with the next one, whatever it is; while there is no next one, it is still to come.
    ///
    /// # Errors
    /// The run cannot go on.
    pub(crate) fn catch_up(&mut self, owed: &Owed) -> Result<(), Diverged> {
        if !owed.is_empty() {
            self.add(FactBody::Continued)?;
            if let Some(recorded) = self.facts.last_mut() {
                recorded.effects.splice(0..0, owed.effects.iter().cloned());
                recorded.fact.chance.splice(0..0, owed.chance.iter().cloned());
            }
        }
        Ok(())
    }

    /// Adds a fact.
    ///
    /// # Errors
    /// It does not fit the run.
    pub(crate) fn add(&mut self, body: FactBody) -> Result<(), Diverged> {
        self.record(body, None)
    }

    fn record(&mut self, body: FactBody, consumes: Option<InboxId>) -> Result<(), Diverged> {
        let mut fact = Fact::new(self.at, body);
        let effects = self.run.record(&mut fact)?;
        self.facts.push(Recorded { fact, effects, consumes });
        Ok(())
    }

    /// Adds what a message says, unless it has to wait. A run that has ended takes nothing any more.
    ///
    /// # Errors
    /// It does not fit the run.
    pub(crate) fn take(&mut self, message: &Message) -> Result<(), Diverged> {
        let paused = matches!(self.run.phase(), Phase::Suspended);
        if self.run.phase().is_terminal() {
            self.discarded.push(message.id);
            return Ok(());
        }
        if must_wait(&self.run, &message.body) {
            return Ok(());
        }
        let body = match message.body.clone() {
            MessageBody::Event { step, filter, event } if !self.run.wants(&step, filter, &event)? => {
                self.discarded.push(message.id); // an earlier one ended the wait; a later wait may have this one
                return Ok(());
            }
            MessageBody::Event { step, filter, event } => FactBody::EventReceived { step, filter, event },
            MessageBody::ChildEnded { step, child, outcome } => FactBody::ChildEnded { step, child, outcome },
            MessageBody::Cancel { reason } => FactBody::Cancelled { reason },
            MessageBody::Suspend if !paused => FactBody::Suspended,
            MessageBody::Resume if paused => FactBody::Resumed,
            MessageBody::Suspend | MessageBody::Resume => {
                self.discarded.push(message.id);
                return Ok(());
            }
        };
        self.record(body, Some(message.id))
    }

    /// Adds every timer that is due.
    ///
    /// # Errors
    /// One does not fit the run.
    pub(crate) fn fire(&mut self) -> Result<(), Diverged> {
        let mut last = None;
        while let Some(timer) =
            self.pending().timer.filter(|timer| timer.due <= self.at && last.as_ref() != Some(timer))
        {
            self.add(FactBody::TimerFired { step: timer.step.clone(), timer: timer.kind })?;
            self.only_unless_woken = true;
            last = Some(timer);
        }
        Ok(())
    }
}

/// Whether a message stays in the inbox: while the run is paused, all but commands; while a `listen` is at work on an event,
/// its next ones.
fn must_wait(run: &Run, message: &MessageBody) -> bool {
    let paused = matches!(run.phase(), Phase::Suspended);
    match message {
        MessageBody::Event { step, .. } => paused || run.is_busy(step),
        MessageBody::ChildEnded { .. } => paused,
        MessageBody::Cancel { .. } | MessageBody::Suspend | MessageBody::Resume => false,
    }
}
