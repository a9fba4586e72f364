//! Handing over: submitted, accepted, sent back, by whom, and how often.

use chrono::{DateTime, TimeDelta, Utc};
use platform::access::Role;
use platform::handoffs::{self, Decision, HandoffView, Options, Review};
use platform::{Actor, Error, HandoffId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::*;

fn accept() -> Review {
    Review { decision: Decision::Accept { production_ready: true }, notes: Some("Welcome.".to_owned()) }
}

fn reject(reason: &str) -> Review {
    Review { decision: Decision::Reject { reason: reason.to_owned() }, notes: None }
}

async fn decide(world: &World, actor: &Actor, handoff: HandoffId, review: &Review) -> Result<HandoffView, Error> {
    let mut transaction = world.begin().await;
    let decided = handoffs::decide(&mut transaction, actor, handoff, review, Options::default(), now()).await?;
    transaction.commit().await.unwrap();
    Ok(decided)
}

async fn published(world: &World, kind: &str) -> Vec<Value> {
    sqlx::query_scalar("select envelope -> 'data' from events where type = $1 order by event_id")
        .bind(kind)
        .fetch_all(&world.admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_agent_is_handed_over_and_accepted() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap();
    assert_eq!((handoff.status, handoff.ola_deadline), ("pending_service_acceptance", later(24)));
    let submitted = published(&world, handoffs::SUBMITTED).await;
    let expected = json!({
        "handoffId": handoff.handoff_id, "agentId": requested.agent_id, "olaDeadline": "2026-03-02T09:00:00Z"});
    assert_eq!(submitted, [expected]);
    assert_eq!(world.status(requested.agent_id).await["progress_percentage"], 90);
    let accepted = decide(&world, &world.engineer(), handoff.handoff_id, &accept()).await.unwrap();
    assert_eq!((accepted.status, accepted.agent_status), ("accepted", "production_ready"));
    assert_eq!((accepted.accepted_at, accepted.reviewed_by.as_deref()), (Some(now()), Some("grace")));
    let expected = ("production_ready".to_owned(), "service_phase".to_owned());
    assert_eq!(world.agent_status(requested.agent_id).await, expected);
    assert_eq!(world.status(requested.agent_id).await["progress_percentage"], 100);
    let decided = published(&world, handoffs::DECIDED).await;
    assert_eq!((decided.len(), &decided[0]["decision"]), (1, &json!("accepted")));
    let subject = format!("handoff/{}", handoff.handoff_id);
    assert_eq!(world.audited(&subject).await, ["handoff.submitted", "handoff.accepted"]);
    let creation = world.audited(&format!("creation/{}", requested.creation_id)).await;
    assert_eq!(creation[creation.len() - 2..], ["creation.handoff_submitted", "creation.handoff_accepted"]);
}

#[tokio::test]
async fn an_agent_that_is_sent_back_is_handed_over_again() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let first = world.hand_over(requested.agent_id).await.unwrap();
    assert_eq!(conflict(world.hand_over(requested.agent_id).await), "illegal_transition", "one review at a time");
    let rejected = decide(&world, &world.engineer(), first.handoff_id, &reject("no runbook")).await.unwrap();
    assert_eq!((rejected.status, rejected.agent_status), ("rejected", "in_creation"));
    let status = world.status(requested.agent_id).await;
    assert_eq!(status["status"], "deployment_ready");
    assert_eq!(status["stages"]["handoff"]["result"], "no runbook");
    let second = world.hand_over(requested.agent_id).await.unwrap();
    decide(&world, &world.engineer(), second.handoff_id, &accept()).await.unwrap();
    let all = handoffs::list(&mut *world.begin().await, world.org, requested.agent_id).await.unwrap();
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn only_an_agent_that_is_ready_is_handed_over() {
    let world = World::new().await;
    for step in ["genesis_validation_pending", "code_generation", "cicd_running"] {
        let requested = world.agent_at(step, step).await;
        assert_eq!(conflict(world.hand_over(requested.agent_id).await), "illegal_transition");
    }
    assert_eq!(world.count("select count(*) from handoffs").await, 0);
    assert_eq!(world.count("select count(*) from events").await, 0);
}

#[tokio::test]
async fn the_agreed_service_levels_are_the_agents_own() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let submission = verified(requested.agent_id, Uuid::from_u128(9)).await;
    let refused = handoffs::submit(&mut *world.begin().await, &world.orchestrator(), &submission, now()).await;
    let Err(Error::Invalid(invalid)) = refused else { panic!("{refused:?}") };
    assert_eq!(invalid.0[0].rule, "sla_definition_exists");
    assert_eq!(invalid.0[0].path, "/handoff_checklist/sla_defined_and_agreed/evidence/sla_id");
}

#[tokio::test]
async fn of_two_reviewers_at_once_one_decides() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let (engineer, admin) = (world.engineer(), world.actor("root", Role::Admin));
    let (accept, reject) = (accept(), reject("not yet"));
    let (one, two) =
        tokio::join!(decide(&world, &engineer, handoff, &accept), decide(&world, &admin, handoff, &reject));
    assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1, "{one:?} {two:?}");
    assert_eq!(conflict(if one.is_ok() { two } else { one }), "decided_once");
    assert_eq!(published(&world, handoffs::DECIDED).await.len(), 1);
    assert_eq!(world.audited(&format!("handoff/{handoff}")).await.len(), 2);
}

