//! Runs that start by themselves: at their times, once, over any number of workers; and by events.

use engine::Outcome;
use serde_json::json;
use store::commands::Command;
use worker::Functions;

use crate::{house::House, scripts::Script};

const STARTED: &str = "select count(*) from runs";
const ENDED: &str = "select count(*) from runs where ended_at is not null";

fn document(version: &str, metadata: &str, rest: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: nightly, version: '{version}', metadata: {{ schedule: {{ {metadata} }} }} }}\n{rest}"
    )
}

const NIGHTLY: &str = "schedule: { cron: 0 2 * * * }
do: [ { note: { set: { at: '${ $workflow.startedAt.iso8601 }' } } } ]";

#[tokio::test]
async fn one_run_starts_for_each_time_however_many_workers_there_are() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    house.register(&document("1.0.0", "timezone: Asia/Kolkata", NIGHTLY), "2030-01-01T00:00:00Z").await;
    let workers = [house.work(Functions::new()), house.work(Functions::new()), house.work(Functions::new())];
    house.clock("2030-01-01T20:30:00Z", 0.0).await;
    house.counts(1, ENDED).await;
    house.clock("2030-01-02T20:31:00Z", 0.0).await;
    house.counts(2, ENDED).await;
    house.clock("2030-01-12T00:00:00Z", 0.0).await; // nine nights passed: one run catches up
    house.counts(3, ENDED).await;
    house.counts(1, "select count(*) from schedules where time = '2030-01-12T20:30:00Z' and due_at = time").await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(house.count(STARTED).await, 3);
    assert_eq!(house.count("select count(*) from audit where action = 'run.started'").await, 3);
    assert_eq!(house.count("select count(*) from runs where started_by = 'schedule:test/nightly'").await, 3);
}

#[tokio::test]
async fn a_run_that_is_under_way_keeps_the_next_from_starting_where_the_schedule_says_so() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let body = "schedule: { every: { hours: 1 } }\ndo: [ { ask: { call: ask:1.0.0@default } } ]";
    house.register(&document("1.0.0", "overlap: forbid", body), "2030-01-01T00:00:00Z").await;
    let ask = Script::gated("ask", |_, input| Outcome::Done(input));
    let worker = house.work(Functions::new().external(ask.clone()));
    house.clock("2030-01-01T01:00:00Z", 0.0).await;
    ask.called(1).await;
    house.clock("2030-01-01T02:00:00Z", 0.0).await;
    house.counts(1, "select count(*) from schedules where time = '2030-01-01T03:00:00Z'").await;
    assert_eq!(house.count(STARTED).await, 1, "the time has passed and started nothing");
    ask.let_go();
    house.counts(1, ENDED).await;
    house.clock("2030-01-01T03:00:00Z", 0.0).await;
    house.counts(2, STARTED).await;
    worker.stop().await;
}

#[tokio::test]
async fn the_end_of_a_run_starts_the_next_a_span_later() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let body = "schedule: { after: PT30M }\ndo: [ { pause: { wait: PT1H } } ]";
    house.register(&document("1.0.0", "", body), "2030-01-01T00:00:00Z").await;
    let worker = house.work(Functions::new());
    house.counts(1, "select count(*) from activations where lease is null and due_at = '2030-01-01T01:00:00Z'").await;
    house.clock("2030-01-01T01:00:00Z", 0.0).await;
    house.counts(1, "select count(*) from schedules where due_at = '2030-01-01T01:30:00Z'").await;
    house.clock("2030-01-01T01:30:00Z", 0.0).await;
    house.counts(2, STARTED).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_event_starts_a_run_that_gets_it() {
    let house = House::build().await;
    let body = "schedule: { on: { any: [ { with: { type: com.example.paid, data: '${ .sum > 10 }' } }, { with: { type: com.example.refunded } } ] } }
do: [ { read: { set: { sum: '${ $workflow.input[0].data.sum }', kind: '${ .[0].type }' } } } ]";
    house.register(&document("1.0.0", "", body), "2030-01-01T00:00:00Z").await;
    let worker = house.work(Functions::new());
    house.publish("p1", "com.example.paid", json!({"sum": 5})).await;
    house.publish("p2", "com.example.paid", json!({"sum": 50})).await;
    house.publish("r1", "com.example.refunded", json!({"sum": 1})).await;
    house.counts(2, ENDED).await;
    house.sql("update events set routed = false").await; // as after a crash before the events were marked
    house.publish("p3", "com.example.paid", json!({"sum": 51})).await;
    house.counts(3, ENDED).await;
    worker.stop().await;
    assert_eq!(house.count(STARTED).await, 3, "an event that is routed again starts nothing");
    let sums = "select coalesce(sum((output->>'sum')::bigint), 0)::bigint from runs where output->>'kind' like 'com.%'";
    assert_eq!(house.count(sums).await, 102);
}

