//! Who is asked for what: the paths of the API, of the registry and of the pages that evidence names.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Hub, OWNER, Reply, TOKEN, actions, git, registry};

/// Answers any request.
pub(super) async fn serve(
    State(hub): State<Arc<Hub>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_matches('/').to_owned();
    let parts: Vec<_> = path.split('/').collect();
    match parts.as_slice() {
        ["pages", ..] => "here".into_response(),
        ["token" | "v2", ..] => registry::answer(&hub, &path, &headers),
        _ if headers.get(AUTHORIZATION).is_none_or(|given| given != &format!("Bearer {TOKEN}")) => {
            reply((401, json!({"message": "Bad credentials", "status": "401"})))
        }
        parts => {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            reply(answer(&hub, method.as_str(), parts, uri.query().unwrap_or_default(), &body).await)
        }
    }
}

async fn answer(hub: &Arc<Hub>, method: &str, parts: &[&str], query: &str, body: &Value) -> Reply {
    match (method, parts) {
        ("POST", ["orgs", owner, "repos"]) if *owner == OWNER => {
            hub.change(|state| git::create(state, body["name"].as_str().unwrap()))
        }
        (_, ["repos", owner, name, "actions", rest @ ..]) if *owner == OWNER => {
            actions::answer(hub, method, name, rest, query, body).await
        }
        (_, ["repos", owner, name, rest @ ..]) if *owner == OWNER => git::answer(hub, method, name, rest, query, body),
        _ => missing(),
    }
}

/// What is answered about anything that is not there.
pub(super) fn missing() -> Reply {
    (404, json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}))
}

fn reply((status, body): Reply) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    if body.is_null() { status.into_response() } else { (status, axum::Json(body)).into_response() }
}
