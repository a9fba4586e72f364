//! What keeps one run from harming the others, or itself: limits, snapshots, solitude (DESIGN 5, 11 and 12).

use std::time::Duration;

use engine::Outcome;
use serde_json::json;
use worker::Functions;

use crate::{house::House, scripts::Script};

#[tokio::test]
async fn a_history_that_grows_too_long_ends_its_run() {
    let house = House::build().await;
    let definition = house.define("endless", "do: [ { again: { call: ask:1.0.0@default, then: again } } ]").await;
    let run = house.start(definition, json!({})).await;
    let worker = house.work_with(Functions::new().external(Script::echo("ask")), |config| config.history_limit = 20);
    let reason = house.phase(run, "cancelled").await.reason.unwrap();
    assert!(reason.contains("more than 20 facts"), "{reason}");
    assert_eq!(house.history(run).await.len(), 22, "the one too many, and the end");
    worker.stop().await;
}

#[tokio::test]
async fn a_call_that_never_returns_is_ended_by_its_functions_own_limit() {
    let house = House::build().await;
    let definition = house.define("hanging", "do: [ { ask: { call: ask:1.0.0@default } } ]").await;
    let run = house.start(definition, json!({})).await;
    let ask = Script::gated("ask", |_, input| Outcome::Done(input)).limited(Duration::from_millis(1));
    let worker = house.work(Functions::new().external(ask.clone()));
    assert_eq!(house.phase(run, "faulted").await.fault.unwrap().status, 408);
    ask.dropped(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_snapshot_is_written_every_so_many_facts_and_not_with_each() {
    let house = House::build().await;
    let steps: String = (0..8).map(|n| format!("  - s{n}: {{ call: ask:1.0.0@default }}\n")).collect();
    let definition = house.define("long", &format!("do:\n{steps}")).await;
    let run = house.start(definition, json!({})).await;
    let ask = Script::gated("ask", |_, input| Outcome::Done(input));
    let worker = house.work_with(Functions::new().external(ask.clone()), |config| config.snapshot_facts = 3);
    let mut taken = Vec::new();
    for calls in 1..=8 {
        ask.called(calls).await;
        taken.push(house.count("select coalesce(max(seq), 0) from snapshots").await);
        ask.let_go();
    }
    house.phase(run, "completed").await;
    assert_eq!(taken, [0, 0, 3, 3, 3, 6, 6, 6]);
    worker.stop().await;
}

#[tokio::test]
async fn a_suspect_is_driven_alone_until_it_gets_on() {
    let house = House::build().await;
    let definition = house.define("suspect", "do: [ { ask: { call: ask:1.0.0@default } } ]").await;
    for _ in 0..4 {
        house.start(definition, json!({})).await;
    }
    let ask = Script::gated("ask", |_, input| Outcome::Done(input));
    let worker = house.work_with(Functions::new().external(ask.clone()), |config| {
        (config.suspect_after, config.solitude) = (0, Duration::from_secs(3600));
    });
    for calls in 1..=4 {
        ask.called(calls).await;
        assert_eq!(ask.keys().len(), calls, "a suspect had company");
        ask.let_go();
    }
    worker.stop().await;
}

#[tokio::test]
async fn polling_alone_finds_everything() {
    let house = House::build().await;
    let body = "do:
  - hear: { listen: { to: { one: { with: { type: com.example.said } } } } }
  - ask: { call: ask:1.0.0@default }";
    let definition = house.define("unhinted", body).await;
    let ask = Script::gated("ask", |_, input| Outcome::Done(input));
    let worker = house.work_unhinted(Functions::new().external(ask.clone()));
    let run = house.start(definition, json!({})).await;
    house.parked(run).await;
    house.publish("e1", "com.example.said", json!(1)).await;
    ask.called(1).await;
    house.command(run, store::commands::Command::Cancel { reason: "enough".to_owned() }).await;
    house.phase(run, "cancelled").await;
    worker.stop().await;
}
