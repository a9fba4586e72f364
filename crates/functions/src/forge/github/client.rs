//! Requests to GitHub's API, and what their failures mean.

use chrono::DateTime;
use std::time::Duration;

use http::{HeaderMap, Response};
use octocrab::Octocrab;
use octocrab::service::middleware::retry::RetryConfig;
use serde_json::Value;
use url::Url;

use crate::forge::Error;
use crate::secrets::{Reference, Secret};

/// Time for a connection and for each read; a call's own limit comes from the engine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client that takes up a rotated token.
#[derive(Debug)]
pub(super) struct Client {
    api: Url,
    token: Reference,
    made: tokio::sync::Mutex<Option<(Secret, Octocrab)>>,
}

enum Act<'a> {
    Get,
    Post(&'a Value),
    Put(&'a Value),
    Patch(&'a Value),
    Delete,
}

impl Client {
    pub(super) fn new(api: Url, token: Reference) -> Self {
        Self { api, token, made: tokio::sync::Mutex::default() }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(path, Act::Get).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(path, Act::Post(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(path, Act::Put(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(path, Act::Patch(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.send(path, Act::Delete).await
    }

    async fn send(&self, path: &str, act: Act<'_>) -> Result<Value, Error> {
        let octocrab = self.octocrab().await?;
        let sent = match act {
            Act::Get => octocrab._get(path).await,
            Act::Post(body) => octocrab._post(path, Some(body)).await,
            Act::Put(body) => octocrab._put(path, Some(body)).await,
            Act::Patch(body) => octocrab._patch(path, Some(body)).await,
            Act::Delete => octocrab._delete(path, None::<&()>).await,
        };
        let (head, body) = sent.map_err(|error| lost(&error))?.into_parts();
        let text = octocrab.body_to_string(Response::new(body)).await.map_err(|error| lost(&error))?;
        let value = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        if head.status.is_success() {
            return value.map_err(|error| Error::Unavailable { detail: format!("no JSON: {error}"), after: None });
        }
        Err(refused(path, head.status.as_u16(), &head.headers, &value.unwrap_or_default()))
    }

    async fn octocrab(&self) -> Result<Octocrab, Error> {
        let token = self.token.resolve().map_err(|error| Error::Denied(error.to_string()))?;
        let mut made = self.made.lock().await;
        if let Some((old, octocrab)) = &*made
            && old.expose() == token.expose()
        {
            return Ok(octocrab.clone());
        }
        let octocrab = Octocrab::builder()
            .base_uri(self.api.as_str())
            .map(|builder| builder.personal_token(token.expose().to_owned()))
            .and_then(|builder| {
                builder
                    .add_retry_config(RetryConfig::None)
                    .set_connect_timeout(Some(TIMEOUT))
                    .set_read_timeout(Some(TIMEOUT))
                    .build()
            })
            .map_err(|error| Error::Broken { what: "the GitHub client".to_owned(), reason: error.to_string() })?;
        *made = Some((token, octocrab.clone()));
        Ok(octocrab)
    }
}

fn lost(error: &octocrab::Error) -> Error {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Error::Unavailable { detail: format!("{error}{cause}"), after: None }
}

/// What an answer that is no success means.
fn refused(path: &str, status: u16, headers: &HeaderMap, body: &Value) -> Error {
    let message = body["message"].as_str().unwrap_or("no reason given");
    let errors = if body["errors"].is_null() { String::new() } else { format!(" {}", body["errors"]) };
    let said = format!("{message}{errors} ({status} for {path})");
    let limited = header(headers, "x-ratelimit-remaining") == Some("0")
        || headers.contains_key("retry-after")
        || message.contains("rate limit");
    match status {
        403 | 429 if limited => Error::Unavailable { detail: said, after: Some(wait(headers)) },
        401 | 403 => Error::Denied(format!("{said}; check the token and its permissions")),
        404 => Error::NotFound(said),
        409 => Error::Conflict(said),
        408 | 429 | 500.. => Error::Unavailable { detail: said, after: None },
        _ => Error::Input(said),
    }
}

/// How long a rate limit lasts, measured on GitHub's own clock (`Date`).
fn wait(headers: &HeaderMap) -> Duration {
    let seconds = |name: &str| header(headers, name).and_then(|text| text.parse::<u64>().ok());
    if let Some(after) = seconds("retry-after") {
        return Duration::from_secs(after);
    }
    let now = header(headers, "date").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    let now = now.and_then(|now| u64::try_from(now.timestamp()).ok());
    match (seconds("x-ratelimit-reset"), now) {
        (Some(reset), Some(now)) => Duration::from_secs(reset.saturating_sub(now).clamp(1, 3600)),
        _ => Duration::from_secs(60),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
