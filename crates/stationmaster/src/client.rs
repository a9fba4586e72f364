//! The command line's side of the HTTP API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{cli::Remote, output::Failure};

/// A service to talk to, and the token to talk with.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// The service that the arguments name; a token is minted from the local data directory where none is given.
    pub(crate) fn new(remote: &Remote) -> Result<Self, Failure> {
        let token = match &remote.token {
            Some(token) => token.clone(),
            None => crate::commands::token::local(remote.data.as_deref())?,
        };
        Ok(Self::with_token(&remote.api, token))
    }

    /// A service at an address.
    pub(crate) fn with_token(base: &str, token: String) -> Self {
        Self { http: reqwest::Client::new(), base: base.trim_end_matches('/').to_owned(), token }
    }

    /// Reads a resource.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Posts a document; the request is repeated safely, it carries a key of its own.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Posts a document; an answer that is a problem document is given back as such.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Result<Result<Value, Value>, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.ask(method, path, body).await?.map_err(|problem| Failure::new(explain(&problem)))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Result<Value, Value>, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("idempotency-key", uuid::Uuid::now_v7().to_string()).json(body);
        }
        let response = request.send().await.map_err(|error| {
            let hint = if error.is_connect() { "; is the service up? `stationmaster dev` starts one" } else { "" };
            Failure::new(format!("{url} could not be reached{hint}"))
        })?;
        let status = response.status();
        let document = serde_json::from_str(&response.text().await?).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(Ok(document));
        }
        let unknown = json!({ "title": "the service answered with an error", "status": status.as_u16() });
        Ok(Err(if document.is_object() { document } else { unknown }))
    }
}

/// A problem document in words.
pub(crate) fn explain(problem: &Value) -> String {
    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let mut message = format!("{} ({}): {}", word("title"), problem["status"], word("detail"));
    for violation in problem["violations"].as_array().into_iter().flatten() {
        let (field, text) = (violation["field"].as_str(), violation["message"].as_str());
        message.push_str(&format!("\n  {}: {}", field.unwrap_or("?"), text.unwrap_or_default()));
    }
    message
}
