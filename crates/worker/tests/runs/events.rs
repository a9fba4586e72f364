//! Events and times: found early, on time, and once.

use std::time::Duration;

use engine::Outcome;
use serde_json::json;
use worker::Functions;

use crate::{house::House, scripts::Script};

const LISTEN: &str = "do:
  - before: { call: before:1.0.0@default }
  - hear:
      listen:
        to:
          one:
            with: { type: com.example.paid }
            correlate:
              order: { from: '${ .data.order }', expect: '${ \"A1\" }' }";

fn gate() -> Script {
    Script::gated("before", |_, input| Outcome::Done(input))
}

#[tokio::test]
async fn an_event_that_comes_before_its_listen_is_found() {
    let house = House::build().await;
    let definition = house.define("early", LISTEN).await;
    let before = gate();
    let worker = house.work(Functions::new().external(before.clone()));
    let run = house.start(definition, json!({})).await;
    before.called(1).await;
    house.publish("e0", "com.example.paid", json!({"order": "B2", "sum": 1})).await;
    house.publish("e1", "com.example.paid", json!({"order": "A1", "sum": 7})).await;
    house.committed("routed e1").await;
    before.let_go();
    assert_eq!(house.output(run).await, json!([{"order": "A1", "sum": 7}]));
    assert_eq!(house.history(run).await, ["started", "call_completed", "event_received"]);
    worker.stop().await;
}

#[tokio::test]
async fn an_event_wakes_a_parked_run_and_only_the_one_that_it_is_for() {
    let house = House::build().await;
    let definition = house.define("late", LISTEN).await;
    let before = gate();
    before.let_go();
    let worker = house.work(Functions::new().external(before.clone()));
    let run = house.start(definition, json!({})).await;
    house.parked(run).await;
    assert_eq!(house.count("select count(*) from activations").await, 0, "a run that only waits has no activation");
    house.publish("e0", "com.example.paid", json!({"order": "B2"})).await;
    house.committed("routed e0").await;
    assert_eq!(house.history(run).await, ["started", "call_completed"]);
    house.publish("e1", "com.example.paid", json!({"order": "A1"})).await;
    assert_eq!(house.output(run).await, json!([{"order": "A1"}]));
    worker.stop().await;
}

#[tokio::test]
async fn an_event_that_another_run_emits_is_heard() {
    let house = House::build().await;
    let hears = house
        .define("hears", "do: [ { hear: { listen: { to: { one: { with: { type: com.example.said } } } } } } ]")
        .await;
    let says = house
        .define(
            "says",
            "do: [ { say: { emit: { event: { with: { source: 'https://example.com/says', type: com.example.said, data: { n: 1 } } } } } } ]",
        )
        .await;
    let worker = house.work(Functions::new());
    let run = house.start(hears, json!({})).await;
    house.parked(run).await;
    house.start(says, json!({})).await;
    assert_eq!(house.output(run).await, json!([{"n": 1}]));
    worker.stop().await;
}

#[tokio::test]
async fn a_month_passes_when_the_clock_says_so() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let definition =
        house.define("month", "do: [ { rest: { wait: { days: 30 } } }, { done: { set: { rested: true } } } ]").await;
    let worker = house.work(Functions::new());
    let run = house.start(definition, json!({})).await;
    house.parked(run).await;
    assert_eq!(house.show(run).await.due_at.unwrap().to_rfc3339(), "2030-01-31T00:00:00+00:00");
    house.clock("2030-01-31T00:00:00Z", 0.0).await;
    assert_eq!(house.output(run).await, json!({"rested": true}));
    assert_eq!(house.history(run).await, ["started", "timer_fired"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_time_limit_ends_a_call_that_is_under_way() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let body = "do: [ { ask: { call: before:1.0.0@default, timeout: { after: { hours: 1 } } } } ]";
    let definition = house.define("limit", body).await;
    let before = gate();
    let worker = house.work(Functions::new().external(before.clone()));
    let run = house.start(definition, json!({})).await;
    before.called(1).await;
    house.clock("2030-01-01T01:00:00Z", 0.0).await;
    assert_eq!(house.phase(run, "faulted").await.fault.unwrap().status, 408);
    before.dropped(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_short_wait_is_waited_for_in_memory() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 3_600.0).await;
    let definition = house.define("nap", "do: [ { nap: { wait: { minutes: 1 } } } ]").await;
    let worker = house.work(Functions::new());
    let run = house.start(definition, json!({})).await;
    house.phase(run, "completed").await;
    assert_eq!(house.history(run).await, ["started", "timer_fired"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_timer_in_the_database_is_waited_for_and_not_polled_for() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 3_600.0).await;
    let definition = house.define("sleep", "do: [ { sleep: { wait: { hours: 2 } } } ]").await;
    let run = house.start(definition, json!({})).await;
    let worker = house.work_with(Functions::new(), |config| {
        (config.poll_min, config.poll_max) = (Duration::from_secs(3600), Duration::from_secs(3600));
    });
    house.parked(run).await;
    house.phase(run, "completed").await;
    worker.stop().await;
}

#[tokio::test]
async fn events_that_come_during_an_iteration_wait_in_the_inbox_and_survive_a_crash() {
    let house = House::build().await;
    let definition = house
        .define(
            "stream",
            "do:
  - hear:
      listen: { to: { any: [ { with: { type: com.example.line } } ], until: { one: { with: { type: com.example.end } } } } }
      foreach:
        item: line
        do: [ { work: { call: before:1.0.0@default, with: { n: '${ $line }', at: '${ $index }' } } } ]",
        )
        .await;
    let slow = gate();
    let worker = house.work(Functions::new().external(slow.clone()));
    let run = house.start(definition, json!({})).await;
    house.parked(run).await;
    house.publish("l1", "com.example.line", json!(1)).await;
    slow.called(1).await;
    house.publish("l2", "com.example.line", json!(2)).await;
    house.publish("end", "com.example.end", json!(null)).await;
    house.publish("l3", "com.example.line", json!(3)).await;
    house.committed("routed l3").await;
    assert_eq!(house.history(run).await, ["started", "continued", "event_received"], "one at a time");
    worker.stop().await;
    house.sql("delete from snapshots").await;

    slow.let_go();
    slow.let_go();
    let worker = house.work(Functions::new().external(slow.clone()));
    assert_eq!(house.output(run).await, json!([{"n": 1, "at": 0}, {"n": 2, "at": 1}]));
    let history = house.history(run).await;
    let expected = [
        "started",
        "continued",
        "event_received",
        "call_completed",
        "event_received",
        "call_completed",
        "event_received",
    ];
    assert_eq!(history, expected);
    worker.stop().await;
}

#[tokio::test]
async fn a_filter_that_reads_the_context_is_decided_by_its_run() {
    let house = House::build().await;
    let definition = house
        .define(
            "picky",
            "do:
  - keep: { set: { order: A1 }, export: { as: . } }
  - hear: { listen: { to: { one: { with: { type: com.example.paid, data: '${ .order == $context.order }' } } } } }",
        )
        .await;
    let worker = house.work(Functions::new());
    let run = house.start(definition, json!({})).await;
    house.parked(run).await;
    house.publish("e0", "com.example.paid", json!({"order": "B2"})).await;
    house.publish("e1", "com.example.paid", json!({"order": "A1"})).await;
    assert_eq!(house.output(run).await, json!([{"order": "A1"}]));
    worker.stop().await;
}
