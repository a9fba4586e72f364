//! The hosts that the specification's definitions call, played on loopback: a pet shop, an echo of credentials, and for every
//! other name a host that takes whatever it gets.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Starts the stand-in.
pub(crate) async fn open() -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    Ok(address)
}

/// The origins that a text names, all of them served by the stand-in.
pub(crate) fn hosts(text: &str, stand_in: SocketAddr) -> BTreeMap<String, SocketAddr> {
    let mut hosts = BTreeMap::new();
    for scheme in ["https://", "http://"] {
        for (at, _) in text.match_indices(scheme) {
            let rest = &text[at + scheme.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-:".contains(c))).unwrap_or(rest.len());
            hosts.insert(format!("{scheme}{}", rest[..end].trim_end_matches(':')), stand_in);
        }
    }
    hosts
}

async fn answer(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    match host.as_str() {
        "petstore.swagger.io" => pet_shop(&parts.method, path, query),
        "httpbin.org" => credentials(path, &parts.headers),
        _ => {
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
            anybody(&host, &parts.method, path, &serde_json::from_slice(&body).unwrap_or_default())
        }
    }
}

/// A host that is everything at once: it gives tokens, answers remote calls, and otherwise tells what it was asked.
fn anybody(host: &str, method: &Method, path: &str, body: &Value) -> Response {
    let address = |path: &str| format!("{}://{host}{path}", if host == "keycloak" { "http" } else { "https" });
    if path.ends_with("/.well-known/openid-configuration") {
        let issuer = path.trim_end_matches("/.well-known/openid-configuration");
        return Json(json!({"issuer": address(issuer), "token_endpoint": address("/token")})).into_response();
    }
    if path.ends_with("/token") {
        return Json(json!({"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600})).into_response();
    }
    if path.ends_with("/agent-card.json") {
        return Json(json!({"name": "An agent", "protocolVersion": "0.3.0", "url": address("/agent")})).into_response();
    }
    if body.get("jsonrpc").is_some() {
        let Some(id) = body.get("id") else { return StatusCode::ACCEPTED.into_response() };
        let result = match body["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": body["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "tools", "version": "1.0.0"},
            }),
            "tools/list" => json!({"tools": [{"name": "hammer", "inputSchema": {"type": "object"}}]}),
            method => {
                json!({"kind": "message", "role": "agent", "messageId": "m1", "parts": [{"kind": "text", "text": method}]})
            }
        };
        return Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response();
    }
    Json(json!({"host": host, "method": method.as_str(), "path": path})).into_response()
}

fn pet_shop(method: &Method, path: &str, query: &str) -> Response {
    match path.strip_prefix("/v2/").unwrap_or_default().split('/').collect::<Vec<_>>().as_slice() {
        ["swagger.json"] => Json(described()).into_response(),
        ["pet", "findByStatus"] => {
            let status = query.split('&').find_map(|pair| pair.strip_prefix("status=")).unwrap_or_default();
            Json(json!([pet(1, status), pet(2, status)])).into_response()
        }
        ["pet", ""] if *method == Method::PUT => Json(pet(1, "sold")).into_response(),
        ["pet", id] if *method == Method::GET || *method == Method::PUT => match id.parse() {
            Ok(id) => Json(pet(id, "available")).into_response(),
            Err(_) => missing(),
        },
        _ => missing(),
    }
}

fn pet(id: u64, status: &str) -> Value {
    json!({"id": id, "name": format!("pet {id}"), "status": status, "photoUrls": []})
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"type": "error", "message": "there is no such pet"}))).into_response()
}

/// `/basic-auth/<user>/<password>`: whether the request was made by that user.
fn credentials(path: &str, headers: &HeaderMap) -> Response {
    let mut parts = path.split('/').skip(2);
    let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let given = headers.get(header::AUTHORIZATION).is_some_and(|given| *given == *expected);
    match given {
        true => Json(json!({"authenticated": true, "user": user})).into_response(),
        false => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")]).into_response(),
    }
}

/// The pet shop in Swagger 2.0.
fn described() -> Value {
    let parameter = |name: &str, place: &str, kind: Value| {
        let mut parameter = json!({"name": name, "in": place, "required": true});
        if let (Some(parameter), Value::Object(kind)) = (parameter.as_object_mut(), kind) {
            parameter.extend(kind);
        }
        parameter
    };
    let statuses = json!({"type": "array", "items": {"type": "string"}, "collectionFormat": "multi"});
    json!({
        "swagger": "2.0",
        "info": {"title": "A pet shop", "version": "1.0.0"},
        "host": "petstore.swagger.io",
        "basePath": "/v2",
        "schemes": ["https", "http"],
        "paths": {
            "/pet/findByStatus": {"get": {
                "operationId": "findPetsByStatus",
                "produces": ["application/json"],
                "parameters": [parameter("status", "query", statuses)],
                "responses": {"200": {"description": "pets"}},
            }},
            "/pet/{petId}": {"get": {
                "operationId": "getPetById",
                "produces": ["application/json"],
                "parameters": [parameter("petId", "path", json!({"type": "integer", "format": "int64"}))],
                "responses": {"200": {"description": "a pet"}, "404": {"description": "no pet"}},
            }},
        },
    })
}
