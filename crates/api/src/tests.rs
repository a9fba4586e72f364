//! The router as a whole: problems for everything, ids, events, health, the description, the socket.

mod creations;
mod database;
mod described;

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, routing::get};
use platform::access::Role;
use serde_json::{Map, Value, json};

use crate::{
    Watched,
    testing::{Memory, api, clock, request, send, status, token},
};

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
    let large = event(&token(&[Role::Admin]), STRUCTURED, &Value::from("x".repeat(1 << 20)));
    let cases = [
        ("unknown path", empty("GET", "/nothing/here")),
        ("wrong method", empty("DELETE", "/events")),
        ("no token", empty("POST", "/events")),
        ("basic", bearer("Basic YTpi")),
        ("forged", bearer("Bearer a.b.c")),
        ("forbidden", event(&token(&[Role::Viewer, Role::HelpdeskAgent]), STRUCTURED, &happened)),
        ("media type", event(&token(&[Role::Admin]), "text/plain", &happened)),
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
    let admin = token(&[Role::Admin]);
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
async fn a_process_without_an_api_answers_for_its_health_only() {
    let memory = Arc::new(Memory::default());
    let watched = Watched { probes: Arc::clone(&memory) as _, metrics: None };
    let router = crate::watch_router(&watched, &clock());
    *memory.down.lock().unwrap() = true;
    for (path, expected) in [("/health/live", 200), ("/health/ready", 503), ("/metrics", 200), ("/runs", 404)] {
        assert_eq!(status(&send(&router, empty("GET", path)).await), expected, "{path}");
    }
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
    for loads in ["<script", "src=", "@import", "url(", "href=\"http", "href=\"//"] {
        assert!(!html.contains(loads), "{loads}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_and_a_stopped_server_frees_it() {
    let listener = crate::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let error = crate::bind(address).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("{address} is in use")), "{error}");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let server = tokio::spawn(crate::serve(listener, router(&Arc::default()), shutdown));
    assert!(get_over_tcp(address, "/health/live").await.starts_with("HTTP/1.1 200"));
    drop(stop);
    server.await.unwrap().unwrap();
    assert!(crate::bind(address).await.is_ok());
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_stops() {
    let (entered, release) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (seen, go) = (Arc::clone(&entered), Arc::clone(&release));
    let slow = get(async move || {
        seen.notify_one();
        go.notified().await;
        "done"
    });
    let router = crate::router(&api(&Arc::default()), Router::new().route("/slow", slow));
    let listener = crate::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(crate::serve(listener, router, async move { drop(stopped.await) }));
    let answer = tokio::spawn(async move { get_over_tcp(address, "/slow").await });
    entered.notified().await;
    drop(stop);
    release.notify_one();
    assert!(answer.await.unwrap().ends_with("done"));
    server.await.unwrap().unwrap();
}

async fn get_over_tcp(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
