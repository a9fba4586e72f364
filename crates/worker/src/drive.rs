//! Driving one run: from its claim, commit after commit, until nothing is left to do in memory.
//!
//! ```text
//!          ┌────────────────────────────────────────────────────────────────────────────────┐
//!          ▼                                                                                │
//!  inbox (if woken) ─▶ gather facts ─┬ some ─▶ flush ─▶ adopt, follow the pending calls ─────┤
//!                                    ├ none, a transactional call ─▶ its transaction ────────┤
//!                                    ├ none, a new wait for events ─▶ look back for it ──────┤
//!                                    ├ none, calls or a near timer ─▶ wait ──────────────────┘
//!                                    └ none at all ─▶ park
//! ```
//!
//! At most one flush is in flight. Facts are applied to a private copy and count when they are committed; calls start after
//! that. Recovery is no case of its own: a run that was read back follows its pending calls as after any commit.

mod aside;
mod commit;
mod load;
mod transact;

use std::ops::ControlFlow;

use engine::{Call, CallContext, Diverged, FactBody, Run};
use store::{
    Parent,
    history::{self, Message},
};

use crate::{
    batch::{Batch, Owed},
    call::Attempt,
    calls::Calls,
    driver::Driver,
    functions::Registered,
    leases::Activation,
    turns::Turn,
};

/// A run that is being driven.
#[derive(Debug)]
pub(crate) struct Drive<'a> {
    driver: &'a Driver,
    turn: Turn,
    parent: Option<Parent>,
    run: Run,
    owed: Owed,
    calls: Calls,
    /// What was in the inbox when it was read.
    messages: Vec<Message>,
    /// The wake up to which the inbox has been read.
    seen: i64,
    /// The wake that the last commit reported.
    wake: i64,
    /// Whether a wait for events has been committed that has not looked back for earlier ones.
    unscanned: bool,
    /// Facts, and bytes of them, since the last snapshot.
    since_snapshot: (u64, usize),
}

/// How a drive ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The run is parked, has ended or was set aside: its lease is gone.
    Over,
    /// The run is another's.
    Lost,
    /// The run goes on with whoever claims it next.
    GivenBack,
}

/// Why a run cannot be driven on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else may.
    GiveBack,
    /// Nobody can, for this reason.
    SetAside(String),
}

impl End {
    /// Its name, as it is measured.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Lost => "lost",
            Self::GivenBack => "given_back",
        }
    }
}

impl From<Diverged> for Stop {
    fn from(diverged: Diverged) -> Self {
        if diverged.passing {
            tracing::warn!(reason = %diverged, "a run cannot be driven on here and now");
            return Self::GiveBack;
        }
        Self::SetAside(diverged.to_string())
    }
}

/// What a step of a drive leads to: on, or to its end.
type Onward = ControlFlow<End>;

impl<'a> Drive<'a> {
    /// Drives on until the end.
    pub(crate) async fn run(mut self, mut activation: Activation) -> End {
        loop {
            let end = match self.step(&mut activation).await {
                Ok(ControlFlow::Continue(())) => continue,
                Ok(ControlFlow::Break(end)) => end,
                Err(stop) => return Self::halt(self.driver, activation, stop).await,
            };
            if end != End::GivenBack {
                activation.end();
            }
            return end;
        }
    }

    async fn step(&mut self, activation: &mut Activation) -> Result<Onward, Stop> {
        if self.driver.stop.is_cancelled() {
            return Err(Stop::GiveBack);
        }
        if activation.wake().max(self.wake) > self.seen {
            self.read_inbox(activation).await?;
        }
        self.follow(activation)?;
        let batch = self.gather()?;
        if !batch.is_empty() {
            return self.flush(activation, batch).await;
        }
        if let Some((call, function)) = self.transactional() {
            return self.transact(activation, call, function).await;
        }
        if self.unscanned {
            return self.look_back(activation).await;
        }
        if self.stays(&batch) {
            return Ok(self.wait(activation).await);
        }
        self.flush(activation, batch).await
    }

    async fn read_inbox(&mut self, activation: &Activation) -> Result<(), Stop> {
        let (wake, store) = (activation.wake().max(self.wake), &self.driver.store);
        let read = || async { Ok(history::inbox(&mut *store.engine().await?, activation.run()).await?) };
        self.messages = self.driver.read(read).await?;
        self.seen = wake;
        Ok(())
    }

