//! Deliveries through the whole stack, from raw bytes to the sink.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::testing::{Memory, ORG, api, clock, request, send};

const SECRET: &str = "It's a Secret to Everybody";

fn router(memory: &Arc<Memory>) -> Router {
    let resolve = |reference: &str| match reference {
        "env:STATIONMASTER_GITHUB_WEBHOOK_SECRET" => Ok(SECRET.to_owned()),
        "env:STATIONMASTER_GENESIS_WEBHOOK_SECRET" => Ok("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        _ => Err("not set".to_owned()),
    };
    let sink: Arc<dyn EventSink> = Arc::clone(memory) as _;
    let webhooks = routes(Source::builtin().unwrap(), ORG, &resolve, &sink, &clock()).unwrap();
    crate::router(&api(memory), webhooks)
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn github(event: &str, delivery: &str, body: &[u8]) -> Request<Body> {
    let signature = format!("sha256={}", hex::encode(hmac(SECRET.as_bytes(), &[body])));
    request("POST", "/pp/v1/webhooks/github")
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", signature)
        .body(Body::from(body.to_vec()))
        .unwrap()
}

fn workflow_run() -> Value {
    json!({
        "action": "completed",
        "workflow_run": {"id": 30433642, "run_attempt": 1, "name": "ci", "head_branch": "agent/8f2c", "head_sha": "acb5820c",
            "status": "completed", "conclusion": "success", "updated_at": "2026-01-02T03:04:00Z"},
        "repository": {"id": 1296269, "full_name": "octocat/hello-world"},
        "sender": {"login": "octocat"},
    })
}

#[tokio::test]
async fn a_delivery_becomes_one_event_however_often_it_comes() {
    let memory = Arc::new(Memory::default());
    let router = router(&memory);
    let body = workflow_run().to_string();
    let first = send(&router, github("workflow_run", "72d3162e", body.as_bytes())).await;
    let again = send(&router, github("workflow_run", "72d3162e", body.as_bytes())).await;
    insta::assert_json_snapshot!("github_accepted", json!({"first": first, "again": again}));
    let received = memory.received.lock().unwrap();
    let [one, two] = received.as_slice() else { panic!("two deliveries: {received:?}") };
    assert_eq!(one, two);
    assert_eq!(one.delivery, Some(Delivery { source: "github".to_owned(), id: "72d3162e".to_owned() }));
    assert_eq!(one.org, ORG);
    insta::assert_json_snapshot!("github_event", one.events);
}

#[tokio::test]
async fn both_paths_of_the_source_work() {
    let memory = Arc::new(Memory::default());
    let mut delivery = github("workflow_run", "1", workflow_run().to_string().as_bytes());
    *delivery.uri_mut() = "/pp/v1/webhooks/github-actions".parse().unwrap();
    assert_eq!(send(&router(&memory), delivery).await["status"], 202);
}

#[tokio::test]
async fn pings_and_unknown_events_are_answered_and_dropped() {
    let memory = Arc::new(Memory::default());
    let router = router(&memory);
    let ping = send(&router, github("ping", "1", br#"{"zen": "Design for failure."}"#)).await;
    let unknown = send(&router, github("star", "2", b"{}")).await;
    insta::assert_json_snapshot!("github_ping_and_unknown", json!({"ping": ping, "unknown": unknown}));
    assert!(memory.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_delivery_is_said_and_changes_nothing() {
    let memory = Arc::new(Memory::default());
    let router = router(&memory);
    let good = workflow_run().to_string();
    let altered = |change: &dyn Fn(&mut Request<Body>)| {
        let mut request = github("workflow_run", "1", good.as_bytes());
        change(&mut request);
        request
    };
    let header = |name: &'static str, value: &'static str| {
        altered(&move |request| drop(request.headers_mut().insert(name, value.parse().unwrap())))
    };
    let without = |name: &'static str| altered(&move |request| drop(request.headers_mut().remove(name)));
    let cases = [
        ("other body", altered(&|request| *request.body_mut() = Body::from("{}"))),
        ("unsigned", without("x-hub-signature-256")),
        ("sha1 only", header("x-hub-signature-256", "sha1=0000")),
        ("form", header("content-type", "application/x-www-form-urlencoded")),
        ("no delivery id", without("x-github-delivery")),
        ("no event name", without("x-github-event")),
        ("not json", github("workflow_run", "1", b"{\"action\": ")),
        ("nul", github("workflow_run", "1", br#"{"action": "x\u0000"}"#)),
        ("deep", github("workflow_run", "1", format!("{}{}", "[".repeat(100), "]".repeat(100)).as_bytes())),
        ("no action", github("workflow_run", "1", b"{}")),
        ("hostile action", github("workflow_run", "1", br#"{"action": "a b", "repository": {"full_name": "x"}}"#)),
        ("get", request("GET", "/pp/v1/webhooks/github").body(Body::empty()).unwrap()),
    ];
    let mut answers = serde_json::Map::new();
    for (name, request) in cases {
        answers.insert(name.to_owned(), send(&router, request).await);
    }
    insta::assert_json_snapshot!("github_refusals", answers);
    assert!(memory.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_its_signature() {
    let memory = Arc::new(Memory::default());
    let limit = Source::builtin().unwrap()[1].body_limit;
    let over = request("POST", "/pp/v1/webhooks/genesis").body(Body::from(vec![b'x'; limit + 1])).unwrap();
    insta::assert_json_snapshot!("over_the_limit", send(&router(&memory), over).await);
    let at = request("POST", "/pp/v1/webhooks/genesis").body(Body::from(vec![b'x'; limit])).unwrap();
    assert_eq!(send(&router(&memory), at).await["status"], 401);
}

fn verdict(status: &str) -> Value {
    json!({
        "validation_id": "0198c0de-0000-7000-8000-000000000001",
        "status": status,
        "reason": "Serves the customer.",
        "risk_level": "low",
        "validation_details": {
            "constitutional_alignment": true,
            "customer_sovereignty_check": true,
            "deny_by_default_enforced": true,
            "approval_gates_present": true,
        },
    })
}

#[test]
fn an_answer_of_genesis_that_is_unclear_is_none() {
    let source = Source::builtin().unwrap().remove(1);
    let event = |payload: &Value| source.events[payload["status"].as_str().unwrap()].event("msg_1", payload.clone());
    assert!(event(&verdict("approved")).is_ok() && event(&verdict("rejected")).is_ok());
    let broken = |status: &str, pointer: &str, value: Value| {
        let mut payload = verdict(status);
        *payload.pointer_mut(pointer).unwrap() = value;
        event(&payload).unwrap_err().remove(0).field
    };
    assert_eq!(
        broken("approved", "/validation_details/approval_gates_present", json!(false)),
        "/validation_details/approval_gates_present"
    );
    assert_eq!(broken("approved", "/validation_details", json!({})), "/validation_details");
    assert_eq!(broken("approved", "/validation_id", json!("x")), "/validation_id");
    assert_eq!(broken("rejected", "/reason", json!("  ")), "/reason");
}

#[tokio::test]
async fn a_verdict_of_genesis_is_read_in_the_standard_webhooks_scheme() {
    let memory = Arc::new(Memory::default());
    let body = verdict("approved").to_string();
    let stamp = clock()().timestamp().to_string();
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = STANDARD.encode(hmac(&key, &[b"msg_1.", stamp.as_bytes(), b".", body.as_bytes()]));
    let delivery = |body: &str| {
        request("POST", "/pp/v1/webhooks/genesis")
            .header("content-type", "application/json")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", &stamp)
            .header("webhook-signature", format!("v1,{signature}"))
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let router = router(&memory);
    assert_eq!(send(&router, delivery(&body)).await["status"], 202);
    assert_eq!(send(&router, delivery(&body.replace("approved", "rejected"))).await["status"], 401);
    insta::assert_json_snapshot!("genesis_event", memory.received.lock().unwrap()[0].events);
}

#[tokio::test]
async fn a_source_without_a_secret_takes_nothing() {
    let memory = Arc::new(Memory::default());
    let sink: Arc<dyn EventSink> = Arc::clone(&memory) as _;
    let webhooks = routes(Source::builtin().unwrap(), ORG, &|_| Err("not set".to_owned()), &sink, &clock()).unwrap();
    let router = crate::router(&api(&memory), webhooks);
    let answer = send(&router, github("workflow_run", "1", workflow_run().to_string().as_bytes())).await;
    insta::assert_json_snapshot!("no_secret", answer);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_stored_is_to_be_sent_again() {
    let memory = Arc::new(Memory::default());
    *memory.down.lock().unwrap() = true;
    let answer = send(&router(&memory), github("workflow_run", "1", workflow_run().to_string().as_bytes())).await;
    insta::assert_json_snapshot!("not_stored", answer);
}
