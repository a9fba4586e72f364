//! `call: a2a` and `call: mcp` of the DSL: agents and their tools, by JSON-RPC over HTTP.
//!
//! An answer is JSON, or a stream of server-sent events that is read to its end. The request's own `id` tells its answer
//! from notifications of the server, which are passed over.

mod agent;
mod tools;

use serde_json::{Map, Value, json};

use crate::egress::Egress;
use crate::http::{self, Endpoint, Error, Output, Tokens};

pub use agent::{Input as AgentInput, call as call_agent};
pub use tools::{Input as ToolsInput, call as call_tools};

/// Where requests go, and what goes with them.
struct Line<'a> {
    egress: &'a Egress,
    tokens: &'a Tokens,
    endpoint: Endpoint,
    headers: Map<String, Value>,
    key: &'a str,
}

/// An answer: its results, one unless it was a stream, and its header fields.
struct Answer {
    results: Vec<Value>,
    headers: Map<String, Value>,
}

impl Line<'_> {
    /// Makes a request.
    async fn request(&self, method: &str, parameters: Value) -> Result<Answer, Error> {
        let body = json!({"jsonrpc": "2.0", "id": self.key, "method": method, "params": parameters});
        let (content, headers) = self.post(body).await?;
        let messages = match content {
            Value::String(text) => events(&text),
            Value::Null => Vec::new(),
            message => vec![message],
        };
        let mut results = Vec::new();
        for message in messages.into_iter().filter(|message| message.get("id").is_some_and(|id| id == self.key)) {
            if let Some(error) = message.get("error") {
                return Err(refused(method, error));
            }
            results.extend(message.get("result").cloned());
        }
        Ok(Answer { results, headers })
    }

    /// Sends a notification, which has no answer.
    async fn notify(&self, method: &str) -> Result<(), Error> {
        self.post(json!({"jsonrpc": "2.0", "method": method})).await.map(drop)
    }

    async fn post(&self, body: Value) -> Result<(Value, Map<String, Value>), Error> {
        let mut headers = self.headers.clone();
        headers.insert("accept".to_owned(), "application/json, text/event-stream".into());
        let input = http::Input {
            method: "post".to_owned(),
            endpoint: self.endpoint.clone(),
            headers,
            query: Map::new(),
            body: Some(body),
            output: Output::Response,
            redirect: false,
        };
        let mut response = http::call(self.egress, self.tokens, &input, self.key).await?;
        let headers = response["headers"].as_object().cloned().unwrap_or_default();
        Ok((response["content"].take(), headers))
    }
}

/// The messages of a stream of server-sent events.
fn events(stream: &str) -> Vec<Value> {
    let stream = stream.replace("\r\n", "\n");
    let messages = stream.split("\n\n").filter_map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let data: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        serde_json::from_str(&data.join("\n")).ok()
    });
    messages.collect()
}

/// The error that the other side answered with.
fn refused(method: &str, error: &Value) -> Error {
    let code = error.get("code").map_or_else(|| "without a code".to_owned(), Value::to_string);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("it does not say why");
    Error::Remote(format!("`{method}` was refused ({code}): {message}"))
}

/// The one result of an answer.
fn only(method: &str, answer: Answer) -> Result<Value, Error> {
    answer.results.into_iter().next().ok_or_else(|| Error::Remote(format!("`{method}` was not answered")))
}

#[cfg(test)]
mod tests;
