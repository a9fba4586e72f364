//! `call: http` against a real server on loopback.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::{any, get};
use serde_json::{Value, json};

use super::*;
use crate::egress::Policy;

/// Tells what it got.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> axum::Json<Value> {
    let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    axum::Json(json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "authorization": field("authorization"),
        "key": field("idempotency-key"),
        "type": field("content-type"),
        "x": field("x-custom"),
        "body": String::from_utf8_lossy(&body),
    }))
}

async fn run(path: &str, arguments: Value) -> Result<Value, Error> {
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .route("/busy", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "9")]) }))
        .route("/moved", get(|| async { axum::response::Redirect::permanent("/echo") }))
        .route("/bytes", get(|| async { [0xff_u8, 0x00].to_vec() }))
        .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
        .route("/broken", get(|| async { ([("content-type", "application/json")], "{") }));
    let address = crate::testing::serve(router).await;
    let egress = Egress::new(Policy::default().with_loopback()).expect("client");
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), r#"{"username": "me", "password": "hunter2"}"#).expect("write");
    let reference = format!("file:{}", file.path().display());
    let secrets = Secrets::new([("login", reference.as_str())]).expect("secrets");
    let mut all = json!({"method": "get", "endpoint": format!("http://{address}{path}")});
    for (name, value) in arguments.as_object().expect("object") {
        all[name] = value.clone();
    }
    if let Some(authentication) = arguments.get("authentication") {
        all.as_object_mut().expect("object").remove("authentication");
        all["endpoint"] = json!({"uri": all["endpoint"], "authentication": authentication});
    }
    let input = serde_json::from_value(all).map_err(|error| Error::Input(error.to_string()))?;
    call(&egress, &secrets, &input, "run/do/0/1").await
}

#[tokio::test]
async fn everything_authored_arrives() {
    let got = run(
        "/echo?a=1",
        json!({
            "method": "post",
            "query": {"b": "x y", "c": [1, true], "none": null},
            "headers": {"X-Custom": 5},
            "body": {"n": 1},
        }),
    );
    let got = got.await.expect("answer");
    assert_eq!(got["method"], "POST");
    assert_eq!(got["uri"], "/echo?a=1&b=x+y&c=1&c=true");
    assert_eq!(got["key"], "run/do/0/1");
    assert_eq!(got["type"], "application/json");
    assert_eq!(got["x"], "5");
    assert_eq!(got["body"], r#"{"n":1}"#);
}

#[tokio::test]
async fn authentication_inline_and_by_name() {
    let basic = "Basic bWU6aHVudGVyMg==";
    for (authentication, expected) in [
        (json!({"basic": {"username": "me", "password": "hunter2"}}), basic),
        (json!({"basic": {"use": "login"}}), basic),
        (json!({"bearer": {"token": "t"}}), "Bearer t"),
    ] {
        let got = run("/echo", json!({"authentication": authentication})).await.expect("answer");
        assert_eq!(got["authorization"], expected);
    }
    let unknown = run("/echo", json!({"authentication": {"bearer": {"use": "other"}}})).await;
    let unknown = unknown.expect_err("not configured");
    assert_eq!((unknown.kind(), unknown.status()), ("authentication", 401));
}

#[tokio::test]
async fn the_status_decides() {
    for (path, status) in [("/missing", 404), ("/busy", 503), ("/moved", 308)] {
        let error = run(path, json!({})).await.expect_err(path);
        assert_eq!((error.kind(), error.status()), ("communication", status), "{error}");
    }
    let Err(Error::Status { after, .. }) = run("/busy", json!({})).await else { panic!() };
    assert_eq!(after, Some(Duration::from_secs(9)));
    let moved = run("/moved", json!({"redirect": true, "output": "response"})).await;
    let moved = moved.expect("an answer");
    assert_eq!((&moved["statusCode"], &moved["headers"]["location"]), (&json!(308), &json!("/echo")));
}

#[tokio::test]
async fn outputs_are_shaped() {
    let headers = json!({"Authorization": "Bearer hunter2", "X-Custom": "y"});
    let full = run("/echo", json!({"output": "response", "headers": headers})).await;
    let full = full.expect("answer");
    assert_eq!(full["request"]["method"], "GET");
    assert_eq!(full["request"]["headers"], json!({"X-Custom": "y"}));
    assert_eq!(full["statusCode"], 200);
    assert_eq!(full["content"]["authorization"], "Bearer hunter2");
    assert_eq!(run("/bytes", json!({"output": "raw"})).await.expect("answer"), "/wA=");
    assert_eq!(run("/bytes", json!({})).await.expect("answer"), "/wA=");
    assert_eq!(run("/nothing", json!({})).await.expect("answer"), Value::Null);
    let broken = run("/broken", json!({})).await.expect_err("not json");
    assert!(matches!(broken, Error::Content { .. }), "{broken}");
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    for (arguments, word) in [
        (json!({"endpoint": "/relative"}), "endpoint.uri"),
        (json!({"method": "a b"}), "method"),
        (json!({"headers": {"Host": "x"}}), "headers.Host"),
        (json!({"headers": {"a b": "x"}}), "headers.a b"),
        (json!({"headers": {"x": "a\nb"}}), "headers.x"),
        (json!({"query": {"q": {}}}), "query.q"),
        (json!({"unknown": 1}), "unknown"),
    ] {
        let error = run("/echo", arguments).await.expect_err(word);
        assert_eq!((error.kind(), error.status()), ("configuration", 400));
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn inside_addresses_are_denied_by_default() {
    let egress = Egress::new(Policy::default()).expect("client");
    let input = json!({"method": "get", "endpoint": "http://169.254.169.254/latest/meta-data"});
    let input = serde_json::from_value(input).expect("input");
    let error = call(&egress, &Secrets::default(), &input, "k").await.expect_err("denied");
    assert_eq!(error.kind(), "configuration");
}
