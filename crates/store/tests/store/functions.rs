//! Transactional functions: exactly once, within their organisation.

use std::time::Duration;

use definitions::{Data, FunctionName};
use engine::{CallContext, Descriptor, Fault, FaultKind, Idempotency, OrgId, Outcome};
use store::{Committed, Connection, Flush, TransactionalFunction, TransactionalFuture, audit, transact};
use uuid::Uuid;

use crate::world::{World, done, fact, now, step};

/// Writes a row of the audit trail into the organisation that its input names, and returns what it is told to.
struct Note {
    descriptor: Descriptor,
    outcome: Outcome,
}

impl TransactionalFunction for Note {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn call<'a>(
        &'a self,
        connection: &'a mut Connection,
        context: &'a CallContext,
        input: Data,
    ) -> TransactionalFuture<'a> {
        Box::pin(async move {
            let org = input.as_str().map_or(context.org, |org| org.parse().unwrap());
            let entry = audit::Entry {
                actor: format!("run:{}", context.run),
                action: "noted".to_owned(),
                subject: "note".to_owned(),
                run: Some(context.run),
                correlation: context.idempotency_key.clone(),
                details: Data::NULL,
            };
            audit::append(connection, org, &entry, context.now).await?;
            Ok(self.outcome.clone())
        })
    }
}

fn note(outcome: Outcome) -> Note {
    let name = FunctionName { name: "note".into(), version: "1.0.0".into() };
    let descriptor = Descriptor { name, idempotency: Idempotency::Keyed, timeout: Duration::from_secs(1) };
    Note { descriptor, outcome }
}

async fn call(world: &World, lease: store::Lease, outcome: Outcome, input: Data) -> store::Result<Committed> {
    let context = CallContext {
        org: world.org,
        run: lease.run,
        step: step("/do/0/note"),
        idempotency_key: step("/do/0/note").idempotency_key(lease.run),
        attempt: 1,
        now: now(),
    };
    let record = |_| Flush { facts: vec![fact()], ..world.flush(lease, 1) };
    transact(&world.store, &note(outcome), &context, input, record).await
}

#[tokio::test]
async fn the_functions_rows_and_its_fact_are_committed_together() {
    let world = World::new().await;
    let claim = world.held().await;
    let committed = call(&world, claim.lease, Outcome::Done(Data::NULL), Data::NULL).await.unwrap();
    assert_eq!(done(&committed), (1, true));
    assert_eq!(world.count("select count(*) from audit").await, 1);
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 1);
}

#[tokio::test]
async fn a_call_under_a_lost_lease_leaves_nothing() {
    let world = World::new().await;
    let claim = world.held().await;
    sqlx::query("update activations set lease = '\\x00'").execute(&world.admin).await.unwrap();
    let committed = call(&world, claim.lease, Outcome::Done(Data::NULL), Data::NULL).await.unwrap();
    assert!(matches!(committed, Committed::LeaseLost));
    assert_eq!(world.count("select count(*) from audit").await, 0);
}

#[tokio::test]
async fn a_call_that_fails_leaves_its_fact_alone() {
    let world = World::new().await;
    let claim = world.held().await;
    let outcome = Outcome::Fail(Fault::new(FaultKind::Runtime, "no"));
    done(&call(&world, claim.lease, outcome, Data::NULL).await.unwrap());
    assert_eq!(world.count("select count(*) from audit").await, 0);
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 1);
}

#[tokio::test]
async fn a_function_cannot_leave_its_organisation() {
    let world = World::new().await;
    let claim = world.held().await;
    let other = OrgId(Uuid::now_v7()).to_string();
    let error = call(&world, claim.lease, Outcome::Done(Data::NULL), Data::from(other)).await.unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 0);
}
