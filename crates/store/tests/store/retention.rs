//! What is old is deleted; what goes on, and what proves, is kept.

use engine::Phase;
use store::{
    Flush, events, idempotency,
    retention::{self, Purged},
};

use crate::world::{World, done, event, fact, now};

#[tokio::test]
async fn ended_runs_routed_events_and_old_requests_are_deleted_and_nothing_else() {
    let world = World::new().await;
    let (ended, going_on) = (world.held().await, world.held().await);
    let phase = Phase::Cancelled { reason: "enough".to_owned() };
    done(&world.commit(Flush { facts: vec![fact()], phase, ..world.flush(ended.lease, 1) }).await);
    let mut transaction = world.store.begin(world.org).await.unwrap();
    events::publish(&mut transaction, world.org, &event("1", "test.routed"), now()).await.unwrap();
    events::publish(&mut transaction, world.org, &event("2", "test.unrouted"), now()).await.unwrap();
    events::webhook(&mut transaction, world.org, "github", "1", now()).await.unwrap();
    let request = idempotency::Request { org: world.org, caller: "ada", key: "k", request_hash: b"" };
    idempotency::take(&mut transaction, &request, now()).await.unwrap();
    transaction.commit().await.unwrap();
    sqlx::query("update events set routed = true where id = '1'").execute(&world.admin).await.unwrap();

    let mut connection = world.store.begin_engine().await.unwrap();
    assert_eq!(retention::purge(&mut connection, now(), 10).await.unwrap(), Purged::default(), "nothing is old yet");
    let later = now() + chrono::Duration::days(180);
    let purged = retention::purge(&mut connection, later, 10).await.unwrap();
    assert_eq!(purged, Purged { runs: 1, events: 1, idempotency_keys: 1, webhook_deliveries: 1 });
    connection.commit().await.unwrap();
    let runs: Vec<uuid::Uuid> =
        sqlx::query_scalar("select run_id from runs join facts using (run_id)").fetch_all(&world.admin).await.unwrap();
    assert_eq!(runs, [going_on.lease.run.0]);
    assert_eq!(world.count("select count(*) from facts").await, 1);
    assert_eq!(world.count("select count(*) from event_ids").await, 2, "a repetition is still refused");
}

#[tokio::test]
async fn the_history_of_a_run_that_goes_on_is_kept_from_everybody() {
    let world = World::new().await;
    world.held().await;
    for statement in ["delete from facts", "update facts set at = now()", "truncate facts"] {
        let error = sqlx::query(statement).execute(&world.admin).await.unwrap_err();
        assert!(error.to_string().contains("is refused"), "{statement}: {error}");
    }
}
