//! What a crash, a lost lease or a lost connection leave behind: time passes, nothing else.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use engine::Outcome;
use serde_json::json;
use worker::Functions;

use crate::{house::House, scripts::Script};

/// How often connections are cut: a run is suspected after three claims that led to nothing.
const MOST_CUTS: usize = 5;

const ONE_CALL: &str = "do: [ { ask: { call: ask:1.0.0@default } } ]";

fn says(text: &'static str) -> Script {
    Script::gated("ask", move |_, _| Outcome::Done(text.into()))
}

#[tokio::test]
async fn a_call_that_a_crash_interrupted_is_made_again_under_its_key() {
    let house = House::build().await;
    let definition = house.define("crash", ONE_CALL).await;
    let run = house.start(definition, json!({})).await;
    let first = says("lost");
    let worker = house.work(Functions::new().external(first.clone()));
    first.called(1).await;
    worker.kill().await;
    first.dropped(1).await;
    house.sql("update activations set lease_until = '2000-01-01'").await;

    let second = says("kept");
    let worker = house.work(Functions::new().external(second.clone()));
    second.let_go();
    assert_eq!(house.output(run).await, json!("kept"));
    assert_eq!(first.keys(), second.keys());
    assert_eq!(house.history(run).await, ["started", "call_completed"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_whose_lease_is_lost_writes_nothing() {
    let house = House::build().await;
    let definition = house.define("stale", ONE_CALL).await;
    let run = house.start(definition, json!({})).await;
    let (stale, fresh) = (says("stale"), says("fresh"));
    let first = house.work(Functions::new().external(stale.clone()));
    stale.called(1).await;
    house.sql("update activations set lease_until = '2000-01-01'").await;
    let second = house.work(Functions::new().external(fresh.clone()));
    fresh.called(1).await;
    stale.let_go();
    // The first worker's flush is refused before it stops, for stopping waits for commits that are under way.
    first.stop().await;
    assert_eq!(house.history(run).await, ["started"]);
    fresh.let_go();
    assert_eq!(house.output(run).await, json!("fresh"));
    assert_eq!(house.history(run).await, ["started", "call_completed"]);
    second.stop().await;
}

#[tokio::test]
async fn a_shutdown_gives_runs_back_at_once() {
    let house = House::build().await;
    let definition = house.define("handover", ONE_CALL).await;
    let run = house.start(definition, json!({})).await;
    let (first, second) = (says("first"), says("second"));
    let worker = house.work(Functions::new().external(first.clone()));
    first.called(1).await;
    worker.stop().await;
    first.dropped(1).await;
    let untouched = "select count(*) from activations where lease is null and claims = 0";
    assert_eq!(house.count(untouched).await, 1, "given back, and the claim does not count");

    second.let_go();
    let worker = house.work(Functions::new().external(second.clone()));
    assert_eq!(house.output(run).await, json!("second"));
    assert_eq!(first.keys(), second.keys());
    worker.stop().await;
}

#[tokio::test]
async fn lost_connections_are_survived() {
    let house = House::build().await;
    let steps: String =
        (0..8).map(|n| format!("  - s{n}: {{ call: cut:1.0.0@default, with: {{ n: {n} }} }}\n")).collect();
    let definition = house.define("cut", &format!("do:\n{steps}")).await;
    let admin = house.admin().clone();
    let counted = AtomicUsize::new(0);
    // A call cuts all connections of the worker, while other runs commit; so few that no run can be suspected of it.
    let cut = Script::open("cut", move |_, input| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        if call.is_multiple_of(6) && call < 6 * MOST_CUTS {
            let admin = admin.clone();
            tokio::spawn(async move {
                let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                            where datname = current_database() and application_name = 'worker'";
                let _ = sqlx::query(kill).execute(&admin).await;
            });
        }
        Outcome::Done(input)
    });
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(house.start(definition, json!({})).await);
    }
    let worker =
        house.work_with(Functions::new().external(cut.clone()), |config| config.lease = Duration::from_secs(3));
    for run in runs {
        assert_eq!(house.output(run).await, json!({"n": 7}));
        let mut expected = vec!["started"];
        expected.extend(["call_completed"; 8]);
        assert_eq!(house.history(run).await, expected);
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_run_that_never_gets_on_is_set_aside() {
    let house = House::build().await;
    let definition = house.define("poison", ONE_CALL).await;
    let run = house.start(definition, json!({})).await;
    house.sql("update activations set claims = 100").await;
    let ask = says("never");
    let worker = house.work(Functions::new().external(ask.clone()));
    let shown = house.phase(run, "quarantined").await;
    assert!(shown.reason.unwrap().contains("claimed 100 times"));
    assert!(ask.keys().is_empty());
    assert_eq!(house.count("select count(*) from audit where action = 'run.quarantined'").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_snapshot_is_a_cache() {
    for (what, spoil) in [
        ("kept", "select 1"),
        ("lost", "delete from snapshots"),
        ("of another shape", "update snapshots set state = '{\"version\": 0}'"),
    ] {
        let house = House::build().await;
        house.clock("2030-01-01T00:00:00Z", 0.0).await;
        let body = "do:
  - first: { call: ask:1.0.0@default, export: { as: '${ { first: . } }' } }
  - rest: { wait: { days: 1 } }
  - last: { set: '${ $context }' }";
        let definition = house.define("cached", body).await;
        let run = house.start(definition, json!({})).await;
        let ask = says("kept");
        ask.let_go();
        let set = |config: &mut worker::Config| config.snapshot_facts = 1;
        let worker = house.work_with(Functions::new().external(ask.clone()), set);
        house.parked(run).await;
        worker.stop().await;
        assert_eq!(house.count("select count(*) from snapshots").await, 1);
        house.sql(spoil).await;
        let worker = house.work_with(Functions::new().external(ask.clone()), set);
        house.clock("2030-01-02T00:00:00Z", 0.0).await;
        assert_eq!(house.output(run).await, json!({"first": "kept"}), "the snapshot is {what}");
        assert_eq!(ask.keys().len(), 1);
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_history_that_does_not_fit_sets_the_run_aside() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let body = "do: [ { ask: { call: ask:1.0.0@default } }, { rest: { wait: { days: 1 } } } ]";
    let definition = house.define("diverged", body).await;
    let run = house.start(definition, json!({})).await;
    let ask = says("fine");
    ask.let_go();
    let worker = house.work(Functions::new().external(ask.clone()));
    house.parked(run).await;
    house
        .sql(
            r#"begin;
               set local session_replication_role = replica; -- the trigger that keeps the history would refuse this
               update facts set body = regexp_replace(body::text, '"input_hash":"[0-9a-f]*"', '"input_hash":"0"')::json;
               commit;"#,
        )
        .await;
    house.clock("2030-01-02T00:00:00Z", 0.0).await;
    let shown = house.phase(run, "quarantined").await;
    let reason = shown.reason.unwrap();
    assert!(reason.contains("the recorded call of /do/0/ask/0 had the input 0"), "{reason}");
    assert_eq!(house.history(run).await, ["started", "call_completed"]);
    worker.stop().await;
}
