//! The endpoints over a real database: what is committed, what is repeated, what is refused, and who sees it.

use axum::{Router, body::Body, http::Request};
use engine::{OrgId, RunId, Step, Timestamp};
use platform::access::Role;
use serde_json::{Value, json};
use store::gates::{self, NewGate};
use uuid::Uuid;

use super::described;
use crate::testing::{Live, ORG, clock, request, send, token, token_of};

pub(super) fn call(
    method: &str,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Body> {
    let mut builder = request(method, path).header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    match body {
        Some(body) => builder.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        None => builder.body(Body::empty()).unwrap(),
    }
}

pub(super) async fn get(router: &Router, path: &str, token: &str) -> Value {
    let answer = send(router, call("GET", path, token, &[], None)).await;
    described::check("GET", path, &answer);
    answer
}

pub(super) async fn post(router: &Router, path: &str, token: &str, body: &Value) -> Value {
    let answer = send(router, call("POST", path, token, &[], Some(body))).await;
    described::check("POST", path, &answer);
    answer
}

fn start() -> Value {
    json!({"definition": {"namespace": "test", "name": "echo"}, "input": {"n": 1}})
}

/// Starts a run and gives its id.
async fn started(live: &Live) -> String {
    let answer = post(&live.router, "/runs", &token(&[Role::Admin]), &start()).await;
    assert_eq!(answer["status"], 201, "{answer}");
    answer["body"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_repeated_start_is_one_run_with_one_answer() {
    let live = Live::new().await;
    let admin = token(&[Role::Admin]);
    let with_key = |body: &Value| call("POST", "/runs", &admin, &[("idempotency-key", "k-1")], Some(body));
    let first = send(&live.router, with_key(&start())).await;
    let again = send(&live.router, with_key(&start())).await;
    assert_eq!((&first["status"], &again["status"]), (&json!(201), &json!(201)));
    assert_eq!(first["body"], again["body"]);
    assert_eq!(first["headers"]["location"], again["headers"]["location"]);
    assert_eq!(again["headers"]["idempotent-replayed"], "true");
    let other = send(&live.router, with_key(&json!({"definition": {"namespace": "test", "name": "other"}}))).await;
    insta::assert_json_snapshot!("key_reused", other);
    assert_eq!(live.count("select count(*) from runs").await, 1);
    assert_eq!(live.count("select count(*) from audit").await, 1);
    let bob = token_of("bob", ORG, &[Role::Admin]);
    let theirs = send(&live.router, call("POST", "/runs", &bob, &[("idempotency-key", "k-1")], Some(&start()))).await;
    assert_ne!(
        theirs["body"]["id"], first["body"]["id"],
        "keys of different callers have nothing to do with each other"
    );
}

#[tokio::test]
async fn repetitions_at_the_same_time_are_one_run_too() {
    let live = Live::new().await;
    let admin = token(&[Role::Admin]);
    let attempts = (0..8).map(|_| {
        let request = call("POST", "/runs", &admin, &[("idempotency-key", "k-1")], Some(&start()));
        send(&live.router, request)
    });
    let answers = futures::future::join_all(attempts).await;
    assert!(
        answers.iter().all(|answer| answer["status"] == 201 && answer["body"] == answers[0]["body"]),
        "{answers:?}"
    );
    assert_eq!(live.count("select count(*) from runs").await, 1);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_unused() {
    let live = Live::new().await;
    let (admin, run) = (token(&[Role::Admin]), started(&live).await);
    let cancel = || {
        let body = json!({"reason": "no longer needed"});
        call("POST", &format!("/runs/{run}/cancel"), &admin, &[("idempotency-key", "k-1")], Some(&body))
    };
    sqlx::query("update runs set phase = 'completed', ended_at = created_at, output = 'null'")
        .execute(live.database.pool())
        .await
        .unwrap();
    assert_eq!(send(&live.router, cancel()).await["status"], 409);
    assert_eq!(live.count("select count(*) from idempotency_keys").await, 0);
}

#[tokio::test]
async fn an_input_that_breaks_the_definitions_schema_starts_nothing() {
    let live = Live::new().await;
    let admin = token(&[Role::Admin]);
    for (input, field, rule) in [(json!({"n": "one"}), "/input/n", "type"), (json!({}), "/input", "required")] {
        let mut body = start();
        body["input"] = input;
        let refused = post(&live.router, "/runs", &admin, &body).await;
        let violation = &refused["body"]["violations"][0];
        assert_eq!(
            (&refused["status"], &violation["field"], &violation["rule"]),
            (&json!(422), &json!(field), &json!(rule)),
            "{refused}"
        );
    }
    assert_eq!(live.count("select count(*) from runs").await, 0);
    assert_eq!(live.count("select count(*) from audit").await, 0);
}

#[tokio::test]
async fn nobody_starts_a_run_of_the_services_own_workflows() {
    let live = Live::new().await;
    let admin = token(&[Role::Admin]);
    let body = json!({"definition": {"namespace": "stationmaster", "name": "agent-creation", "version": "1.0.0"}});
    let refused = post(&live.router, "/runs", &admin, &body).await;
    assert_eq!(refused["status"], 422, "{refused}");
    let violation = &refused["body"]["violations"][0];
    assert_eq!((&violation["field"], &violation["rule"]), (&json!("/definition/namespace"), &json!("reserved")));
    assert_eq!(live.count("select count(*) from runs").await, 0);
}

#[tokio::test]
async fn a_run_is_listed_shown_and_hidden_from_other_organisations() {
    let live = Live::new().await;
    let (admin, run) = (token(&[Role::Admin]), started(&live).await);
    let path = format!("/runs/{run}");
    let redact = |mut answer: Value| {
        let text = answer.to_string().replace(&run, "RUN");
        answer = serde_json::from_str(&text).unwrap();
        if answer["headers"]["etag"].is_string() {
            answer["headers"]["etag"] = "ETAG".into();
        }
        answer
    };
    let shown = get(&live.router, &path, &admin).await;
    let etag = shown["headers"]["etag"].as_str().unwrap().to_owned();
    let not_modified = send(&live.router, call("GET", &path, &admin, &[("if-none-match", &etag)], None)).await;
    let stranger = token_of("eve", OrgId(Uuid::from_u128(8)), &[Role::Admin]);
    insta::assert_json_snapshot!(
        "runs",
        json!({
            "shown": redact(shown),
            "not modified": redact(not_modified),
            "listed": redact(get(&live.router, "/runs?phase=running&definition=test/echo", &admin).await),
            "filtered out": redact(get(&live.router, "/runs?phase=completed", &admin).await),
            "history": redact(get(&live.router, &format!("{path}/history"), &admin).await),
            "stranger": redact(get(&live.router, &path, &stranger).await),
            "stranger's list": redact(get(&live.router, "/runs", &stranger).await),
            "stranger's history": redact(get(&live.router, &format!("{path}/history"), &stranger).await),
            "viewer's history": redact(get(&live.router, &format!("{path}/history"), &token(&[Role::Viewer])).await),
            "not an id": redact(get(&live.router, "/runs/1", &admin).await),
            "bad parameters": redact(get(&live.router, "/runs?phase=done&definition=echo", &admin).await),
            "unknown parameter": redact(get(&live.router, "/runs?pahse=running", &admin).await),
            "bad cursor": redact(get(&live.router, "/runs?cursor=x", &admin).await),
            "bad limit": redact(get(&live.router, "/runs?limit=201", &admin).await),
        })
    );
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repetitions() {
    let live = Live::new().await;
    let admin = token(&[Role::Admin]);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(started(&live).await);
    }
    let (mut seen, mut path) = (Vec::new(), "/runs?limit=2".to_owned());
    loop {
        let page = get(&live.router, &path, &admin).await;
        seen.extend(page["body"]["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["body"]["next"].as_str() else { break };
        path = format!("/runs?limit=2&cursor={next}");
    }
    seen.sort();
    ids.sort();
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn commands_wake_the_run_and_leave_their_audit_row() {
    let live = Live::new().await;
    let (admin, run) = (token(&[Role::Admin]), started(&live).await);
    let path = |action: &str| format!("/runs/{run}/{action}");
    let cancelled = post(&live.router, &path("cancel"), &admin, &json!({"reason": "no longer needed"})).await;
    assert_eq!((&cancelled["status"], &cancelled["body"]["recorded"]), (&json!(202), &json!("run.cancel_requested")));
    let paused = send(&live.router, call("POST", &path("pause"), &admin, &[], None)).await;
    assert_eq!(paused["status"], 202, "{paused}");
    assert_eq!(live.count("select count(*) from inbox").await, 2);
    let audited = "select count(*) from audit where actor = 'user:ada' and correlation = 'test-1'
                   and action in ('run.started', 'run.cancel_requested', 'run.pause_requested')";
    assert_eq!(live.count(audited).await, 3);
    let silent = post(&live.router, &path("cancel"), &admin, &json!({})).await;
    let talkative = post(&live.router, &path("cancel"), &admin, &json!({"reason": "", "force": true})).await;
    let viewer = post(&live.router, &path("cancel"), &token(&[Role::Viewer]), &json!({"reason": "x"})).await;
    let unknown =
        post(&live.router, "/runs/00000000-0000-0000-0000-000000000009/cancel", &admin, &json!({"reason": "x"})).await;
    insta::assert_json_snapshot!(
        "refused_commands",
        json!({
            "no reason": silent, "several mistakes": talkative, "viewer": viewer, "unknown run": unknown,
        })
    );
    assert_eq!(live.count("select count(*) from inbox").await, 2, "a refused command changes nothing");
}

/// Opens a gate as its run would.
async fn open(live: &Live, run: &str, required: u32, roles: &[Role]) -> String {
    let mut transaction = live.store.begin_engine().await.unwrap();
    let gate = NewGate {
        org: ORG,
        run: RunId(run.parse().unwrap()),
        step: Step { pointer: "/do/0/ask".into(), visit: 0 },
        subject: "Retune agent 7".to_owned(),
        request: json!({"knowledge_version": "v2026-01-01"}).into(),
        requested_by: "ada".to_owned(),
        approver_roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
        required_approvals: required,
        four_eyes: true,
        expires_at: Some(clock()() + chrono::TimeDelta::days(1)),
    };
    let at: Timestamp = clock()();
    let id = gates::open(&mut transaction, &gate, at).await.unwrap();
    transaction.commit().await.unwrap();
    id.0.to_string()
}

#[tokio::test]
async fn a_gate_is_passed_by_decisions_of_those_it_asks_for() {
    let live = Live::new().await;
    let run = started(&live).await;
    let gate = open(&live, &run, 2, &[Role::Admin, Role::InfrastructureEngineer]).await;
    let path = format!("/gates/{gate}/decisions");
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|user| token_of(user, ORG, &[Role::Admin]));
    let viewer = token_of("vic", ORG, &[Role::Viewer]);
    let stranger = token_of("ada", OrgId(Uuid::from_u128(8)), &[Role::Admin]);
    let approve = json!({"verdict": "approve"});
    let redact = |answer: Value| {
        let text = answer.to_string().replace(&run, "RUN").replace(&gate, "GATE");
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        if answer["headers"]["etag"].is_string() {
            answer["headers"]["etag"] = "ETAG".into();
        }
        answer
    };
    let mut answers = serde_json::Map::new();
    let mut keep = |name: &str, answer: Value| drop(answers.insert(name.to_owned(), redact(answer)));
    keep("the requester", post(&live.router, &path, &ada, &approve).await);
    keep("another role", post(&live.router, &path, &viewer, &approve).await);
    keep("another organisation", post(&live.router, &path, &stranger, &approve).await);
    keep("no reason", post(&live.router, &path, &bob, &json!({"verdict": "reject"})).await);
    let stale = json!({"verdict": "approve", "digest": "00".repeat(32)});
    keep("another subject", post(&live.router, &path, &bob, &stale).await);
    keep("pending", get(&live.router, "/gates?status=pending", &bob).await);
    keep("first", post(&live.router, &path, &bob, &approve).await);
    keep("repeated", post(&live.router, &path, &bob, &approve).await);
    keep("contradiction", post(&live.router, &path, &bob, &json!({"verdict": "reject", "reason": "no"})).await);
    keep("second", post(&live.router, &path, &eve, &approve).await);
    keep("late", post(&live.router, &path, &token_of("zoe", ORG, &[Role::InfrastructureEngineer]), &approve).await);
    keep("shown", get(&live.router, &format!("/gates/{gate}"), &viewer).await);
    keep("unknown", get(&live.router, "/gates/00000000-0000-0000-0000-000000000009", &bob).await);
    insta::assert_json_snapshot!("gates", answers);
    assert_eq!(live.count("select count(*) from events").await, 1, "one event says that the gate is resolved");
}

#[tokio::test]
async fn events_are_stored_once_however_often_they_come() {
    let live = Live::new().await;
    let admin = token(&[Role::Admin]);
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "/test", "type": "com.example.happened", "data": {"n": 1}});
    let publish = || {
        let request = request("POST", "/events").header("authorization", format!("Bearer {admin}"));
        let request = request.header("content-type", "application/cloudevents+json");
        request.body(Body::from(event.to_string())).unwrap()
    };
    assert_eq!(send(&live.router, publish()).await["body"], json!({"accepted": 1, "duplicates": 0}));
    assert_eq!(send(&live.router, publish()).await["body"], json!({"accepted": 0, "duplicates": 1}));
    assert_eq!(live.count("select count(*) from events").await, 1);
}

#[tokio::test]
async fn deliveries_that_come_twice_at_once_are_stored_once() {
    use crate::webhooks::{Delivery, EventSink as _, Received};
    let live = Live::new().await;
    let stored = crate::stored::Stored::new(live.store.clone(), store::Hints::new(live.store.clone()).0);
    let event = json!({"specversion": "1.0", "id": "d-1", "source": "/test", "type": "com.example.happened"});
    let received = Received {
        org: ORG,
        delivery: Some(Delivery { source: "github".to_owned(), id: "d-1".to_owned() }),
        events: vec![serde_json::from_value(event).unwrap()],
    };
    let all = futures::future::join_all((0..8).map(|_| stored.accept(received.clone()))).await;
    assert_eq!(all.iter().map(|accepted| accepted.as_ref().unwrap().stored).sum::<usize>(), 1);
    assert_eq!(live.count("select count(*) from events").await, 1);
    assert_eq!(live.count("select count(*) from webhook_deliveries").await, 1);
}

#[tokio::test]
async fn readiness_follows_the_schema() {
    let live = Live::new().await;
    assert_eq!(get(&live.router, "/health/ready", "").await["status"], 200);
    sqlx::query("delete from _sqlx_migrations where version = 1").execute(live.database.pool()).await.unwrap();
    let behind = get(&live.router, "/health/ready", "").await;
    assert_eq!((&behind["status"], &behind["body"]["probe"]), (&json!(503), &json!("migrations")));
}
