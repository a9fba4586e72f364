//! Agents and tools that are real servers on loopback.

use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::*;
use crate::egress::Policy;

fn egress() -> Egress {
    Egress::new(Policy::default().with_loopback()).expect("client")
}

/// An agent that says what it was asked, a stream in two parts.
async fn agent() -> SocketAddr {
    let answer = |Json(asked): Json<Value>| async move {
        let of = |result: Value| json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        match asked["method"].as_str().unwrap() {
            "message/stream" => {
                let (one, two) = (of(json!(1)), of(json!(2)));
                let noise = json!({"jsonrpc": "2.0", "method": "notifications/progress"});
                let stream = format!("event: x\ndata: {one}\n\ndata: {noise}\n\n: ping\n\ndata: {two}\n\n");
                ([("content-type", "text/event-stream")], stream).into_response()
            }
            "tasks/get" => {
                let error = json!({"code": -32001, "message": "Task not found"});
                Json(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).into_response()
            }
            _ => Json(of(asked["params"].clone())).into_response(),
        }
    };
    let card = |headers: HeaderMap| async move {
        Json(json!({"name": "a", "url": format!("http://{}/rpc", headers["host"].to_str().unwrap())}))
    };
    crate::testing::serve(Router::new().route("/rpc", post(answer)).route("/card", get(card))).await
}

async fn ask(input: Value) -> Result<Value, Error> {
    let input = serde_json::from_value(input).expect("input");
    call_agent(&egress(), &Tokens::default(), input, "run/do/0/a/0").await
}

#[tokio::test]
async fn an_agent_is_found_by_its_card_and_told_who_speaks() {
    let address = agent().await;
    let input = json!({
        "method": "message/send", "agentCard": {"endpoint": {"uri": format!("http://{address}/card")}},
        "parameters": {"message": {"parts": [{"kind": "text", "text": "hi"}]}},
    });
    let (first, again) = (ask(input.clone()).await.expect("answer"), ask(input).await.expect("answer"));
    assert_eq!(first["message"]["role"], "user");
    assert_eq!(first["message"]["parts"][0]["text"], "hi");
    assert_eq!(first["message"]["messageId"], again["message"]["messageId"], "the same for every attempt");
}

#[tokio::test]
async fn streams_give_all_their_results_and_refusals_are_errors() {
    let server = json!({"uri": format!("http://{}/rpc", agent().await)});
    let streamed = ask(json!({"method": "message/stream", "server": server})).await;
    assert_eq!(streamed.expect("answer"), json!([1, 2]));
    let refused = ask(json!({"method": "tasks/get", "server": server, "parameters": {"id": "x"}})).await;
    let refused = refused.expect_err("no such task");
    assert_eq!((refused.kind(), refused.status()), ("runtime", 500));
    assert_eq!(refused.to_string(), "`tasks/get` was refused (-32001): Task not found");
}

/// A server of tools that insists on its session.
async fn tools(headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let of = |result: Value| json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
    let has = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    match asked["method"].as_str().unwrap() {
        "initialize" => {
            let agreed = of(json!({"protocolVersion": "2025-03-26", "server": asked["params"]["clientInfo"]["name"]}));
            ([("mcp-session-id", "s1")], Json(agreed)).into_response()
        }
        _ if !(has("mcp-session-id", "s1") && has("mcp-protocol-version", "2025-03-26")) => {
            StatusCode::BAD_REQUEST.into_response()
        }
        "notifications/initialized" => StatusCode::ACCEPTED.into_response(),
        "tools/call" => {
            let event = format!("data: {}\n\n", of(json!({"content": asked["params"]["arguments"]})));
            ([("content-type", "text/event-stream")], event).into_response()
        }
        _ => std::future::pending().await,
    }
}

#[tokio::test]
async fn a_tool_is_called_within_a_session() {
    let address = crate::testing::serve(Router::new().route("/mcp", post(tools))).await;
    let transport = json!({"endpoint": {"uri": format!("http://{address}/mcp")}, "headers": {"x-team": "a"}});
    let call = |input: Value| async {
        call_tools(&egress(), &Tokens::default(), serde_json::from_value(input).expect("input"), "k").await
    };
    let parameters = json!({"name": "add", "arguments": {"a": 1}});
    let called = call(json!({"method": "tools/call", "parameters": parameters, "transport": transport})).await;
    assert_eq!(called.expect("answer"), json!({"content": {"a": 1}}));
    let late = call(json!({"method": "tools/list", "timeoutMs": 200, "transport": transport})).await;
    let late = late.expect_err("never answered");
    assert_eq!((late.kind(), late.status()), ("timeout", 408));
}
