//! Gates: opened and expired by runs, decided by people.

use engine::RunId;
use platform::access::Role;
use platform::gates::{self, GateView, Vote};
use platform::{Actor, Error};
use serde_json::{Value, json};
use store::gates::{GateState, RESOLVED, Verdict};
use uuid::Uuid;

use super::world::*;

const RUN: RunId = RunId(Uuid::from_u128(77));

async fn open(world: &World, more: Value) -> Uuid {
    let mut input = json!({
        "title": "Create Ada?", "subject": "creation/1", "roles": ["infrastructure_engineer"],
        "evidence": {"verdict": "approved"}});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let opened = done(world.call(RUN, "open-gate", input).await);
    opened["gateId"].as_str().unwrap().parse().unwrap()
}

async fn decide(world: &World, actor: &Actor, gate: Uuid, vote: &Vote) -> Result<GateView, Error> {
    let mut transaction = world.begin().await;
    let decided = gates::decide(&mut transaction, actor, gate, vote, now()).await?;
    transaction.commit().await.unwrap();
    Ok(decided)
}

fn approve() -> Vote {
    Vote { verdict: Verdict::Approve, reason: None, digest: None }
}

#[tokio::test]
async fn a_gate_is_decided_by_those_it_names_and_by_admins() {
    let world = World::new().await;
    let (one, two) = (open(&world, json!({})).await, world.actor("root", Role::Admin));
    let refused = decide(&world, &world.orchestrator(), one, &approve()).await;
    assert!(matches!(refused, Err(Error::Forbidden { rule: "gate_roles", .. })), "{refused:?}");
    let approved = decide(&world, &two, one, &approve()).await.unwrap();
    assert_eq!((approved.status, approved.decisions[0].role.as_str()), (GateState::Approved, "admin"));
    let again = decide(&world, &world.engineer(), one, &approve()).await;
    assert_eq!(conflict(again), "decided_once");
    let events: i64 = sqlx::query_scalar("select count(*) from events where type = $1")
        .bind(RESOLVED)
        .fetch_one(&world.admin)
        .await
        .unwrap();
    assert_eq!(events, 1);
    assert_eq!(world.audited(&format!("gate/{one}")).await, ["gate.opened", "gate.approve"]);
}

#[tokio::test]
async fn a_quorum_takes_different_people_and_four_eyes_not_the_requester() {
    let world = World::new().await;
    let gate = open(&world, json!({"quorum": 2, "fourEyes": true, "requestedBy": "ada"})).await;
    let own = world.actor("ada", Role::InfrastructureEngineer);
    let refused = decide(&world, &own, gate, &approve()).await;
    assert!(matches!(refused, Err(Error::Forbidden { rule: "four_eyes", .. })), "{refused:?}");
    for _ in 0..2 {
        let once = decide(&world, &world.engineer(), gate, &approve()).await.unwrap();
        assert_eq!((once.status, once.approvals), (GateState::Pending, 1));
    }
    let twice = decide(&world, &world.actor("root", Role::Admin), gate, &approve()).await.unwrap();
    assert_eq!((twice.status, twice.approvals), (GateState::Approved, 2));
}

#[tokio::test]
async fn a_rejection_needs_a_reason_and_ends_the_gate() {
    let world = World::new().await;
    let gate = open(&world, json!({})).await;
    let bare = Vote { verdict: Verdict::Reject, reason: None, digest: None };
    let refused = decide(&world, &world.engineer(), gate, &bare).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let reasoned = Vote { reason: Some("too risky".to_owned()), ..bare };
    assert_eq!(decide(&world, &world.engineer(), gate, &reasoned).await.unwrap().status, GateState::Rejected);
    let shown = done(world.call(RUN, "expire-gate", json!({"gateId": gate})).await);
    assert_eq!((&shown["state"], &shown["decisions"][0]["reason"]), (&json!("rejected"), &json!("too risky")));
}

#[tokio::test]
async fn a_gate_expires_after_its_time_and_not_before() {
    let world = World::new().await;
    let gate = open(&world, json!({"expiresAfter": "PT1H"})).await;
    let expire = async |run, at| {
        let mut transaction = world.begin().await;
        let outcome = world.call_at(at, &mut transaction, run, "expire-gate", json!({"gateId": gate})).await;
        transaction.commit().await.unwrap();
        outcome
    };
    assert_eq!(failed(expire(RUN, now()).await).status, 409, "not yet");
    let stranger = RunId(Uuid::from_u128(78));
    assert_eq!(failed(expire(stranger, later(1)).await).status, 403, "not its own");
    let expired = done(expire(RUN, later(1)).await);
    assert_eq!((&expired["state"], &expired["approvals"]), (&json!("expired"), &json!(0)));
    assert_eq!(conflict(decide(&world, &world.engineer(), gate, &approve()).await), "decided_once");
}

#[tokio::test]
async fn what_is_decided_on_is_what_was_shown() {
    let world = World::new().await;
    let gate = open(&world, json!({})).await;
    let shown = gates::show(&mut *world.begin().await, world.org, gate).await.unwrap();
    assert_eq!(json!(shown)["request"]["evidence"]["verdict"], "approved");
    let stale = Vote { digest: Some([0; 32]), ..approve() };
    assert_eq!(conflict(decide(&world, &world.engineer(), gate, &stale).await), "same_subject");
    let listed = gates::list(&mut *world.begin().await, world.org, Some(GateState::Pending), None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|gate| gate.gate_id).collect::<Vec<_>>(), [gate]);
}

#[tokio::test]
async fn a_gate_that_cannot_be_passed_is_not_opened() {
    let world = World::new().await;
    for (more, status) in [
        (json!({"quorum": 0}), 422),
        (json!({"fourEyes": true}), 422),
        (json!({"expiresAfter": "soon"}), 422),
        (json!({"roles": ["king"]}), 400),
    ] {
        let mut input = json!({"title": "?", "subject": "creation/1", "roles": ["admin"]});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(failed(world.call(RUN, "open-gate", input).await).status, status, "{more}");
    }
    assert_eq!(world.count("select count(*) from gates").await, 0);
}
