//! What the forge reports, and what becomes of it.

use platform::creations;
use serde_json::{Value, json};

use super::world::*;

#[tokio::test]
async fn a_build_is_shown_stage_by_stage_and_passes_with_everything() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "cicd_running").await;
    let before = creations::pipeline(&mut *world.begin().await, world.org, requested.agent_id).await.unwrap();
    for (told, report) in passing().into_iter().enumerate() {
        let verdict = world.report(requested.creation_id, vec![report]).await;
        let expected = if told == 5 { "passed" } else { "running" };
        assert_eq!(verdict, json!({"status": expected}));
    }
    let after = creations::pipeline(&mut *world.begin().await, world.org, requested.agent_id).await.unwrap();
    assert!(after.version > before.version, "those who poll see a change");
    let shown = json!(after);
    assert_eq!(shown["stages"][1]["stage"], "unit_tests");
    assert_eq!((&shown["stages"][1]["status"], &shown["stages"][1]["duration"]), (&json!("passed"), &json!(63)));
    assert_eq!(shown["github_actions_url"], "https://forge.local/agents/ada/actions/runs/7");
    assert_eq!(world.status(requested.agent_id).await["progress_percentage"], 80);
}

#[tokio::test]
async fn a_failed_stage_halts_the_creation_once() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "cicd_running").await;
    let failure = vec![job(1, "lint", "success"), job(1, "unit-tests", "failure"), job(1, "build", "skipped")];
    for _ in 0..2 {
        let verdict = world.report(requested.creation_id, failure.clone()).await;
        assert_eq!(verdict, json!({"status": "failed", "failedStage": "unit_tests", "conclusion": "failure"}));
    }
    assert_eq!(world.status(requested.agent_id).await["status"], "cicd_failed");
    let audited = world.audited(&format!("creation/{}", requested.creation_id)).await;
    assert_eq!(audited.iter().filter(|action| *action == "creation.cicd_failed").count(), 1);
}

#[tokio::test]
async fn what_is_told_again_changes_nothing() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "cicd_running").await;
    world.report(requested.creation_id, vec![job(1, "lint", "success")]).await;
    let before = world.status(requested.agent_id).await;
    let noise = vec![job(1, "lint", "success"), job(1, "deploy", "failure"), json!({"zen": "…"}), Value::Null];
    assert_eq!(world.report(requested.creation_id, noise).await["status"], "running");
    assert_eq!(world.status(requested.agent_id).await, before);
    let mut another = job(1, "lint", "failure");
    another["workflow_job"]["run_id"] = json!(8);
    assert_eq!(world.report(requested.creation_id, vec![another]).await["status"], "running", "another build's");
    assert_eq!(world.count("select count(*) from ci_stages").await, 1);
}

#[tokio::test]
async fn a_second_attempt_is_judged_by_itself() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "cicd_running").await;
    let id = requested.creation_id;
    world.report(id, vec![job(1, "lint", "success"), job(1, "unit-tests", "failure")]).await;
    let again = json!({"creationId": id, "to": "cicd_running", "ci": {"runId": 7, "attempt": 2}});
    done(world.call(requested.run_id, "advance-creation", again).await);
    let late = vec![job(1, "unit-tests", "failure"), build(1, "failure")];
    assert_eq!(world.report(id, late).await["status"], "running", "the first attempt decides nothing any more");
    let mut rest: Vec<_> =
        ["unit-tests", "build", "integration-tests", "push"].map(|name| job(2, name, "success")).into();
    rest.push(build(2, "success"));
    assert_eq!(world.report(id, rest).await["status"], "passed", "lint passed in the first attempt");
    done(world.advance(id, "deployment_ready").await);
}

#[tokio::test]
async fn reports_of_a_creation_that_waits_for_none_are_refused() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    let input = json!({"creationId": requested.creation_id, "reports": passing()});
    assert_eq!(failed(world.call(requested.run_id, "record-ci-event", input).await).status, 409);
    assert_eq!(world.count("select count(*) from ci_stages").await, 0);
}
