//! A creation that is called off leaves nothing running and nothing to decide.

use platform::{
    creations::{self, Options},
    functions::Genesis,
};
use serde_json::json;
use store::Hint;

use crate::{
    house::{House, PATIENCE, orchestrator, start},
    yard,
};

async fn call_off(house: &House, requested: &creations::Requested) {
    let mut transaction = house.begin().await;
    creations::cancel(&mut transaction, &orchestrator(), requested.agent_id, "stop", start()).await.unwrap();
    transaction.commit().await.unwrap();
    house.hints.give(Hint::Event);
    house.hints.give(Hint::Queue("default".into()));
}

#[tokio::test]
async fn its_build_is_cancelled_at_the_forge() {
    let mut house = House::build(Genesis::BuiltIn(None)).await;
    let _worker = house.work();
    let requested = house.request(json!({}), Options::default()).await;
    house.committed("listens com.github.workflow_run.completed").await;
    call_off(&house, &requested).await;
    let cancelled = tokio::time::timeout(PATIENCE, house.cancelled.recv()).await.expect("the forge is told");
    assert_eq!(cancelled, Some(yard::RUN));
    assert!(house.post.is_empty());
}

#[tokio::test]
async fn its_gate_is_withdrawn_and_its_run_is_cancelled() {
    let mut house = House::build(Genesis::BuiltIn(None)).await;
    let _worker = house.work();
    let requested = house.request(json!({}), Options { admin_gate: true }).await;
    house.committed("listens com.stationmaster.gate.resolved").await;
    assert_eq!(house.count("select count(*) from gates where state = 'pending'").await, 1);
    call_off(&house, &requested).await;
    house.committed("phase cancelled").await;
    assert_eq!(house.count("select count(*) from gates where state = 'withdrawn'").await, 1);
    assert_eq!(house.count("select count(*) from audit where action = 'gate.withdrawn'").await, 1);
    assert!(house.cancelled.is_empty(), "nothing was being built");
}
