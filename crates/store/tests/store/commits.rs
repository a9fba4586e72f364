//! Group commits.

use definitions::Data;
use engine::{ChildOutcome, Effect, Phase, RunId};
use store::{
    Committed, Flush, Parent, Recorded, Then, audit, commands, history,
    history::MessageBody,
    runs::{self, NewRun},
};

use crate::world::{World, done, event, fact, fact_with, now, step, subscription};

fn entry() -> audit::Entry {
    audit::Entry {
        actor: "run".to_owned(),
        action: "test.done".to_owned(),
        subject: "test".to_owned(),
        run: None,
        correlation: String::new(),
        details: Data::object(),
    }
}

#[tokio::test]
async fn a_group_commits_together_and_a_member_that_lost_its_lease_drops_out_with_all_its_rows() {
    let world = World::new().await;
    let (first, lost, last) = (world.held().await, world.held().await, world.held().await);
    sqlx::query("update activations set lease = '\\x00' where run_id = $1")
        .bind(lost.lease.run.0)
        .execute(&world.admin)
        .await
        .unwrap();
    let flush = |lease: store::Lease, id: &str| Flush {
        facts: vec![fact_with(vec![
            Effect::Emit(event(id, "test.emitted")),
            Effect::Subscribe(subscription("/do/0/listen", "test.reply", None)),
        ])],
        audit: vec![entry()],
        ..world.flush(lease, 1)
    };
    let xids = "select count(distinct xmin::text) from facts where seq = 1";
    let committed =
        world.commit_all(vec![flush(first.lease, "1"), flush(lost.lease, "2"), flush(last.lease, "3")]).await;
    assert_eq!(done(&committed[0]), (1, true));
    assert!(matches!(committed[1], Committed::LeaseLost));
    assert_eq!(done(&committed[2]), (1, true));
    assert_eq!(world.count(xids).await, 1, "both were one transaction");
    for table in
        ["select count(*) from facts where seq = 1", "select count(*) from events", "select count(*) from audit"]
    {
        assert_eq!(world.count(table).await, 2, "{table}");
    }
    assert_eq!(world.count("select count(*) from subscriptions").await, 2);
}

#[tokio::test]
async fn a_refused_member_is_rejected_alone() {
    let world = World::new().await;
    let mut claims = Vec::new();
    for _ in 0..3 {
        claims.push(world.held().await);
    }
    let mut flushes: Vec<_> =
        claims.iter().map(|claim| Flush { facts: vec![fact()], ..world.flush(claim.lease, 1) }).collect();
    flushes[1].facts[0].effects.push(Effect::Emit(event("nul \0", "test.emitted")));
    let committed = world.commit_all(flushes).await;
    assert_eq!(done(&committed[0]), (1, true));
    assert!(matches!(&committed[1], Committed::Rejected(error) if !error.is_transient()), "{:?}", committed[1]);
    assert_eq!(done(&committed[2]), (1, true));
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 2);
}

#[tokio::test]
async fn a_second_writer_of_a_fact_collides() {
    let world = World::new().await;
    let claim = world.held().await;
    let flush = Flush { facts: vec![fact()], ..world.flush(claim.lease, 0) };
    assert!(matches!(world.commit(flush).await, Committed::Rejected(_)));
}

#[tokio::test]
async fn facts_come_back_as_they_were_written() {
    let world = World::new().await;
    let input = Data::from(serde_json::json!({"z": 1, "a": [1.5, "\u{0}", "ü"], "m": u64::MAX}));
    let run = world.start(&NewRun { input: input.clone(), ..world.new_run() }).await;
    let mut connection = world.store.engine().await.unwrap();
    let loaded = history::load(&mut connection, run, false).await.unwrap();
    assert_eq!((loaded.org, loaded.definition), (world.org, world.definition));
    let engine::FactBody::Started { input: read, .. } = &loaded.facts[0].body else { panic!("{:?}", loaded.facts) };
    assert_eq!(read.to_string(), input.to_string());
    assert_eq!(loaded.facts[0].at, now());
}

