//! `call: mcp`: a request to a server of the Model Context Protocol, over its streamable HTTP transport.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Line, only};
use crate::egress::Egress;
use crate::http::{Endpoint, Error, Tokens};

/// The version of the protocol that is asked for where the definition names none.
const VERSION: &str = "2025-06-18";

/// The arguments of `call: mcp`, evaluated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    #[serde(default)]
    protocol_version: Option<String>,
    method: String,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    transport: Transport,
    #[serde(default)]
    client: Option<Client>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transport {
    endpoint: Endpoint,
    #[serde(default)]
    headers: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Client {
    name: String,
    version: String,
}

/// Opens a session, makes the request and gives its result.
///
/// # Errors
/// See [`Error`]; what the server refuses is [`Error::Remote`].
pub async fn call(egress: &Egress, tokens: &Tokens, input: Input, key: &str) -> Result<Value, Error> {
    let limit = input.timeout_ms.map(Duration::from_millis);
    let exchange = exchange(egress, tokens, input, key);
    match limit {
        None => exchange.await,
        Some(limit) => tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Error::Late(limit))),
    }
}

async fn exchange(egress: &Egress, tokens: &Tokens, input: Input, key: &str) -> Result<Value, Error> {
    let Input { protocol_version, method, parameters, transport: Transport { endpoint, headers }, client, .. } = input;
    let client = client.map_or_else(
        || json!({"name": "stationmaster", "version": env!("CARGO_PKG_VERSION")}),
        |client| json!({"name": client.name, "version": client.version}),
    );
    let wanted = protocol_version.as_deref().unwrap_or(VERSION);
    let hello = json!({"protocolVersion": wanted, "capabilities": {}, "clientInfo": client});
    let mut line = Line { egress, tokens, endpoint, headers, key };
    let opened = line.request("initialize", hello).await?;
    if let Some(session) = opened.headers.get("mcp-session-id") {
        line.headers.insert("mcp-session-id".to_owned(), session.clone());
    }
    let agreed = only("initialize", opened)?;
    let agreed = agreed.get("protocolVersion").and_then(Value::as_str).unwrap_or(wanted);
    line.headers.insert("mcp-protocol-version".to_owned(), agreed.into());
    line.notify("notifications/initialized").await?;
    let answer = line.request(&method, parameters.unwrap_or_else(|| json!({}))).await?;
    only(&method, answer)
}
