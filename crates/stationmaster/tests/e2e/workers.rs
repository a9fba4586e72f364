//! Two workers on one database, and one of them dies: every step of every run is recorded once.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::State, http::HeaderMap, routing::get};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
};

use crate::harness::{Caller, PATIENCE, Service, Site};

const RUNS: usize = 50;
const CALLS: usize = 3;

/// How many runs each worker drives at once.
const EACH: usize = 4;

/// What the runs call: it counts calls, and answers none until it is told to.
struct Outside {
    url: String,
    counter: Arc<Counter>,
}

struct Counter {
    arrived: watch::Sender<usize>,
    open: watch::Sender<bool>,
    keys: Mutex<BTreeMap<String, usize>>,
}

async fn count(State(counter): State<Arc<Counter>>, headers: HeaderMap) -> &'static str {
    *counter.keys.lock().await.entry(headers["idempotency-key"].to_str().unwrap().to_owned()).or_default() += 1;
    counter.arrived.send_modify(|arrived| *arrived += 1);
    counter.open.subscribe().wait_for(|open| *open).await.unwrap();
    "counted"
}

impl Outside {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/count", listener.local_addr().unwrap());
        let (arrived, open) = (watch::Sender::new(0), watch::Sender::new(false));
        let counter = Arc::new(Counter { arrived, open, keys: Mutex::default() });
        let router = Router::new().route("/count", get(count)).with_state(Arc::clone(&counter));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, counter }
    }

    async fn arrived(&self, calls: usize) {
        let mut arrived = self.counter.arrived.subscribe();
        let reached = arrived.wait_for(|arrived| *arrived >= calls);
        tokio::time::timeout(PATIENCE, reached).await.expect("both workers work").unwrap();
    }
}

async fn completed(caller: &Caller) -> Vec<String> {
    let page = caller
        .until("/runs?phase=completed&limit=200", |page| page["runs"].as_array().is_some_and(|runs| runs.len() == RUNS))
        .await;
    page["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_dead_worker_held_is_done_by_the_other_and_recorded_once() {
    let outside = Outside::start().await;
    let call = "{call: http, with: {method: get, endpoint: '${ $workflow.input.url }'}}";
    let tasks: Vec<_> = (0..CALLS).map(|number| format!("  - call{number}: {call}")).collect();
    let site = Site::with_workflows(&[("counted", tasks.join("\n"))]);
    let each = EACH.to_string();
    let service = Service::start(site.command(&["--json", "dev", "--concurrency", &each])).await;
    let worker = Service::start(site.command(&["--json", "work", "--concurrency", &each])).await;
    let admin = site.caller(&service, "admin@waooaw.com", "admin").await;

    let input = json!({ "url": outside.url });
    let mut started = futures::future::join_all((0..RUNS).map(|_| admin.run("counted", input.clone()))).await;
    outside.arrived(2 * EACH).await; // more than one of them could hold
    worker.kill().await;
    outside.counter.open.send_replace(true);

    let mut ended = completed(&admin).await;
    started.sort();
    ended.sort();
    assert_eq!(started, ended);
    for run in &ended {
        assert_eq!(admin.facts(run).await.len(), 1 + CALLS);
    }
    let keys = outside.counter.keys.lock().await;
    assert_eq!(keys.len(), RUNS * CALLS, "a step has one key, however often it is tried");
    assert!(keys.values().all(|calls| *calls <= 2), "a call is made again once, by whoever takes over: {keys:?}");
    service.stop().await;
    assert_eq!(site.processes(), Vec::<String>::new());
}
