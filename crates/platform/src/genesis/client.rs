//! Sends the question to a Genesis elsewhere.
//!
//! One attempt per call: retries, back-off and deadlines are the workflow's, which knows how long it
//! has waited. The request carries the API key and the signature of [`super::signature`].

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode, Url, redirect};

use super::remote::{Answer, BadAnswer, Question};
use super::signature::Secret;

/// How long one attempt may take (`REQUIREMENTS 1.1`: requests time out after 30 s).
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Where the remote Genesis is and what opens its door.
#[derive(Clone)]
pub struct Config {
    /// Where questions are posted.
    pub url: Url,
    /// Sent as `X-API-Key`.
    pub api_key: String,
    /// Signs questions.
    pub secret: Secret,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// A way to ask a remote Genesis.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    config: Config,
}

/// Why there is no answer. None of these is a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key was refused: it has to be renewed.
    #[error("Genesis refuses the API key (401): renew it")]
    Unauthorized,
    /// Too many questions.
    #[error("Genesis is asked too often; again in {} s", .retry_after.as_secs())]
    RateLimited {
        /// When to ask again.
        retry_after: Duration,
    },
    /// It could not be reached, or is broken.
    #[error("Genesis is unavailable: {0}")]
    Unavailable(String),
    /// It does not take the question.
    #[error("Genesis refuses the question with status {0}")]
    Refused(u16),
    /// It said something that is no answer.
    #[error(transparent)]
    BadAnswer(#[from] BadAnswer),
}

impl Error {
    /// Whether asking again may help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable(_))
    }
}

impl Client {
    /// A client for one remote Genesis; it follows no redirects.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if TLS cannot be set up.
    pub fn new(config: Config) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(unavailable)?;
        Ok(Self { http, config })
    }

    /// Asks once. `message_id` stays the same when the same question is asked again.
    ///
    /// # Errors
    /// [`Error`]; see [`Error::is_transient`].
    pub async fn ask(&self, question: &Question<'_>, message_id: &str, now: DateTime<Utc>) -> Result<Answer, Error> {
        let body = serde_json::to_vec(question).expect("invariant: a question is plain JSON");
        let headers = self.config.secret.sign(message_id, now, &body);
        let response = self
            .http
            .post(self.config.url.clone())
            .header("content-type", "application/json")
            .header("x-api-key", &self.config.api_key)
            .header("webhook-id", headers.id)
            .header("webhook-timestamp", headers.timestamp)
            .header("webhook-signature", headers.signature)
            .body(body)
            .send()
            .await
            .map_err(unavailable)?;
        let response = accepted(response)?;
        Ok(Answer::parse(&read(response).await?)?)
    }
}

fn accepted(response: Response) -> Result<Response, Error> {
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::UNAUTHORIZED => Err(Error::Unauthorized),
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Err(Error::RateLimited { retry_after: Duration::from_secs(seconds.unwrap_or(60).min(3600)) })
        }
        status if status.is_server_error() => Err(Error::Unavailable(format!("status {status}"))),
        status => Err(Error::Refused(status.as_u16())),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Error::Unavailable("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Without the address, which may hold a secret.
fn unavailable(error: reqwest::Error) -> Error {
    Error::Unavailable(error.without_url().to_string())
}

#[cfg(test)]
mod tests;
