//! Calls: external ones at least once under one key, transactional ones exactly once, errors as facts.

use std::sync::atomic::{AtomicBool, Ordering};

use definitions::Data;
use engine::{CallContext, Descriptor, FactBody, Fault, FaultKind, Outcome};
use serde_json::json;
use store::{Connection, TransactionalFunction, TransactionalFuture};
use worker::Functions;

use crate::{
    house::{House, json_of},
    scripts::{Script, descriptor},
};

#[tokio::test]
async fn a_run_sets_calls_and_completes() {
    let house = House::build().await;
    let definition = house
        .define(
            "greeting",
            "do:
  - compose: { set: { greeting: '${ \"Hello, \\(.name)!\" }' } }
  - send: { call: echo:1.0.0@default, with: { text: '${ .greeting }' } }
output: { as: '${ { sent: .text } }' }",
        )
        .await;
    let run = house.start(definition, json!({"name": "Ada"})).await;
    let echo = Script::echo("echo");
    let worker = house.work(Functions::new().external(echo.clone()));
    assert_eq!(house.output(run).await, json!({"sent": "Hello, Ada!"}));
    assert_eq!(house.history(run).await, ["started", "call_completed"]);
    assert_eq!(echo.keys(), [format!("{run}/do/1/send/0")]);
    worker.stop().await;
}

#[tokio::test]
async fn an_error_that_nothing_catches_faults_the_run() {
    let house = House::build().await;
    let definition = house.define("faulty", "do: [ { ask: { call: refuse:1.0.0@default } } ]").await;
    let run = house.start(definition, json!({})).await;
    let refuse = Script::open("refuse", |_, _| Outcome::Fail(Fault::new(FaultKind::Authorization, "not you")));
    let worker = house.work(Functions::new().external(refuse));
    let fault = house.phase(run, "faulted").await.fault.unwrap();
    assert_eq!((fault.status, fault.instance.unwrap().as_str()), (403, "/do/0/ask"));
    worker.stop().await;
}

#[tokio::test]
async fn a_call_that_asks_for_time_is_made_again_under_its_key() {
    let house = House::build().await;
    let definition = house.define("patient", "do: [ { ask: { call: busy:1.0.0@default } } ]").await;
    let run = house.start(definition, json!({})).await;
    let asked = AtomicBool::new(false);
    let busy = Script::open("busy", move |context, _| {
        if asked.swap(true, Ordering::SeqCst) {
            return Outcome::Done(i64::from(context.attempt).into());
        }
        let fault = Fault::new(FaultKind::Communication, "come back in a day");
        Outcome::Retry { after: std::time::Duration::from_secs(86_400), fault }
    });
    house.clock("2030-01-01T00:00:00Z", 0.0).await;
    let worker = house.work(Functions::new().external(busy.clone()));
    house.parked(run).await;
    house.clock("2030-01-02T00:00:01Z", 0.0).await;
    assert_eq!(house.output(run).await, json!(2), "the second attempt");
    assert_eq!(house.history(run).await, ["started", "call_deferred", "timer_fired", "call_completed"]);
    assert_eq!(busy.keys(), vec![format!("{run}/do/0/ask/0"); 2]);
    worker.stop().await;
}

#[tokio::test]
async fn an_output_with_a_nul_is_the_calls_error_and_nobody_elses() {
    let house = House::build().await;
    let definition =
        house.define("nul", "do: [ { ask: { call: ask:1.0.0@default, with: { text: '${ .text }' } } } ]").await;
    let bad = house.start(definition, json!({"text": "bad"})).await;
    let good = house.start(definition, json!({"text": "good"})).await;
    let ask = Script::open("ask", |_, input| {
        let bad = input.get("text") == Some("bad".into());
        Outcome::Done(if bad { "a\0b".into() } else { input })
    });
    let worker = house.work(Functions::new().external(ask));
    let fault = house.phase(bad, "faulted").await.fault.unwrap();
    assert!(fault.to_string().contains("U+0000"), "{fault}");
    assert_eq!(house.output(good).await, json!({"text": "good"}));
    worker.stop().await;
}

/// Writes a row into `ledger`, then does what its input says.
struct Book(Descriptor);

impl TransactionalFunction for Book {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn call<'a>(
        &'a self,
        connection: &'a mut Connection,
        context: &'a CallContext,
        input: Data,
    ) -> TransactionalFuture<'a> {
        Box::pin(async move {
            let insert = sqlx::query("insert into ledger (entry) values ($1)").bind(&context.idempotency_key);
            insert.execute(connection).await?;
            match json_of(&input)["then"].as_str() {
                Some("fail") => Ok(Outcome::Fail(Fault::new(FaultKind::Validation, "no"))),
                Some("panic") => panic!("in a transaction"),
                Some("err") => Err(store::Error::VersionTaken("test".to_owned())),
                _ => Ok(Outcome::Done("booked".into())),
            }
        })
    }
}