    /// The facts that can be recorded now: calls that have ended, messages, due timers, or the next burst of pure tasks.
    fn gather(&self) -> Result<Batch, Diverged> {
        let mut batch = Batch::new(self.run.clone(), self.driver.clock.now());
        batch.catch_up(&self.owed)?;
        for ended in self.calls.ended() {
            batch.add(ended.fact(batch.at()))?;
        }
        for message in &self.messages {
            batch.take(message)?;
        }
        batch.fire()?;
        if batch.is_empty() && batch.pending().yielded {
            batch.add(FactBody::Continued)?;
        }
        if batch.run.facts() > self.driver.config.history_limit && !batch.run.phase().is_terminal() {
            let reason = format!("the history has more than {} facts", self.driver.config.history_limit);
            batch.add(FactBody::Cancelled { reason })?;
        }
        Ok(batch)
    }

    /// Starts the calls that are pending and not under way, and cancels those that are pending no longer.
    fn follow(&mut self, activation: &Activation) -> Result<(), Stop> {
        let wanted = self.run.pending().calls;
        self.calls.keep(&wanted);
        for call in wanted {
            match self.driver.functions.get(&call.function) {
                Some(Registered::External(_)) if self.calls.has(&call) => {}
                Some(Registered::External(function)) => {
                    let attempt = Attempt {
                        function: function.clone(),
                        context: self.context(activation, &call),
                        input: call.input.clone(),
                        nonce: self.run.nonce().to_owned(),
                        secrets: self.driver.secrets.clone(),
                        output_limit: self.driver.config.output_limit,
                    };
                    self.calls.start(call, attempt);
                }
                Some(Registered::Transactional(_)) => {}
                None => {
                    let (name, version) = (&call.function.name, &call.function.version);
                    return Err(Stop::SetAside(format!(
                        "it calls {name}:{version}, which no worker that claims it has"
                    )));
                }
            }
        }
        Ok(())
    }

    fn context(&self, activation: &Activation, call: &Call) -> CallContext {
        CallContext {
            org: activation.org,
            run: self.run.id(),
            step: call.step.clone(),
            idempotency_key: call.step.idempotency_key(self.run.id()),
            attempt: call.attempt,
            now: self.driver.clock.now(),
        }
    }

    /// Whether the run has something to do, or to wait for, that is worth staying in memory.
    fn stays(&self, batch: &Batch) -> bool {
        let pending = batch.pending();
        let left = pending.timer.and_then(|timer| self.driver.clock.left(timer.due));
        pending.yielded || !pending.calls.is_empty() || left.is_some_and(|left| left < self.driver.config.short_wait)
    }

    /// Waits until there may be something to record, or for the order to stop.
    async fn wait(&mut self, activation: &mut Activation) -> Onward {
        let Self { driver, calls, turn, seen, run, .. } = self;
        let due = run.pending().timer.map(|timer| timer.due);
        let timer = async {
            match due {
                Some(due) => driver.clock.until(due).await,
                None => std::future::pending().await,
            }
        };
        let mut alone = turn.is_alone();
        let onward = tokio::select! {
            () = calls.next() => ControlFlow::Continue(()),
            () = activation.woken(*seen) => ControlFlow::Continue(()),
            () = timer => ControlFlow::Continue(()),
            () = tokio::time::sleep(driver.config.solitude), if alone => {
                alone = false;
                ControlFlow::Continue(())
            }
            () = turn.asked() => ControlFlow::Break(End::GivenBack),
            () = driver.stop.cancelled() => ControlFlow::Break(End::GivenBack),
        };
        activation.busy();
        if !alone {
            turn.share();
        }
        onward
    }

    /// Finds the events that came before a new wait for them was committed.
    async fn look_back(&mut self, activation: &Activation) -> Result<Onward, Stop> {
        let read = || async { Ok(self.driver.router.look_back(Some(activation.run())).await?) };
        let found = self.driver.read(read).await?;
        self.unscanned = false;
        if found > 0 {
            self.seen -= 1; // it is in the inbox by now, whatever wake it made
        }
        Ok(ControlFlow::Continue(()))
    }
}
