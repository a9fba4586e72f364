//! Gates: the row is the arbiter.

use definitions::Data;
use engine::{OrgId, RunId};
use store::gates::{self, Decided, Decision, GateId, GateState, NewGate, Refusal, Verdict};
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
    assert_eq!(gates::abandoned(&mut world.store.engine().await.unwrap(), 10).await.unwrap(), []);
    let pending = gates::list(&mut transaction, world.org, Some(GateState::Pending), None, 10).await.unwrap();
    assert!(pending.is_empty());
    let all = gates::list(&mut transaction, world.org, None, None, 10).await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn a_gate_whose_run_has_ended_is_abandoned() {
    let world = World::new().await;
    let claim = world.held().await;
    let asked = NewGate { run: claim.lease.run, ..gate(&world, 1) };
    let id = open(&world, &asked).await;
    let mut connection = world.store.engine().await.unwrap();
    assert_eq!(gates::abandoned(&mut connection, 10).await.unwrap(), [], "its run still waits");
    let phase = engine::Phase::Cancelled { reason: "enough".to_owned() };
    world.commit(store::Flush { phase, ..world.flush(claim.lease, 1) }).await;
    assert_eq!(gates::abandoned(&mut connection, 10).await.unwrap(), [(world.org, id)]);
}
