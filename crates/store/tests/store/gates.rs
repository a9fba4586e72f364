//! Gates: the row is the arbiter.

use definitions::Data;
use engine::{OrgId, Phase, RunId};
use store::{
    Committed, Flush, Lease,
    gates::{self, Decided, Decision, GateId, GateState, NewGate, Refusal, Verdict},
};
use uuid::Uuid;

use crate::world::{World, now, step};

fn gate(world: &World, required_approvals: u32) -> NewGate {
    NewGate {
        org: world.org,
        run: RunId(Uuid::now_v7()),
        step: step("/do/0/approve"),
        subject: "deploy agent 7".to_owned(),
        request: Data::from(serde_json::json!({"commit": "abc"})),
        requested_by: "ada".to_owned(),
        approver_roles: vec!["admin".to_owned()],
        required_approvals,
        four_eyes: true,
        expires_at: Some(now() + chrono::Duration::hours(24)),
    }
}

fn by(name: &str, verdict: Verdict) -> Decision {
    Decision {
        decided_by: name.to_owned(),
        role: "admin".to_owned(),
        on_behalf: None,
        verdict,
        reason: Some("because".to_owned()),
        subject_digest: None,
    }
}

async fn open(world: &World, gate: &NewGate) -> GateId {
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let id = gates::open(&mut transaction, gate, now()).await.unwrap();
    assert_eq!(gates::open(&mut transaction, gate, now()).await.unwrap(), id, "a repeated step finds it");
    transaction.commit().await.unwrap();
    id
}

async fn decide(world: &World, gate: GateId, decision: &Decision) -> Decided {
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let decided = gates::decide(&mut transaction, world.org, gate, decision, now()).await.unwrap();
    transaction.commit().await.unwrap();
    decided
}

#[tokio::test]
async fn two_votes_at_once_are_counted_one_after_the_other() {
    let world = World::new().await;
    let id = open(&world, &gate(&world, 2)).await;
    let mut first = world.store.begin(world.org).await.unwrap();
    let decided = gates::decide(&mut first, world.org, id, &by("bob", Verdict::Approve), now()).await.unwrap();
    assert_eq!(decided, Decided::Counted(GateState::Pending));
    let commit = async {
        world.blocked(1).await;
        first.commit().await.unwrap();
    };
    let cleo = by("cleo", Verdict::Approve);
    let (second, ()) = tokio::join!(decide(&world, id, &cleo), commit);
    assert_eq!(second, Decided::Counted(GateState::Approved));
    assert_eq!(world.count("select count(*) from events where type = 'com.stationmaster.gate.resolved'").await, 1);
    assert_eq!(world.count("select count(*) from audit").await, 2);
    let (shown, decisions) =
        gates::show(&mut world.store.begin(world.org).await.unwrap(), world.org, id).await.unwrap().unwrap();
    assert_eq!((shown.state, shown.approvals, decisions.len()), (GateState::Approved, 2, 2));
}

#[tokio::test]
async fn a_decision_and_the_end_of_time_cannot_both_win() {
    let world = World::new().await;
    let asked = gate(&world, 1);
    let id = open(&world, &asked).await;
    let end = asked.expires_at.unwrap();
    let mut expiring = world.store.begin(world.org).await.unwrap();
    assert_eq!(
        gates::expire(&mut expiring, world.org, id, now()).await.unwrap(),
        Some(GateState::Pending),
        "too early"
    );
    assert_eq!(gates::expire(&mut expiring, world.org, id, end).await.unwrap(), Some(GateState::Expired));
    let commit = async {
        world.blocked(1).await;
        expiring.commit().await.unwrap();
    };
    let bob = by("bob", Verdict::Approve);
    let (decided, ()) = tokio::join!(decide(&world, id, &bob), commit);
    assert_eq!(decided, Decided::Refused(Refusal::Resolved));

    let late = open(&world, &gate(&world, 1)).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let decided = gates::decide(&mut transaction, world.org, late, &bob, end).await.unwrap();
    assert_eq!(decided, Decided::Refused(Refusal::Expired), "even if nobody has expired it yet");
}