#[tokio::test]
async fn starting_the_same_run_again_changes_nothing_and_an_unknown_definition_is_refused() {
    let world = World::new().await;
    let new = world.new_run();
    world.start(&new).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    assert!(!runs::start(&mut transaction, &new).await.unwrap());
    let unknown = NewRun { definition: definitions::ContentHash([9; 32]), ..world.new_run() };
    let error = runs::start(&mut transaction, &unknown).await.unwrap_err();
    assert!(matches!(error, store::Error::UnknownDefinition { .. }), "{error}");
    drop(transaction);
    assert_eq!(world.count("select wake from activations").await, 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_told_and_what_is_read_after_confirming_is_final() {
    let world = World::new().await;
    let claim = world.held().await;
    sqlx::raw_sql(
        "create function fail() returns trigger language plpgsql as $$ begin raise 'at the commit'; end $$;
         create constraint trigger fail after insert on facts deferrable initially deferred
             for each row execute function fail()",
    )
    .execute(&world.admin)
    .await
    .unwrap();
    let flush = Flush { facts: vec![fact()], audit: vec![entry()], ..world.flush(claim.lease, 1) };
    assert!(matches!(world.commit(flush).await, Committed::Unknown));
    let mut connection = world.store.engine().await.unwrap();
    assert_eq!(store::lease::confirm(&mut connection, claim.lease).await.unwrap(), Some(1));
    assert_eq!(history::load(&mut connection, claim.lease.run, false).await.unwrap().facts.len(), 1);
}

/// Commits a parent that starts a child and parks; returns both.
async fn parent_and_child(world: &World, awaited: bool) -> (RunId, Recorded) {
    let claim = world.held().await;
    let child = claim.lease.run.child(&step("/do/0/run"));
    let start = fact_with(vec![Effect::StartChild {
        step: step("/do/0/run"),
        child,
        definition: world.definition.to_string(),
        input: Data::from("for the child"),
        awaited,
    }]);
    let then = Then::Park { due: None, wake: claim.wake };
    let flush = Flush { facts: vec![start.clone()], then, ..world.flush(claim.lease, 1) };
    assert_eq!(done(&world.commit(flush).await), (1, false));
    (claim.lease.run, start)
}

#[tokio::test]
async fn a_child_starts_with_its_parents_step_and_its_end_wakes_a_parent_that_has_no_activation() {
    let world = World::new().await;
    let (parent, _) = parent_and_child(&world, true).await;
    assert_eq!(world.count("select count(*) from activations").await, 1, "the child's alone");
    let child = parent.child(&step("/do/0/run"));
    let claim = world.claim(child).await;
    let mut connection = world.store.engine().await.unwrap();
    let loaded = history::load(&mut connection, child, false).await.unwrap();
    let expected = Parent { run: parent, step: step("/do/0/run"), awaited: true };
    assert_eq!(loaded.parent, Some(expected));

    let phase = Phase::Completed { output: Data::from(42) };
    let flush = Flush { facts: vec![fact()], parent: loaded.parent, phase, ..world.flush(claim.lease, 1) };
    assert_eq!(done(&world.commit(flush).await), (1, false));
    world.claim(parent).await;
    let inbox = history::inbox(&mut connection, parent).await.unwrap();
    let outcome = ChildOutcome::Completed { output: Data::from(42) };
    assert_eq!(inbox[0].body, MessageBody::ChildEnded { step: step("/do/0/run"), child, outcome });
    let shown = runs::show(&mut connection, world.org, child).await.unwrap();
    assert_eq!((shown.phase.as_str(), shown.output), ("completed", Some(Data::from(42))));
}

#[tokio::test]
async fn a_child_that_is_not_awaited_tells_nobody_and_one_without_definition_refuses_its_parent() {
    let world = World::new().await;
    let (parent, _) = parent_and_child(&world, false).await;
    let child = parent.child(&step("/do/0/run"));
    let claim = world.claim(child).await;
    let loaded = history::load(&mut world.store.engine().await.unwrap(), child, false).await.unwrap();
    let phase = Phase::Cancelled { reason: "enough".to_owned() };
    world.commit(Flush { parent: loaded.parent, phase, facts: vec![fact()], ..world.flush(claim.lease, 1) }).await;
    assert_eq!(world.count("select count(*) from inbox").await, 0);
    assert_eq!(world.count("select count(*) from activations").await, 0);

    let claim = world.held().await;
    let missing = Effect::StartChild {
        step: step("/do/0/run"),
        child: claim.lease.run.child(&step("/do/0/run")),
        definition: "00".repeat(32),
        input: Data::NULL,
        awaited: true,
    };
    let committed = world.commit(Flush { facts: vec![fact_with(vec![missing])], ..world.flush(claim.lease, 1) }).await;
    assert!(matches!(committed, Committed::Rejected(store::Error::ChildRefused(_))), "{committed:?}");
}

#[tokio::test]
async fn a_parent_that_parks_in_the_group_in_which_its_child_ends_is_woken() {
    let world = World::new().await;
    let (parent, _) = parent_and_child(&world, true).await;
    let child = world.claim(parent.child(&step("/do/0/run"))).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    commands::send(&mut transaction, world.org, parent, &commands::Command::Suspend).await.unwrap();
    transaction.commit().await.unwrap();
    let held = world.claim(parent).await;

    let link = Parent { run: parent, step: step("/do/0/run"), awaited: true };
    let ends = Flush {
        facts: vec![fact()],
        parent: Some(link),
        phase: Phase::Completed { output: Data::NULL },
        ..world.flush(child.lease, 1)
    };
    let parks = Flush { then: Then::Park { due: None, wake: held.wake }, ..world.flush(held.lease, 2) };
    let committed = world.commit_all(vec![ends, parks]).await;
    assert_eq!(done(&committed[1]), (held.wake + 1, true), "it keeps the run and looks again");
}

#[tokio::test]
async fn cancelling_a_child_puts_a_command_into_its_inbox() {
    let world = World::new().await;
    let (parent, _) = parent_and_child(&world, true).await;
    let child = parent.child(&step("/do/0/run"));
    let held = world.claim(child).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    commands::send(&mut transaction, world.org, parent, &commands::Command::Suspend).await.unwrap();
    transaction.commit().await.unwrap();
    let claim = world.claim(parent).await;
    world
        .commit(Flush { facts: vec![fact_with(vec![Effect::CancelChild(child)])], ..world.flush(claim.lease, 2) })
        .await;
    let mut connection = world.store.engine().await.unwrap();
    let inbox = history::inbox(&mut connection, child).await.unwrap();
    assert!(matches!(inbox[0].body, MessageBody::Cancel { .. }));
    let renewed = store::lease::renew(&mut connection, &[held.lease], crate::world::LEASE).await.unwrap();
    assert_eq!(renewed[0].wake, Some(2), "its driver hears of it while it works");
}

#[tokio::test]
async fn an_ended_run_leaves_its_history_and_nothing_to_do() {
    let world = World::new().await;
    let claim = world.held().await;
    let wait = Effect::Subscribe(subscription("/do/0/listen", "test.reply", None));
    let waits = Flush { facts: vec![fact_with(vec![wait])], ..world.flush(claim.lease, 1) };
    world.commit(waits).await;
    let phase = Phase::Faulted { fault: engine::Fault::new(engine::FaultKind::Runtime, "broken") };
    world.commit(Flush { facts: vec![fact()], phase, ..world.flush(claim.lease, 2) }).await;
    for table in ["activations", "subscriptions", "snapshots", "inbox", "deliveries"] {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&world.admin)
            .await
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
    assert_eq!(world.count("select count(*) from facts").await, 3);
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let shown = runs::show(&mut transaction, world.org, claim.lease.run).await.unwrap();
    assert_eq!(shown.fault.unwrap().detail.as_deref(), Some("broken"));
    let cancel = commands::Command::Cancel { reason: "late".to_owned() };
    let error = commands::send(&mut transaction, world.org, claim.lease.run, &cancel).await.unwrap_err();
    assert_eq!(error.to_string(), format!("run {} is faulted: it cannot be cancelled", claim.lease.run));
}

#[tokio::test]
async fn a_quarantined_run_is_set_aside_until_it_is_retried() {
    let world = World::new().await;
    let claim = world.held().await;
    let then = Then::Quarantine { reason: "fact 3 does not fit".to_owned() };
    assert_eq!(done(&world.commit(Flush { then, ..world.flush(claim.lease, 1) }).await), (1, false));
    assert!(world.claim_with(&world.claimer, 1).await.is_empty());
    let run = claim.lease.run;
    let loaded = history::load(&mut world.store.engine().await.unwrap(), run, false).await.unwrap();
    assert_eq!(loaded.quarantined.as_deref(), Some("fact 3 does not fit"));
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let queue = commands::send(&mut transaction, world.org, run, &commands::Command::Retry).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(queue, "runs");
    world.claim(run).await;
}

#[tokio::test]
async fn a_snapshot_stands_for_the_facts_before_it() {
    let world = World::new().await;
    let claim = world.held().await;
    let snapshot = serde_json::json!({"version": 0, "state": null});
    let mut connection = world.store.engine().await.unwrap();
    sqlx::query("insert into snapshots values ($1, 1, $2, $3)")
        .bind(claim.lease.run.0)
        .bind(world.org.0)
        .bind(snapshot)
        .execute(&world.admin)
        .await
        .unwrap();
    let loaded = history::load(&mut connection, claim.lease.run, false).await.unwrap();
    assert!(loaded.snapshot.is_none(), "one that cannot be read is none");
    assert_eq!(loaded.facts.len(), 1, "and the facts come whole");
}

#[tokio::test]
async fn a_group_locks_its_activations_in_the_order_of_their_runs() {
    let world = World::new().await;
    let (low, high) = (world.held().await, world.held().await);
    assert!(low.lease.run < high.lease.run);
    // Whoever waits for the first holds none of the others: here the run that is woken, although it owns the second.
    let mut first = world.store.begin_engine().await.unwrap();
    store::lease::confirm(&mut first, low.lease).await.unwrap();
    let facts = vec![fact_with(vec![Effect::CancelChild(low.lease.run)])];
    let commit = world.commit(Flush { facts, ..world.flush(high.lease, 1) });
    let look = async {
        world.blocked(1).await;
        let free = "select wake from activations where run_id = $1 for update nowait";
        let held: Result<i64, _> = sqlx::query_scalar(free).bind(high.lease.run.0).fetch_one(&world.admin).await;
        first.commit().await.unwrap();
        held
    };
    let (committed, free) = tokio::join!(commit, look);
    assert_eq!(free.unwrap(), 1);
    assert_eq!(done(&committed), (1, true));
}

#[tokio::test]
async fn a_commit_whose_connection_dies_before_it_is_repeated_on_another() {
    let world = World::new().await;
    let claim = world.held().await;
    let mut holder = world.store.begin_engine().await.unwrap();
    store::lease::confirm(&mut holder, claim.lease).await.unwrap();
    let commit = world.commit(Flush { facts: vec![fact()], audit: vec![entry()], ..world.flush(claim.lease, 1) });
    let kill = async {
        world.blocked(1).await;
        let killed = "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        assert_eq!(world.count(killed).await, 1);
        holder.commit().await.unwrap();
    };
    let (committed, ()) = tokio::join!(commit, kill);
    assert_eq!(done(&committed), (1, true));
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 1);
}
