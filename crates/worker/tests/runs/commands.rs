//! Commands reach a run between two commits, also while a call is under way.

use engine::Outcome;
use serde_json::json;
use store::commands::Command;
use worker::Functions;

use crate::{
    house::{House, ORG},
    scripts::Script,
};

const TWO_CALLS: &str = "do:
  - first: { call: first:1.0.0@default }
  - second: { call: second:1.0.0@default }";

#[tokio::test]
async fn a_cancel_ends_a_call_that_is_under_way() {
    let house = House::build().await;
    let definition = house.define("cancelled", TWO_CALLS).await;
    let run = house.start(definition, json!({})).await;
    let (first, second) = (Script::gated("first", |_, input| Outcome::Done(input)), Script::echo("second"));
    let worker = house.work(Functions::new().external(first.clone()).external(second.clone()));
    first.called(1).await;
    house.command(run, Command::Cancel { reason: "changed my mind".to_owned() }).await;
    assert_eq!(house.phase(run, "cancelled").await.reason.unwrap(), "changed my mind");
    first.dropped(1).await;
    assert_eq!(house.history(run).await, ["started", "cancelled"]);
    assert!(second.keys().is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn a_paused_run_does_nothing_until_it_is_resumed() {
    let house = House::build().await;
    let definition = house.define("paused", TWO_CALLS).await;
    let run = house.start(definition, json!({})).await;
    let (first, second) = (Script::gated("first", |_, input| Outcome::Done(input)), Script::echo("second"));
    let worker = house.work(Functions::new().external(first.clone()).external(second.clone()));
    first.called(1).await;
    house.command(run, Command::Suspend).await;
    house.phase(run, "suspended").await;
    first.dropped(1).await;
    house.parked(run).await;
    assert_eq!(house.count("select count(*) from activations").await, 0, "a paused run has no activation");
    first.let_go();
    house.command(run, Command::Resume).await;
    house.phase(run, "completed").await;
    assert_eq!(first.keys().len(), 2, "the call that was dropped is made again");
    let history = house.history(run).await;
    assert_eq!(history, ["started", "suspended", "resumed", "call_completed", "call_completed"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_parent_takes_its_child_along() {
    let house = House::build().await;
    house.define("child", TWO_CALLS).await;
    let parent = house
        .define("parent", "do: [ { ask: { run: { workflow: { namespace: test, name: child, version: '1.0.0' } } } } ]")
        .await;
    let first = Script::gated("first", |_, input| Outcome::Done(input));
    let worker = house.work(Functions::new().external(first.clone()).external(Script::echo("second")));
    let run = house.start(parent, json!({})).await;
    first.called(1).await;
    house.command(run, Command::Cancel { reason: "enough".to_owned() }).await;
    house.phase(run, "cancelled").await;
    first.dropped(1).await;
    let step = engine::Step { pointer: "/do/0/ask".into(), visit: 0 };
    house.phase(run.child(&step), "cancelled").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_parent_that_was_set_aside_takes_its_child_along_too() {
    let house = House::build().await;
    house.define("child", TWO_CALLS).await;
    let parent = house
        .define("parent", "do: [ { ask: { run: { workflow: { namespace: test, name: child, version: '1.0.0' } } } } ]")
        .await;
    let first = Script::gated("first", |_, input| Outcome::Done(input));
    let worker = house.work(Functions::new().external(first.clone()).external(Script::echo("second")));
    let run = house.start(parent, json!({})).await;
    first.called(1).await;
    house.parked(run).await;
    house.sql("update runs set phase = 'quarantined', reason = 'broken' where parent_run is null").await;
    house.command(run, Command::Cancel { reason: "enough".to_owned() }).await;
    house.phase(run, "cancelled").await;
    let step = engine::Step { pointer: "/do/0/ask".into(), visit: 0 };
    house.phase(run.child(&step), "cancelled").await;
    first.dropped(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_run_that_was_set_aside_can_be_retried_or_cancelled() {
    let house = House::build().await;
    let definition = house.define("aside", TWO_CALLS).await;
    let (retried, cancelled) = (house.start(definition, json!({})).await, house.start(definition, json!({})).await);
    house.sql("update activations set claims = 100").await;
    let worker = house.work(Functions::new().external(Script::echo("first")).external(Script::echo("second")));
    house.phase(retried, "quarantined").await;
    house.phase(cancelled, "quarantined").await;
    house.command(cancelled, Command::Cancel { reason: "hopeless".to_owned() }).await;
    assert_eq!(house.phase(cancelled, "cancelled").await.reason.unwrap(), "hopeless");
    house.command(retried, Command::Retry).await;
    house.phase(retried, "completed").await;
    worker.stop().await;
}

#[tokio::test]
async fn an_event_waits_for_a_paused_run_to_be_resumed() {
    let house = House::build().await;
    let definition = house
        .define("deaf", "do: [ { hear: { listen: { to: { one: { with: { type: com.example.said } } } } } } ]")
        .await;
    let worker = house.work(Functions::new());
    let run = house.start(definition, json!({})).await;
    house.parked(run).await;
    house.command(run, Command::Suspend).await;
    house.phase(run, "suspended").await;
    house.publish("e1", "com.example.said", json!(1)).await;
    house.committed("routed e1").await;
    assert_eq!(house.count("select count(*) from inbox").await, 1);
    house.command(run, Command::Resume).await;
    assert_eq!(house.output(run).await, json!([1]));
    assert_eq!(house.history(run).await, ["started", "continued", "suspended", "resumed", "event_received"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_command_that_commits_first_forestalls_a_timer() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let body = "do: [ { ask: { call: first:1.0.0@default, timeout: { after: { hours: 1 } } } } ]";
    let definition = house.define("forestalled", body).await;
    let first = Script::gated("first", |_, input| Outcome::Done(input));
    let worker = house.work(Functions::new().external(first.clone()));
    let run = house.start(definition, json!({})).await;
    first.called(1).await;
    // The command holds the run's activation; the timer's commit queues up behind it.
    let mut cancel = house.store.begin(ORG).await.unwrap();
    let command = Command::Cancel { reason: "first".to_owned() };
    store::commands::send(&mut cancel, ORG, run, &command).await.unwrap();
    house.clock("2030-01-01T01:00:00Z", 0.0).await;
    while house.count("select count(*) from pg_locks where not granted").await == 0 {
        tokio::task::yield_now().await;
    }
    cancel.commit().await.unwrap();
    house.phase(run, "cancelled").await;
    assert_eq!(house.history(run).await, ["started", "cancelled"]);
    worker.stop().await;
}
