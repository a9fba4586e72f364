//! Transactional functions: what a run does to the database, exactly once.
//!
//! A call runs in a transaction of its own, which is at the same time its run's one flush in flight: the function's rows and
//! the fact that it returned are committed together, or neither. Its locks come first: domain rows, gates, then the run's
//! activation, just before the facts (DESIGN 5, 4).

use std::{future::Future, pin::Pin};

use definitions::Data;
use engine::{CallContext, Descriptor, Outcome};
use sqlx::Acquire;

use crate::{Committed, Connection, Flush, Result, Store, Transaction, commit, pool};

/// The future of a transactional call.
pub type TransactionalFuture<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + Send + 'a>>;

/// A function of the host that only writes to the database.
pub trait TransactionalFunction: Send + Sync {
    /// What the function is.
    fn descriptor(&self) -> &Descriptor;

    /// Runs it. It sees its run's organisation only, and writes over `connection` only. What it has written is undone unless
    /// it returns [`Outcome::Done`].
    fn call<'a>(
        &'a self,
        connection: &'a mut Connection,
        context: &'a CallContext,
        input: Data,
    ) -> TransactionalFuture<'a>;
}

impl<F: TransactionalFunction + ?Sized> TransactionalFunction for std::sync::Arc<F> {
    fn descriptor(&self) -> &Descriptor {
        (**self).descriptor()
    }

    fn call<'a>(
        &'a self,
        connection: &'a mut Connection,
        context: &'a CallContext,
        input: Data,
    ) -> TransactionalFuture<'a> {
        (**self).call(connection, context, input)
    }
}

/// Runs a function and commits its rows together with the flush that `record` makes of its outcome.
///
/// # Errors
/// The function's own error or the database's, before anything was committed.
pub async fn transact(
    store: &Store,
    function: &dyn TransactionalFunction,
    context: &CallContext,
    input: Data,
    record: impl FnOnce(Outcome) -> Flush + Send,
) -> Result<Committed> {
    let mut transaction = store.begin_engine().await?;
    pool::act_for(&mut transaction, context.org).await?;
    let outcome = call(function, &mut transaction, context, input).await?;
    pool::act_as_engine(&mut transaction).await?;
    let flush = record(outcome);
    let committed = commit::write(&mut transaction, &[&flush]).await?.pop().unwrap_or(Committed::LeaseLost);
    if !matches!(committed, Committed::Done { .. }) {
        transaction.rollback().await?;
        return Ok(committed);
    }
    // Whatever goes wrong here, the commit may have reached the disk.
    Ok(match transaction.commit().await {
        Ok(()) => committed,
        Err(_) => Committed::Unknown,
    })
}

/// Calls the function within a savepoint, so that a call that does not succeed leaves nothing behind but its fact.
async fn call(
    function: &dyn TransactionalFunction,
    transaction: &mut Transaction,
    context: &CallContext,
    input: Data,
) -> Result<Outcome> {
    let mut savepoint = transaction.begin().await?;
    let outcome = function.call(&mut savepoint, context, input).await?;
    match outcome {
        Outcome::Done(_) => savepoint.commit().await?,
        Outcome::Retry { .. } | Outcome::Fail(_) => savepoint.rollback().await?,
    }
    Ok(outcome)
}