#[tokio::test]
async fn no_statement_approves_a_gate_without_its_quorum() {
    let world = World::new().await;
    open(&world, &gate(&world, 1)).await;
    let error = sqlx::query("update gates set state = 'approved', resolved_at = opened_at")
        .execute(&world.admin)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("approval_takes_its_quorum"), "{error}");
}

#[tokio::test]
async fn a_decision_counts_only_if_the_gates_rules_allow_it() {
    let world = World::new().await;
    let id = open(&world, &gate(&world, 3)).await;
    let approve = |name| by(name, Verdict::Approve);
    let lent = Decision { on_behalf: Some("dora".to_owned()), ..approve("cleo") };
    let steps = [
        (approve("ada"), Decided::Refused(Refusal::FourEyes)),
        (Decision { on_behalf: Some("ada".to_owned()), ..approve("bob") }, Decided::Refused(Refusal::FourEyes)),
        (Decision { role: "viewer".to_owned(), ..approve("bob") }, Decided::Refused(Refusal::WrongRole)),
        (Decision { subject_digest: Some([0; 32]), ..approve("bob") }, Decided::Refused(Refusal::OtherSubject)),
        (Decision { reason: Some(" ".to_owned()), ..by("bob", Verdict::Reject) }, Decided::Refused(Refusal::NoReason)),
        (approve("bob"), Decided::Counted(GateState::Pending)),
        (approve("bob"), Decided::Repeated(GateState::Pending)),
        (by("bob", Verdict::Reject), Decided::Refused(Refusal::Contradiction)),
        (lent, Decided::Counted(GateState::Pending)),
        (approve("dora"), Decided::Refused(Refusal::Contradiction)),
        (by("eve", Verdict::Reject), Decided::Counted(GateState::Rejected)),
        (approve("finn"), Decided::Refused(Refusal::Resolved)),
    ];
    for (decision, expected) in steps {
        assert_eq!(decide(&world, id, &decision).await, expected, "{decision:?}");
    }
    assert_eq!(world.count("select count(*) from decisions").await, 3);
    assert_eq!(decide(&world, GateId(Uuid::nil()), &approve("bob")).await, Decided::Refused(Refusal::Unknown));
}

#[tokio::test]
async fn a_gate_of_another_organisation_is_not_there() {
    let world = World::new().await;
    let id = open(&world, &gate(&world, 1)).await;
    let other = OrgId(Uuid::now_v7());
    let mut transaction = world.store.begin(other).await.unwrap();
    // Neither for the organisation that asks nor for one that it merely names.
    for org in [other, world.org] {
        let decided = gates::decide(&mut transaction, org, id, &by("bob", Verdict::Approve), now()).await.unwrap();
        assert_eq!(decided, Decided::Refused(Refusal::Unknown));
    }
}

