//! Definitions by people who mean harm, on a whole service: their runs fault, and everybody else's go on.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Site;

/// One of each kind; the whole corpus is evaluated in the tests of `sandbox`, where it lies.
const HOSTILE: [&str; 9] = [
    "endless-tail-call",
    "deep-recursion",
    "deep-value",
    "doubling-text-unrolled",
    "repeated-text",
    "shared-equality",
    "huge-reduce",
    "combinations-unrolled",
    "regex-replace",
];

fn tasks(name: &str) -> String {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/tests/hostile");
    let text = std::fs::read_to_string(corpus.join(format!("{name}.yaml"))).unwrap();
    text.split_once("do:\n").unwrap().1.to_owned()
}

fn is_expression_error(run: &Value) -> bool {
    run["fault"]["type"].as_str().is_some_and(|kind| kind.ends_with("/errors/expression"))
}

#[tokio::test]
async fn hostile_runs_fault_and_the_others_go_on() {
    let mut workflows: Vec<_> = HOSTILE.iter().map(|name| (*name, tasks(name))).collect();
    let caught = "  - careful:\n      try: [ { a: { set: { x: '${ def f: [f]; f }' } } } ]\n      catch: { errors: { with: { type:          'https://serverlessworkflow.io/spec/1.0.0/errors/expression' } }, do: [ { b: { set: { caught: true } } } ] }";
    let steady = "  - a: { set: { sum: '${ .numbers | map(. + 1) | add }', all: '${ [range(3)] }' } }";
    workflows.extend([("careful", caught.to_owned()), ("steady", steady.to_owned())]);
    let site = Site::with_workflows(&workflows);
    let service = site.start().await;
    let admin = site.caller(&service, "admin@waooaw.com", "admin").await;

    let (admin, mut hostile) = (&admin, Vec::new());
    for name in HOSTILE {
        hostile.push((name, admin.run(name, json!({})).await));
    }
    let careful = admin.run("careful", json!({})).await;
    for number in 0..10 {
        let run = admin.run("steady", json!({ "numbers": [number, 1] })).await;
        let done = admin.until(&format!("/runs/{run}"), |run| run["ended_at"].is_string()).await;
        assert_eq!(done["output"], json!({ "sum": number + 3, "all": [0, 1, 2] }), "{done}");
    }
    for (name, run) in hostile {
        let ended = admin.until(&format!("/runs/{run}"), |run| run["ended_at"].is_string()).await;
        assert_eq!(ended["phase"], "faulted", "{name}: {ended}");
        assert!(is_expression_error(&ended), "{name}: {ended}");
        if name == "endless-tail-call" {
            let facts = admin.facts(&run).await;
            assert_eq!(facts.last().unwrap()["fact"], "continued", "the limit is recorded: {facts:?}");
        }
    }
    let careful = admin.until(&format!("/runs/{careful}"), |run| run["ended_at"].is_string()).await;
    assert_eq!(careful["output"], json!({ "caught": true }));
    service.stop().await;
}
