//! Promises between teams: missed ones are recorded once and decide nothing.

use engine::{Data, Function, Outcome};
use platform::functions::{Genesis, RequestGenesis};
use serde_json::{Value, json};

use super::world::*;

#[tokio::test]
async fn a_missed_review_is_recorded_once_and_the_handoff_stays_open() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap();
    let input = json!({"handoffId": handoff.handoff_id});
    let record = async |at| {
        let mut transaction = world.begin().await;
        let name = "record-ola-breach";
        let outcome = world.call_at(at, &mut transaction, requested.run_id, name, input.clone()).await;
        transaction.commit().await.unwrap();
        outcome
    };
    assert_eq!(failed(record(later(23)).await).status, 409, "not missed yet");
    for recorded in [true, false] {
        let breach = done(record(later(24)).await);
        assert_eq!(breach, json!({"escalateTo": "admin@example.com", "recorded": recorded}));
    }
    assert_eq!(world.count("select count(*) from ola_breaches").await, 1);
    let audited = world.audited(&format!("handoff/{}", handoff.handoff_id)).await;
    assert_eq!(audited, ["handoff.submitted", "ola.breached"]);
    assert_eq!(world.status(requested.agent_id).await["status"], "handoff_pending");
}

#[tokio::test]
async fn a_slow_genesis_is_recorded_once() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    for recorded in [true, false] {
        let delay = world.call(requested.run_id, "record-genesis-delay", json!({"requestId": "q1"})).await;
        assert_eq!(done(delay)["recorded"], recorded);
    }
}

async fn ask(genesis: Genesis, input: Value) -> Outcome {
    let nil = uuid::Uuid::nil();
    let context = context(engine::OrgId(nil), engine::RunId(nil), now());
    RequestGenesis::new(genesis).call(&context, Data::from(input)).await
}

fn question() -> Value {
    let body = json!({"agent_name": "Ada", "industry": "sales", "specialty": "leads"});
    let request: platform::agents::CreationRequest = platform::input::parse(body).unwrap();
    json!({"kind": "agent_creation", "subjectId": "1", "manifest": platform::agents::Manifest::from(request)})
}

#[tokio::test]
async fn the_built_in_genesis_judges_what_it_is_shown() {
    let approved = done(ask(Genesis::BuiltIn(None), question()).await);
    assert_eq!(approved["status"], "approved");
    let mut overreach = question();
    overreach["manifest"]["data"]["scopes"] = json!([{"name": "industry_data", "access": "read"}]);
    let rejected = done(ask(Genesis::BuiltIn(None), overreach).await);
    assert_eq!(rejected["status"], "rejected");
    assert!(rejected["reason"].as_str().unwrap().contains("data_privacy"), "{rejected}");
}

#[tokio::test]
async fn a_genesis_without_policies_is_an_error_and_no_approval() {
    let empty = tempfile::tempdir().unwrap();
    let fault = failed(ask(Genesis::BuiltIn(Some(empty.path().to_owned())), question()).await);
    assert!(fault.detail.unwrap().contains("lack the check"));
    let mut strange = question();
    strange["manifest"]["hidden"] = json!(true);
    assert_eq!(failed(ask(Genesis::BuiltIn(None), strange).await).status, 400);
}