/// The second waits for the first to commit, and sees what it decided.
#[tokio::test]
async fn a_second_reviewer_waits_for_the_first() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let (engineer, review) = (world.engineer(), accept());
    let mut first = world.begin().await;
    handoffs::decide(&mut first, &engineer, handoff, &review, Options::default(), now()).await.unwrap();
    let second = world.second_waits(first, decide(&world, &engineer, handoff, &review)).await;
    assert_eq!(conflict(second), "decided_once");
}

#[tokio::test]
async fn nobody_but_an_admin_accepts_their_own() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let own = world.actor("ada", Role::InfrastructureEngineer);
    let refused = decide(&world, &own, handoff, &accept()).await;
    assert!(matches!(refused, Err(Error::Forbidden { rule: "four_eyes", .. })), "{refused:?}");
    let admin = world.actor("ada", Role::Admin);
    decide(&world, &admin, handoff, &accept()).await.unwrap();
    let own = world.count("select count(*) from audit where details ->> 'self_approved' = 'true'").await;
    assert_eq!(own, 1, "and it is on record");
}

#[tokio::test]
async fn a_reservation_is_no_acceptance_and_a_rejection_has_a_reason() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let not_ready = Review { decision: Decision::Accept { production_ready: false }, notes: None };
    for (review, path) in [(not_ready, "/production_ready"), (reject(" "), "/reason")] {
        let refused = decide(&world, &world.engineer(), handoff, &review).await;
        let Err(Error::Invalid(invalid)) = refused else { panic!("{refused:?}") };
        assert_eq!(invalid.0[0].path, path);
    }
    let shown = handoffs::show(&mut *world.begin().await, world.org, handoff).await.unwrap();
    assert_eq!(shown.status, "pending_service_acceptance");
}

#[tokio::test]
async fn a_cancelled_creation_is_not_accepted() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let mut transaction = world.begin().await;
    let admin = world.actor("root", Role::Admin);
    platform::creations::cancel(&mut transaction, &admin, requested.agent_id, "stop", now()).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(conflict(decide(&world, &world.engineer(), handoff, &accept()).await), "illegal_transition");
    assert_eq!(world.agent_status(requested.agent_id).await.0, "abandoned");
}

/// Whatever has happened to the row since it was submitted.
#[tokio::test]
async fn an_incomplete_checklist_is_sent_back_and_not_accepted() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let undo = "update handoffs set checklist = jsonb_set(checklist, '{runbook_documented,status}', 'false')";
    world.execute(undo).await;
    assert_eq!(conflict(decide(&world, &world.engineer(), handoff, &accept()).await), "eight_of_eight");
    decide(&world, &world.engineer(), handoff, &reject("the runbook is gone")).await.unwrap();
}

/// A reviewer who is faster than the review's run is not waited for in vain.
#[tokio::test]
async fn the_run_of_a_review_learns_of_a_decision_that_came_first() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let input = json!({"handoffId": handoff});
    let before = done(world.call(requested.run_id, "review-handoff", input.clone()).await);
    assert_eq!(before["decision"], Value::Null);
    decide(&world, &world.engineer(), handoff, &reject("no runbook")).await.unwrap();
    let after = done(world.call(requested.run_id, "review-handoff", input).await);
    assert_eq!((&after["decision"], &after["reason"]), (&json!("rejected"), &json!("no runbook")));
}

/// Neither does one who is just deciding get past it: their event must not seem to be from before the run.
#[tokio::test]
async fn the_run_of_a_review_and_a_decision_at_the_same_time_do_not_miss_each_other() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let handoff = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let (run, input) = (requested.run_id, json!({"handoffId": handoff}));
    let (engineer, review) = (world.engineer(), reject("no runbook"));

    let mut begun = world.begin().await;
    let early = done(world.call_in(&mut begun, run, "review-handoff", input.clone()).await);
    assert_eq!(early["decision"], Value::Null);
    world.execute("update clock set engine_origin = engine_origin + interval '1 hour'").await;
    world.second_waits(begun, decide(&world, &engineer, handoff, &review)).await.unwrap();
    let received = "select received_at from events where type = $1";
    let received: DateTime<Utc> =
        sqlx::query_scalar(received).bind(handoffs::DECIDED).fetch_one(&world.admin).await.unwrap();
    assert_eq!(received, now() + TimeDelta::hours(1), "its request's time would be from before the run");

    let again = world.hand_over(requested.agent_id).await.unwrap().handoff_id;
    let mut deciding = world.begin().await;
    handoffs::decide(&mut deciding, &engineer, again, &review, Options::default(), now()).await.unwrap();
    let late = world.second_waits(deciding, world.call(run, "review-handoff", json!({"handoffId": again}))).await;
    assert_eq!(done(late)["decision"], "rejected");
}
