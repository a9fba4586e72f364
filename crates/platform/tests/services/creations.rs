//! Asking for agents, trying again, calling off.

use engine::{AgentId, RunId};
use platform::{CreationId, Error, creations};
use serde_json::json;
use store::runs;
use uuid::Uuid;

use super::world::*;

#[tokio::test]
async fn a_request_makes_agent_creation_run_and_audit_row() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    let status = world.status(requested.agent_id).await;
    assert_eq!(status["status"], "genesis_validation_pending");
    assert_eq!(status["progress_percentage"], 20);
    assert_eq!(status["stages"]["genesis_validation"]["status"], "running");
    assert_eq!(status["run_id"], json!(requested.run_id));
    let run = runs::show(&mut *world.begin().await, world.org, requested.run_id).await.unwrap();
    assert_eq!((&*run.definition_id.name, &*run.phase, &*run.started_by), ("agent-creation", "running", "user:ada"));
    assert_eq!(world.audited(&format!("creation/{}", requested.creation_id)).await, ["creation.requested"]);
}

#[tokio::test]
async fn the_run_is_given_what_its_definition_asks_for() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    let input: serde_json::Value =
        sqlx::query_scalar("select body -> 'input' from facts where run_id = $1 and seq = 0")
            .bind(requested.run_id.0)
            .fetch_one(&world.admin)
            .await
            .unwrap();
    assert_eq!(input["creationId"], json!(requested.creation_id));
    assert_eq!(input["agentId"], json!(requested.agent_id));
    assert_eq!(input["manifest"]["agent_name"], "Ada");
    assert_eq!(input["orchestrator"], "ada@example.com");
    assert_eq!(input["requestedBy"], "ada");
    assert_eq!(input["adminGate"], false);
}