#[tokio::test]
async fn a_transactional_function_counts_if_its_fact_does() {
    let house = House::build().await;
    house.sql("create table ledger (entry text not null); grant insert on ledger to stationmaster_app").await;
    let body = "do: [ { book: { call: book:1.0.0@default, with: { then: '${ .then }' } } } ]";
    let definition = house.define("booking", body).await;
    let worker = house.work(Functions::new().transactional(Book(descriptor("book"))));
    for then in ["fail", "panic", "err"] {
        let run = house.start(definition, json!({ "then": then })).await;
        house.phase(run, "faulted").await;
        assert_eq!(house.history(run).await, ["started", "call_faulted"], "{then}");
    }
    assert_eq!(house.count("select count(*) from ledger").await, 0, "what failed wrote nothing");
    let run = house.start(definition, json!({"then": "go on"})).await;
    assert_eq!(house.output(run).await, json!("booked"));
    assert_eq!(house.count("select count(*) from ledger").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_fork_that_is_decided_drops_the_losers_call() {
    let house = House::build().await;
    let definition = house
        .define(
            "race",
            "do:
  - race:
      fork:
        compete: true
        branches:
          - slow: { call: slow:1.0.0@default }
          - fast: { call: fast:1.0.0@default, with: { won: true } }
  - after: { call: fast:1.0.0@default, with: { won: '${ .won }' } }",
        )
        .await;
    let run = house.start(definition, json!({})).await;
    let (slow, fast) = (
        Script::gated("slow", |_, input| Outcome::Done(input)),
        Script::gated("fast", |_, input| Outcome::Done(input)),
    );
    let worker = house.work(Functions::new().external(slow.clone()).external(fast.clone()));
    slow.called(1).await;
    fast.let_go();
    fast.called(2).await;
    slow.dropped(1).await;
    fast.let_go();
    assert_eq!(house.output(run).await, json!({"won": true}));
    assert_eq!((slow.returned(), house.history(run).await), (0, vec!["started", "call_completed", "call_completed"]));
    worker.stop().await;
}

#[tokio::test]
async fn a_child_run_gets_its_input_and_gives_its_output() {
    let house = House::build().await;
    let grandchild = house.define("grandchild", "do: [ { double: { set: '${ .n * 2 }' } } ]").await;
    house
        .define("child", "do: [ { deeper: { run: { workflow: { namespace: test, name: grandchild, version: latest, input: { n: '${ .n + 1 }' } } } } } ]")
        .await;
    let parent = house
        .define("parent", "do: [ { ask: { run: { workflow: { namespace: test, name: child, version: '1.0.0', input: { n: '${ .n }' } } } } } ]")
        .await;
    let worker = house.work(Functions::new());
    let run = house.start(parent, json!({"n": 20})).await;
    assert_eq!(house.output(run).await, json!(42));
    assert_eq!(house.history(run).await, ["started", "continued", "child_ended"]);
    let pinned = house
        .count("select count(*) from facts where name = 'started' and body::text like '%grandchild:latest%'")
        .await;
    assert_eq!(pinned, 1, "the child's first fact pins {grandchild}");
    worker.stop().await;
}

#[tokio::test]
async fn each_step_of_many_runs_is_recorded_once_by_two_workers() {
    let house = House::build().await;
    let body = "do:
  - one: { call: step:1.0.0@default, with: { at: 1 } }
  - two: { call: step:1.0.0@default, with: { at: 2 } }
  - three: { call: step:1.0.0@default, with: { at: 3 } }";
    let definition = house.define("steps", body).await;
    let step = Script::echo("step");
    let workers = [(); 2].map(|()| house.work(Functions::new().external(step.clone())));
    let mut runs = Vec::new();
    for _ in 0..50 {
        runs.push(house.start(definition, json!({})).await);
    }
    for run in &runs {
        assert_eq!(house.output(*run).await, json!({"at": 3}));
        let facts = house.facts(*run).await;
        let steps: Vec<_> = facts
            .iter()
            .filter_map(|fact| match &fact.body {
                FactBody::CallCompleted { step, .. } => Some(step.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(steps, ["/do/0/one/0", "/do/1/two/0", "/do/2/three/0"]);
    }
    let mut keys = step.keys();
    keys.sort();
    let called = keys.len();
    keys.dedup();
    assert_eq!((called, keys.len()), (150, 150), "without a crash nothing is called twice");
    for worker in workers {
        worker.stop().await;
    }
}
