//! Timers are due when they were set for, whoever runs then, and in scaled time too.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::harness::{Service, Site};

#[expect(clippy::disallowed_methods, reason = "the test waits for a time of the machine's clock")]
async fn until_past(time: DateTime<Utc>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while Utc::now() <= time {
        ticks.tick().await;
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().unwrap()
}

#[tokio::test]
async fn timers_keep_their_time_while_nobody_runs() {
    let wait = |time: &str| format!("  - pause: {{wait: {time}}}\n  - after: {{set: {{done: true}}}}");
    let site = Site::with_workflows(&[("short", wait("PT10S")), ("long", wait("PT1H"))]);
    let service = site.start().await;
    let admin = site.caller(&service, "admin@waooaw.com", "admin").await;
    let (short, long) = (admin.run("short", json!({})).await, admin.run("long", json!({})).await);
    let (short, long) = (format!("/runs/{short}"), format!("/runs/{long}"));
    let waits = |run: &Value| {
        run["due_at"].is_string() && time(&run["due_at"]) - time(&run["created_at"]) >= chrono::TimeDelta::seconds(10)
    };
    let short_due = time(&admin.until(&short, waits).await["due_at"]);
    let long_due = time(&admin.until(&long, waits).await["due_at"]);
    service.kill().await;
    until_past(short_due).await;

    let service = site.start().await;
    let admin = admin.at(&service);
    assert_eq!(time(&admin.get(&long).await["due_at"]), long_due, "the start moved a timer");
    let done = admin.until(&short, |run| run["phase"] == "completed").await;
    assert_eq!(done["output"], json!({ "done": true }));
    let facts = admin.facts(done["id"].as_str().unwrap()).await;
    let names: Vec<_> = facts.iter().map(|fact| fact["fact"].as_str().unwrap()).collect();
    assert_eq!(names, ["started", "timer_fired"]);
    assert!(time(&facts[1]["at"]) >= short_due, "it fired before it was due");
    service.stop().await;

    let service = Service::start(site.command(&["--json", "dev", "--time-scale", "3600"])).await;
    let admin = admin.at(&service);
    let done = admin.until(&long, |run| run["phase"] == "completed").await;
    assert!(time(&done["ended_at"]) >= long_due, "an hour is an hour of durable time");
    service.stop().await;
}