#[tokio::test]
async fn a_request_that_is_rolled_back_leaves_nothing() {
    let world = World::new().await;
    let mut transaction = world.begin().await;
    request_in(&mut transaction, &world.orchestrator(), "Ada").await.unwrap();
    transaction.rollback().await.unwrap();
    for table in [
        "select count(*) from agents",
        "select count(*) from creations",
        "select count(*) from runs",
        "select count(*) from audit",
    ] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_live_name_is_taken_and_a_dead_one_is_not() {
    let world = World::new().await;
    let first = world.request("Ada").await.unwrap();
    assert_eq!(conflict(world.request("ada").await), "unique_name");
    done(world.advance(first.creation_id, "genesis_rejected").await);
    let second = world.request("ADA").await.unwrap();
    let mut transaction = world.begin().await;
    creations::cancel(&mut transaction, &world.orchestrator(), second.agent_id, "not needed", now()).await.unwrap();
    transaction.commit().await.unwrap();
    world.request("Ada").await.unwrap();
}

#[tokio::test]
async fn of_two_simultaneous_requests_for_a_name_one_is_refused() {
    let world = World::new().await;
    let actor = world.orchestrator();
    let (mut one, mut two) = (world.begin().await, world.begin().await);
    request_in(&mut one, &actor, "Ada").await.unwrap();
    let second = world.second_waits(one, request_in(&mut two, &actor, "Ada")).await;
    assert_eq!(conflict(second), "unique_name");
}

#[tokio::test]
async fn only_a_rejected_creation_is_superseded() {
    let world = World::new().await;
    let first = world.request("Ada").await.unwrap();
    let body = json!({"agent_name": "Eve", "industry": "sales", "specialty": "leads", "supersedes": first.creation_id});
    let request = || platform::input::parse(body.clone()).unwrap();
    let options = creations::Options::default();
    let actor = world.orchestrator();
    let refused = creations::request(&mut *world.begin().await, &actor, request(), options, now()).await;
    assert_eq!(conflict(refused), "supersedes_a_rejection");
    done(world.advance(first.creation_id, "genesis_rejected").await);
    creations::request(&mut *world.begin().await, &actor, request(), options, now()).await.unwrap();
}

#[tokio::test]
async fn without_its_workflow_nothing_is_created() {
    let world = World::new().await;
    let mut actor = world.orchestrator();
    actor.org = engine::OrgId(Uuid::from_u128(3));
    let mut transaction = world.store.begin(actor.org).await.unwrap();
    assert_eq!(conflict(request_in(&mut transaction, &actor, "Ada").await), "workflow_registered");
}

#[tokio::test]
async fn a_failure_is_tried_again_once_however_often_somebody_asks() {
    let world = World::new().await;
    let actor = world.orchestrator();
    let requested = world.agent_at("Ada", "code_generation").await;
    let agent = requested.agent_id;
    let refused = creations::retry_ci(&mut *world.begin().await, &actor, agent, now()).await;
    assert_eq!(conflict(refused), "retry_after_failure");
    done(world.advance(requested.creation_id, "code_generation_failed").await);
    for _ in 0..2 {
        let mut transaction = world.begin().await;
        creations::retry_ci(&mut transaction, &actor, agent, now()).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let subjects: Vec<String> = sqlx::query_scalar("select envelope ->> 'subject' from events where type = $1")
        .bind(creations::RETRIED)
        .fetch_all(&world.admin)
        .await
        .unwrap();
    assert_eq!(subjects, [requested.creation_id.to_string()]);
    let audited = world.audited(&format!("creation/{}", requested.creation_id)).await;
    assert_eq!(audited.iter().filter(|action| *action == "creation.retry_requested").count(), 1);
    assert_eq!(world.status(agent).await["status"], "code_generation_failed", "the run moves it, not the request");
}

#[tokio::test]
async fn only_a_genesis_that_did_not_answer_is_asked_again() {
    let world = World::new().await;
    let actor = world.orchestrator();
    let rejected = world.request("Ada").await.unwrap();
    done(world.advance(rejected.creation_id, "genesis_rejected").await);
    let refused = creations::retry_genesis(&mut *world.begin().await, &actor, rejected.agent_id, now()).await;
    assert_eq!(conflict(refused), "retry_after_failure");
    let silent = world.request("Eve").await.unwrap();
    done(world.advance(silent.creation_id, "genesis_timeout").await);
    creations::retry_genesis(&mut *world.begin().await, &actor, silent.agent_id, now()).await.unwrap();
}

#[tokio::test]
async fn calling_off_ends_creation_agent_and_run() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "cicd_running").await;
    let mut transaction = world.begin().await;
    creations::cancel(&mut transaction, &world.orchestrator(), requested.agent_id, "not needed", now()).await.unwrap();
    transaction.commit().await.unwrap();
    let status = world.status(requested.agent_id).await;
    assert_eq!(
        (&status["status"], &status["stages"]["cicd_pipeline"]["status"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    assert_eq!(world.agent_status(requested.agent_id).await.0, "abandoned");
    assert_eq!(world.count("select count(*) from inbox where kind = 'command'").await, 1);
    let again =
        creations::cancel(&mut *world.begin().await, &world.orchestrator(), requested.agent_id, "x", now()).await;
    assert_eq!(conflict(again), "illegal_transition");
}

#[tokio::test]
async fn creations_are_listed_page_by_page() {
    let world = World::new().await;
    for name in ["Ada", "Eve", "Joan"] {
        world.request(name).await.unwrap();
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = creations::list(&mut *world.begin().await, world.org, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(creations::Cursor { created_at: last.created_at, id: last.creation_id });
        names.extend(page.into_iter().map(|creation| creation.agent_name));
    }
    names.sort();
    assert_eq!(names, ["Ada", "Eve", "Joan"]);
    let theirs = creations::list(&mut *world.begin().await, world.other, None, 10).await.unwrap();
    assert!(theirs.is_empty());
}

#[tokio::test]
async fn an_unknown_agent_is_not_found() {
    let world = World::new().await;
    let nobody = AgentId(Uuid::nil());
    let mut transaction = world.begin().await;
    let status = creations::status(&mut transaction, world.org, nobody).await;
    assert!(matches!(status, Err(Error::NotFound { what: "agent", .. })));
    let retried = creations::retry_ci(&mut transaction, &world.orchestrator(), nobody, now()).await;
    assert!(matches!(retried, Err(Error::NotFound { what: "agent", .. })));
    let moved = world.call(RunId(Uuid::nil()), "advance-creation", move_to(CreationId(Uuid::nil()), "genesis_timeout"));
    assert_eq!(failed(moved.await).status, 404);
}