#[tokio::test]
async fn decisions_cannot_be_changed_and_a_withdrawn_gate_says_so() {
    let world = World::new().await;
    let id = open(&world, &gate(&world, 2)).await;
    decide(&world, id, &by("bob", Verdict::Approve)).await;
    for statement in ["update decisions set verdict = 'reject'", "delete from decisions", "truncate decisions"] {
        let error = sqlx::query(statement).execute(&world.admin).await.unwrap_err();
        assert!(error.to_string().contains("is refused"), "{error}");
    }
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let state = gates::withdraw(&mut transaction, world.org, id, now()).await.unwrap();
    assert_eq!(state, Some(GateState::Withdrawn));
    let pending = gates::list(&mut transaction, world.org, Some(GateState::Pending), None, 10).await.unwrap();
    assert!(pending.is_empty());
    let all = gates::list(&mut transaction, world.org, None, None, 10).await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn the_commit_that_ends_a_run_withdraws_the_gates_that_it_still_asks() {
    let world = World::new().await;
    let claim = world.held().await;
    let asked = |pointer| NewGate { run: claim.lease.run, step: step(pointer), ..gate(&world, 1) };
    let (open_still, decided) = (open(&world, &asked("/do/0/a")).await, open(&world, &asked("/do/1/b")).await);
    let of_another = open(&world, &gate(&world, 1)).await;
    assert_eq!(decide(&world, decided, &by("bob", Verdict::Approve)).await, Decided::Counted(GateState::Approved));
    let phase = Phase::Cancelled { reason: "enough".to_owned() };
    let stale = Lease { token: world.held().await.lease.token, ..claim.lease };
    let lost = world.commit(Flush { phase: phase.clone(), ..world.flush(stale, 1) }).await;
    assert!(matches!(lost, Committed::LeaseLost), "{lost:?}");
    let state = async |gate| {
        gates::show(&mut world.store.engine().await.unwrap(), world.org, gate).await.unwrap().unwrap().0.state
    };
    assert_eq!(state(open_still).await, GateState::Pending, "who does not hold the run withdraws nothing");

    world.commit(Flush { phase, ..world.flush(claim.lease, 1) }).await;
    assert_eq!(state(open_still).await, GateState::Withdrawn);
    assert_eq!(state(decided).await, GateState::Approved);
    assert_eq!(state(of_another).await, GateState::Pending);
    assert_eq!(world.count("select count(*) from audit where action = 'gate.withdrawn'").await, 1);
    let late = decide(&world, open_still, &by("bob", Verdict::Approve)).await;
    assert_eq!(late, Decided::Refused(Refusal::Resolved));
}

#[tokio::test]
async fn a_decision_under_way_is_waited_for_before_its_run_ends() {
    let world = World::new().await;
    let claim = world.held().await;
    let id = open(&world, &NewGate { run: claim.lease.run, ..gate(&world, 1) }).await;
    let mut deciding = world.store.begin(world.org).await.unwrap();
    gates::decide(&mut deciding, world.org, id, &by("bob", Verdict::Approve), now()).await.unwrap();
    let phase = Phase::Cancelled { reason: "enough".to_owned() };
    let end = world.commit(Flush { phase, ..world.flush(claim.lease, 1) });
    let decide = async {
        world.blocked(1).await;
        deciding.commit().await.unwrap();
    };
    let (ended, ()) = tokio::join!(end, decide);
    assert!(matches!(ended, Committed::Done { .. }), "{ended:?}");
    let (found, decisions) =
        gates::show(&mut world.store.engine().await.unwrap(), world.org, id).await.unwrap().unwrap();
    assert_eq!((found.state, decisions.len()), (GateState::Approved, 1));
}

#[tokio::test]
async fn every_pair_of_state_and_trigger_is_legal_or_changes_nothing() {
    const TRIGGERS: [&str; 4] = ["approve", "reject", "expire", "withdraw"];
    let world = World::new().await;
    let pull = async |id, trigger| {
        let mut transaction = world.store.begin(world.org).await.unwrap();
        let (connection, late) = (&mut transaction, now() + chrono::Duration::hours(24));
        match trigger {
            "expire" => drop(gates::expire(connection, world.org, id, late).await.unwrap()),
            "withdraw" => drop(gates::withdraw(connection, world.org, id, now()).await.unwrap()),
            verdict => {
                let verdict = if verdict == "approve" { Verdict::Approve } else { Verdict::Reject };
                let decision = by(&format!("whoever would {trigger}"), verdict);
                gates::decide(connection, world.org, id, &decision, now()).await.unwrap();
            }
        }
        let state = gates::show(connection, world.org, id).await.unwrap().unwrap().0.state.name();
        transaction.commit().await.unwrap();
        state
    };
    let legal = [("approve", "approved"), ("reject", "rejected"), ("expire", "expired"), ("withdraw", "withdrawn")];
    for (first, state) in legal {
        for second in TRIGGERS {
            let id = open(&world, &gate(&world, 1)).await;
            assert_eq!(pull(id, first).await, state, "pending + {first}");
            assert_eq!(pull(id, second).await, state, "{state} + {second}");
        }
    }
}
