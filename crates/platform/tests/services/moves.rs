//! Every move of a creation that a run can ask for, legal and illegal, through the function and behind its back.

use platform::creations::{self, Status};
use serde_json::{Value, json};

use super::world::*;

/// How a run brings a creation where the row says, from the row's first state on.
const WAYS: [(Status, &[&str]); 9] = [
    (Status::GenesisValidationPending, &[]),
    (Status::GenesisApproved, &["genesis_approved"]),
    (Status::GenesisRejected, &["genesis_rejected"]),
    (Status::GenesisTimeout, &["genesis_timeout"]),
    (Status::CodeGeneration, &["genesis_approved", "code_generation"]),
    (Status::CodeGenerationFailed, &["genesis_approved", "code_generation", "code_generation_failed"]),
    (Status::CicdRunning, &["genesis_approved", "code_generation", "cicd_running"]),
    (Status::CicdFailed, &["genesis_approved", "code_generation", "cicd_running", "lint fails"]),
    (Status::DeploymentReady, &["genesis_approved", "code_generation", "cicd_running", "all pass", "deployment_ready"]),
];

/// The moves that a run may ask for.
const LEGAL: [(Status, Status); 11] = [
    (Status::GenesisValidationPending, Status::GenesisApproved),
    (Status::GenesisValidationPending, Status::GenesisRejected),
    (Status::GenesisValidationPending, Status::GenesisTimeout),
    (Status::GenesisTimeout, Status::GenesisValidationPending),
    (Status::GenesisApproved, Status::CodeGeneration),
    (Status::CodeGeneration, Status::CodeGenerationFailed),
    (Status::CodeGeneration, Status::CicdRunning),
    (Status::CodeGenerationFailed, Status::CodeGeneration),
    (Status::CicdRunning, Status::DeploymentReady),
    (Status::CicdFailed, Status::CicdRunning),
    (Status::CicdRunning, Status::CicdFailed),
];

#[tokio::test]
async fn a_run_makes_legal_moves_only_and_each_is_audited() {
    let world = World::new().await;
    for (from, way) in WAYS {
        for to in Status::ALL {
            let requested = world.request(&format!("{from} to {to}")).await.unwrap();
            let id = requested.creation_id;
            for step in way {
                match *step {
                    "lint fails" => drop(world.report(id, vec![job(1, "lint", "failure")]).await),
                    "all pass" => drop(world.report(id, passing()).await),
                    step => drop(done(world.advance(id, step).await)),
                }
            }
            let before = world.audited(&format!("creation/{id}")).await.len();
            if (from, to) == (Status::CicdRunning, Status::DeploymentReady) {
                assert_eq!(failed(world.advance(id, to.as_str()).await).status, 409, "nothing has passed yet");
                world.report(id, passing()).await;
            }
            let outcome = world.advance(id, to.as_str()).await;
            let after = world.audited(&format!("creation/{id}")).await.len();
            let cancels = to == Status::Cancelled && !from.is_final();
            let legal = cancels || LEGAL.contains(&(from, to)) && to != Status::CicdFailed;
            let status = world.status(requested.agent_id).await;
            if legal {
                assert_eq!(done(outcome)["status"], to.as_str(), "{from} to {to}");
                assert_eq!((&status["status"], after), (&json!(to), before + 1), "{from} to {to}");
            } else {
                assert_eq!(failed(outcome).status, 409, "{from} to {to}");
                assert_eq!((&status["status"], after), (&json!(from), before), "{from} to {to}");
            }
        }
    }
}

/// The database's own table of moves is that of the state machine.
#[tokio::test]
async fn the_database_knows_the_same_moves() {
    let world = World::new().await;
    let mut legal = LEGAL.to_vec();
    legal.extend([
        (Status::DeploymentReady, Status::HandoffPending),
        (Status::HandoffPending, Status::DeploymentReady),
        (Status::HandoffPending, Status::HandoffComplete),
    ]);
    legal.extend(Status::ALL.into_iter().filter(|from| !from.is_final()).map(|from| (from, Status::Cancelled)));
    for from in Status::ALL {
        for to in Status::ALL {
            let allowed: bool = sqlx::query_scalar("select creation_may_move($1, $2)")
                .bind(from.as_str())
                .bind(to.as_str())
                .fetch_one(&world.admin)
                .await
                .unwrap();
            assert_eq!(allowed, legal.contains(&(from, to)), "{from} to {to}");
        }
    }
}

/// Whoever writes, with whatever rights: Genesis stands.
#[tokio::test]
async fn the_database_lets_nobody_around_genesis() {
    let world = World::new().await;
    let rejected = world.request("Ada").await.unwrap();
    done(world.advance(rejected.creation_id, "genesis_rejected").await);
    let pending = world.request("Eve").await.unwrap();
    let attempts = [
        (rejected.creation_id, "state = '{\"status\": \"code_generation\"}'"),
        (rejected.creation_id, "state = '{\"status\": \"genesis_approved\", \"policy_hash\": \"\"}'"),
        (rejected.creation_id, "verdict = '{\"status\": \"approved\"}'"),
        (pending.creation_id, "state = '{\"status\": \"genesis_approved\", \"policy_hash\": \"\"}'"),
        (pending.creation_id, "state = '{\"status\": \"code_generation\"}', verdict = '{\"status\": \"approved\"}'"),
        (pending.creation_id, "state = '{\"status\": \"genesis_rejected\", \"reason\": \"\"}'"),
    ];
    for (creation, change) in attempts {
        let statement = format!("update creations set {change} where creation_id = '{creation}'");
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&world.admin).await.unwrap_err();
        let refused = refused.as_database_error().unwrap().code().unwrap().into_owned();
        assert!(refused.starts_with("23"), "{change}: {refused}");
    }
}

