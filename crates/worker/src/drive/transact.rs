//! Transactional calls: the function's rows and the fact of its result in one transaction, which is the run's one flush.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use definitions::Data;
use engine::{Call, CallContext, Descriptor, Fault, FaultKind, Outcome};
use futures::FutureExt;
use store::{Committed, Connection, Flush, Hint, Then, TransactionalFunction, TransactionalFuture};

use super::{Drive, Onward, Stop};
use crate::{
    batch::Batch,
    call,
    calls::{self, Timed},
    functions::Registered,
    leases::Activation,
};

/// The pause before a call whose transaction failed is tried again: doubled with each attempt, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// A wake that no run has.
const NEVER: i64 = -1;

impl Drive<'_> {
    /// The next pending call of a transactional function.
    pub(super) fn transactional(&self) -> Option<(Call, Arc<dyn TransactionalFunction>)> {
        let functions = &self.driver.functions;
        self.run.pending().calls.into_iter().find_map(|call| match functions.get(&call.function) {
            Some(Registered::Transactional(function)) => Some((call, Arc::clone(function))),
            Some(Registered::External(_)) | None => None,
        })
    }

    /// Runs it and commits its result.
    pub(super) async fn transact(
        &mut self,
        activation: &Activation,
        call: Call,
        function: Arc<dyn TransactionalFunction>,
    ) -> Result<Onward, Stop> {
        let (driver, timed) = (self.driver, Timed::begin(&call.function));
        let checked = Checked { function: function.as_ref(), output_limit: driver.config.output_limit };
        let (context, limit) = (self.context(activation, &call), function.descriptor().timeout);
        let mut recorded = None;
        let record = |outcome: Outcome| {
            timed.end(&outcome);
            let (flush, made) = self.record(activation, &call, outcome);
            recorded = Some(made);
            flush
        };
        let transaction = store::transact(&driver.store, &checked, &context, call.input.clone(), record);
        let committed = match tokio::time::timeout(limit, transaction).await {
            Ok(Ok(committed)) => committed,
            Ok(Err(error)) => return self.failed(activation, &call, &error).await,
            // Unless it was already being committed, it is undone.
            Err(_) if recorded.is_some() => Committed::Unknown,
            Err(_) => {
                let detail = format!("the function `{}` did not return within {limit:?}", call.function.name);
                return self.faulted(activation, &call, Fault::new(FaultKind::Timeout, detail)).await;
            }
        };
        driver.hints.give(Hint::Event);
        driver.hints.give(Hint::Audit);
        let Some((batch, snapshot)) = recorded else { return Err(Stop::GiveBack) };
        self.conclude(activation, batch?, snapshot, committed)
    }

    /// The flush that records an outcome, and what it makes of the run.
    fn record(&self, activation: &Activation, call: &Call, outcome: Outcome) -> (Flush, (Result<Batch, Stop>, bool)) {
        let mut batch = Batch::new(self.run.clone(), self.driver.clock.now());
        let added = batch.add(calls::fact(call, outcome, batch.at()));
        let mut flush = self.prepare(activation, &batch);
        let snapshot = flush.snapshot.is_some();
        if let Err(diverged) = added {
            if diverged.passing {
                flush.expect_wake = Some(NEVER); // refused, so that what the function did is undone
            } else {
                flush.then = Then::Quarantine { reason: diverged.to_string() };
            }
            return (flush, (Err(diverged.into()), false));
        }
        (flush, (Ok(batch), snapshot))
    }

    /// Nothing was committed: a passing failure of the database is tried again later, anything else is the call's error.
    async fn failed(&mut self, activation: &Activation, call: &Call, error: &store::Error) -> Result<Onward, Stop> {
        let fault = Fault::new(FaultKind::Runtime, format!("the function `{}`: {error}", call.function.name));
        if !error.is_transient() {
            return self.faulted(activation, call, fault).await;
        }
        let after = PAUSE.0.saturating_mul(1 << call.attempt.min(16)).min(PAUSE.1);
        self.settle(activation, call, Outcome::Retry { after, fault }).await
    }

    async fn faulted(&mut self, activation: &Activation, call: &Call, fault: Fault) -> Result<Onward, Stop> {
        self.settle(activation, call, Outcome::Fail(fault)).await
    }

    /// Records an outcome that wrote nothing, by the way of all facts.
    async fn settle(&mut self, activation: &Activation, call: &Call, outcome: Outcome) -> Result<Onward, Stop> {
        let mut batch = Batch::new(self.run.clone(), self.driver.clock.now());
        batch.add(calls::fact(call, call::check(outcome, self.driver.config.output_limit), batch.at()))?;
        self.flush(activation, batch).await
    }
}

/// A function whose panics are faults and whose outcome can be recorded.
struct Checked<'a> {
    function: &'a dyn TransactionalFunction,
    output_limit: usize,
}

impl TransactionalFunction for Checked<'_> {
    fn descriptor(&self) -> &Descriptor {
        self.function.descriptor()
    }

    fn call<'a>(
        &'a self,
        connection: &'a mut Connection,
        context: &'a CallContext,
        input: Data,
    ) -> TransactionalFuture<'a> {
        Box::pin(async move {
            let call = AssertUnwindSafe(async { self.function.call(connection, context, input).await }).catch_unwind();
            let outcome = match call.await {
                Ok(outcome) => outcome?,
                Err(_panic) => {
                    let name = &self.descriptor().name.name;
                    Outcome::Fail(Fault::new(FaultKind::Runtime, format!("the function `{name}` panicked")))
                }
            };
            Ok(call::check(outcome, self.output_limit))
        })
    }
}
