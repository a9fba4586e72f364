//! The router as a whole: problems for everything, ids, events, health, the description, the socket.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, routing::get};
use serde_json::{Map, Value, json};

use crate::testing::{Memory, api, request, send, status, token};

fn router(memory: &Arc<Memory>) -> Router {
    let broken = Router::new()
        .route("/broken/panic", get(async || -> &'static str { panic!("the database password is hunter2") }))
        .route("/broken/status", get(async || axum::http::StatusCode::INTERNAL_SERVER_ERROR))
        .route("/broken/never", get(async || std::future::pending::<()>().await));
    crate::router(&api(memory), broken)
}

async fn answers(router: &Router, cases: impl IntoIterator<Item = (&str, Request<Body>)>) -> Value {
    let mut answers = Map::new();
    for (name, request) in cases {
        answers.insert(name.to_owned(), send(router, request).await);
    }
    answers.into()
}

fn empty(method: &str, path: &str) -> Request<Body> {
    request(method, path).body(Body::empty()).unwrap()
}

fn event(token: &str, content_type: &str, body: &Value) -> Request<Body> {
    request("POST", "/events")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .body(Body::from(body.to_string()))
        .unwrap()
}

const STRUCTURED: &str = "application/cloudevents+json";

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let router = router(&Arc::default());
    let happened = json!({"specversion": "1.0", "id": "1", "source": "/test", "type": "com.example.happened"});
    let bearer = |value: &str| request("POST", "/events").header("authorization", value).body(Body::empty()).unwrap();
    let large = event(&token(&["admin"]), STRUCTURED, &Value::from("x".repeat(1 << 20)));
    let cases = [
        ("unknown path", empty("GET", "/nothing/here")),
        ("wrong method", empty("DELETE", "/events")),
        ("no token", empty("POST", "/events")),
        ("basic", bearer("Basic YTpi")),
        ("forged", bearer("Bearer a.b.c")),
        ("forbidden", event(&token(&["viewer", "helpdesk_agent"]), STRUCTURED, &happened)),
        ("media type", event(&token(&["admin"]), "text/plain", &happened)),
        ("too large", large),
        ("panic", empty("GET", "/broken/panic")),
        ("bare status", empty("GET", "/broken/status")),
    ];
    insta::assert_json_snapshot!("problems", answers(&router, cases).await);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_is_given_up() {
    let answer = send(&router(&Arc::default()), empty("GET", "/broken/never")).await;
    insta::assert_json_snapshot!("timeout", answer);
}

#[tokio::test]
async fn events_are_taken_in_all_three_modes() {
    let memory = Arc::new(Memory::default());
    let router = router(&memory);
    let admin = token(&["admin"]);
    let happened = |id: &str| json!({"specversion": "1.0", "id": id, "source": "/test", "type": "com.example.happened", "data": {"n": 1}});
    let binary = request("POST", "/events")
        .header("authorization", format!("Bearer {admin}"))
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", "4")
        .header("ce-source", "/test")
        .header("ce-type", "com.example.happened")
        .body(Body::from(r#"{"n": 1}"#))
        .unwrap();
    let forged = json!({"specversion": "1.0", "id": "5", "source": "/test", "type": "com.stationmaster.gate.decided"});
    let cases = [
        ("structured", event(&admin, STRUCTURED, &happened("1"))),
        (
            "batch",
            event(&admin, "application/cloudevents-batch+json", &json!([happened("1"), happened("2"), happened("3")])),
        ),
        ("binary", binary),
        ("forged", event(&admin, STRUCTURED, &forged)),
        (
            "not json",
            request("POST", "/events")
                .header("authorization", format!("Bearer {admin}"))
                .header("content-type", STRUCTURED)
                .body(Body::from("{"))
                .unwrap(),
        ),
    ];
    let answers = answers(&router, cases).await;
    insta::assert_json_snapshot!(
        "events",
        json!({"answers": answers, "received": memory.received.lock().unwrap().iter().map(|r| &r.events).collect::<Vec<_>>()})
    );
}

#[tokio::test]
async fn request_ids_are_taken_over_or_made() {
    let router = router(&Arc::default());
    let taken = send(&router, empty("GET", "/nothing")).await;
    assert_eq!((&taken["headers"]["x-request-id"], &taken["body"]["instance"]), (&json!("test-1"), &json!("test-1")));
    let hostile = Request::builder().uri("/nothing").header("x-request-id", "<script>").body(Body::empty()).unwrap();
    let made = send(&router, hostile).await;
    let id = made["headers"]["x-request-id"].as_str().unwrap();
    assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    assert_eq!(made["body"]["instance"], id);
}

#[tokio::test]
async fn health_tells_what_is_down_and_nothing_else() {
    let memory = Arc::new(Memory::default());
    let router = router(&memory);
    let all = ["/health/live", "/health/ready", "/health/database", "/health/migrations"];
    let up = answers(&router, all.map(|path| (path, empty("GET", path)))).await;
    *memory.down.lock().unwrap() = true;
    let down = answers(&router, all.map(|path| (path, empty("GET", path)))).await;
    insta::assert_json_snapshot!("health", json!({"up": up, "down": down}));
}

#[tokio::test]
async fn every_problem_has_its_page() {
    let router = router(&Arc::default());
    for code in crate::problem::Code::ALL {
        let page = send(&router, empty("GET", &code.address())).await;
        assert_eq!(status(&page), 200, "{code:?}");
        assert!(page["body"].as_str().unwrap().contains(code.title()), "{code:?}");
    }
    assert_eq!(status(&send(&router, empty("GET", "/problems/unheard-of")).await), 404);
}

#[tokio::test]
async fn the_api_describes_itself_without_loading_anything() {
    let router = router(&Arc::default());
    let described = send(&router, empty("GET", "/openapi.json")).await;
    insta::assert_json_snapshot!("openapi", described["body"]);
    let page = send(&router, empty("GET", "/docs")).await;
    let html = page["body"].as_str().unwrap();
    assert!(html.contains("/events") && html.contains("id=\"Problem\""));
    for loads in ["<script", "src=", "@import", "url(", "http://", "https://"] {
        assert!(!html.contains(loads), "{loads}");
    }
}