#[tokio::test]
async fn a_schedule_is_that_of_the_latest_version() {
    let house = House::build().await;
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let now = "2030-01-01T00:00:00Z";
    let of = |version: &str| document(version, "", NIGHTLY);
    let second = house.register(&of("2.0.0"), now).await;
    house.register(&of("1.0.0"), now).await;
    let set = "select count(*) from schedules where version = '2.0.0' and due_at = '2030-01-01T02:00:00Z'";
    assert_eq!(house.count(set).await, 1, "an older version does not replace a newer one");
    assert_eq!(house.register(&of("2.0.0"), "2030-02-01T00:00:00Z").await, second);
    assert_eq!(house.count(set).await, 1, "registering it again leaves its next time");
    house.register(&document("3.0.0", "", "do: [ { a: { set: { x: 1 } } } ]"), now).await;
    assert_eq!(house.count("select count(*) from schedules").await, 0, "the latest version has none");
}

#[tokio::test]
async fn the_end_of_a_run_is_an_event_where_somebody_waits_for_it() {
    let house = House::build().await;
    let waits = house.define("waits", "do: [ { pause: { wait: { days: 1 } } } ]").await;
    let worker = house.work(Functions::new());
    let unheard = house.start(waits, json!({})).await;
    house.parked(unheard).await;
    house.command(unheard, Command::Cancel { reason: "nobody listens".to_owned() }).await;
    house.phase(unheard, "cancelled").await;
    assert_eq!(house.count("select count(*) from events").await, 0);

    let clean = "schedule: { on: { one: { with: { type: io.serverlessworkflow.workflow.cancelled.v1 } } } }
do: [ { clean: { set: { name: '${ .[0].data.name }', run: '${ .[0].subject }' } } } ]";
    house.register(&document("1.0.0", "", clean), "2030-01-01T00:00:00Z").await;
    let heard = house.start(waits, json!({})).await;
    house.parked(heard).await;
    house.command(heard, Command::Cancel { reason: "somebody listens".to_owned() }).await;
    house.counts(3, ENDED).await;
    worker.stop().await;
    assert_eq!(house.count("select count(*) from events").await, 1, "and nothing but what is waited for");
    let cleaned = "select count(*) from runs r join runs c on c.output ->> 'run' = r.run_id::text
        and c.output ->> 'name' = 'waits-' || r.run_id || '.test' where r.phase = 'cancelled'";
    assert_eq!(house.count(cleaned).await, 1);
}

#[tokio::test]
async fn a_run_starts_when_each_of_its_events_has_come() {
    let house = House::build().await;
    let both = "schedule: { on: { all: [
  { with: { type: com.example.paid }, correlate: { order: { from: .data.order } } },
  { with: { type: com.example.packed }, correlate: { order: { from: .data.order } } } ] } }
do: [ { send: { set: { order: '${ .[0].data.order }', kinds: '${ map(.type) }' } } } ]";
    house.register(&document("1.0.0", "", both), "2030-01-01T00:00:00Z").await;
    let workers = [house.work(Functions::new()), house.work(Functions::new())];
    house.publish("p1", "com.example.paid", json!({"order": 1})).await;
    house.publish("p2", "com.example.paid", json!({"order": 2})).await;
    house.publish("k3", "com.example.packed", json!({"order": 3})).await;
    house.publish("k2", "com.example.packed", json!({"order": 2})).await;
    house.counts(1, ENDED).await;
    house.sql("update events set routed = false").await; // as after a crash before the events were marked
    house.publish("k1", "com.example.packed", json!({"order": 1})).await;
    house.counts(2, ENDED).await;
    house.counts(5, "select count(*) from events where routed").await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(house.count(STARTED).await, 2, "order 3 is not paid, and no event counts twice");
    let order = "select count(*) from runs where output ->> 'kinds' = '[\"com.example.paid\",\"com.example.packed\"]'";
    assert_eq!(house.count(order).await, 2, "in the order of receipt");
}