#[tokio::test]
async fn a_state_takes_the_verdict_that_leads_there() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    for verdict in [json!({"status": "rejected", "reason": "no"}), json!({"status": "timed_out"}), json!({})] {
        let input = json!({"creationId": requested.creation_id, "to": "genesis_approved", "verdict": verdict});
        let fault = failed(world.call(requested.run_id, "advance-creation", input).await);
        assert!([409, 422].contains(&fault.status), "{fault}");
    }
    let input = json!({"creationId": requested.creation_id, "to": "genesis_approved", "override": true});
    let fault = failed(world.call(requested.run_id, "advance-creation", input).await);
    assert!(fault.detail.unwrap().contains("unknown field `override`"));
}

/// A definition of one's own that calls the function with a verdict of one's own gets nowhere.
#[tokio::test]
async fn no_other_run_moves_a_creation() {
    let world = World::new().await;
    let (ours, theirs) = (world.request("Ada").await.unwrap(), world.request("Eve").await.unwrap());
    for (name, input) in [
        ("advance-creation", move_to(ours.creation_id, "genesis_approved")),
        ("record-ci-event", json!({"creationId": ours.creation_id, "reports": passing()})),
    ] {
        assert_eq!(failed(world.call(theirs.run_id, name, input).await).status, 403, "{name}");
    }
    assert_eq!(world.status(ours.agent_id).await["status"], "genesis_validation_pending");
}

#[tokio::test]
async fn a_verdict_on_another_manifest_is_none() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    let manifest: Value = sqlx::query_scalar("select manifest from creations").fetch_one(&world.admin).await.unwrap();
    let manifest: platform::agents::Manifest = serde_json::from_value(manifest).unwrap();
    let mut input = move_to(requested.creation_id, "genesis_approved");
    for (hash, status) in [(json!("f00"), Some(409)), (Value::Null, Some(409)), (json!(manifest.hash()), None)] {
        input["verdict"]["manifest_hash"] = hash;
        let outcome = world.call(requested.run_id, "advance-creation", input.clone()).await;
        match status {
            Some(status) => assert_eq!(failed(outcome).status, status),
            None => drop(done(outcome)),
        }
    }
}

#[tokio::test]
async fn an_admin_who_refuses_ends_the_creation() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "genesis_approved").await;
    let error = json!({"title": "The gate was not passed", "detail": "The gate ended as rejected: too risky"});
    let input = json!({"creationId": requested.creation_id, "to": "cancelled", "error": error});
    done(world.call(requested.run_id, "advance-creation", input).await);
    let status = world.status(requested.agent_id).await;
    let reason = "The gate was not passed: The gate ended as rejected: too risky";
    assert_eq!(
        (&status["status"], &status["stages"]["code_generation"]["result"]),
        (&json!("cancelled"), &json!(reason))
    );
    assert_eq!(world.agent_status(requested.agent_id).await.0, "abandoned");
}

/// Whoever comes second moves from where the first has left it, or is told that it cannot be.
#[tokio::test]
async fn a_move_and_a_cancellation_at_once_come_one_after_the_other() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "code_generation").await;
    let actor = world.orchestrator();
    let mut moving = world.begin().await;
    let input = move_to(requested.creation_id, "cicd_running");
    done(world.call_in(&mut moving, requested.run_id, "advance-creation", input).await);
    let cancelled = async {
        let mut transaction = world.begin().await;
        creations::cancel(&mut transaction, &actor, requested.agent_id, "stop", now()).await.unwrap();
        transaction.commit().await.unwrap();
    };
    world.second_waits(moving, cancelled).await;
    let state: Value = sqlx::query_scalar("select state from creations").fetch_one(&world.admin).await.unwrap();
    assert_eq!(state, json!({"status": "cancelled", "at": "cicd_running", "reason": "stop"}));
    let audited = world.audited(&format!("creation/{}", requested.creation_id)).await;
    assert_eq!(audited[audited.len() - 2..], ["creation.code_generated", "creation.cancelled"]);
}

#[tokio::test]
async fn a_move_that_is_rolled_back_leaves_no_audit_row() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    let mut transaction = world.begin().await;
    let input = move_to(requested.creation_id, "genesis_approved");
    done(world.call_in(&mut transaction, requested.run_id, "advance-creation", input).await);
    transaction.rollback().await.unwrap();
    assert_eq!(world.audited(&format!("creation/{}", requested.creation_id)).await, ["creation.requested"]);
    assert_eq!(world.status(requested.agent_id).await["status"], "genesis_validation_pending");
}
