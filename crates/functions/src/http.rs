//! `call: http` of the DSL: one request, one answer, judged by its status.
//!
//! The caller has evaluated every expression and put the secrets in. Redirects are not followed: a
//! 3xx is an error, or with `redirect: true` the answer. Credentials go into the request and
//! nowhere else: neither errors nor the `response` output hold them.

mod authentication;
mod output;
mod request;
mod tokens;

use std::time::Duration;

use reqwest::StatusCode;

use crate::egress::{self, Egress};

pub(crate) use authentication::Authentication;
pub use request::Input;
pub(crate) use request::{Endpoint, Output, plain};
pub use tokens::Tokens;

/// What a failed call tells the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not a request (DSL error type `configuration`).
    #[error("{0}")]
    Input(String),
    /// No credentials can be had (`authentication`).
    #[error("{0}")]
    Authentication(String),
    /// No answer, or none that may be had (`communication`; `timeout` where time ran out).
    #[error(transparent)]
    Egress(#[from] egress::Error),
    /// The answer's status is an error (`communication`, with this status).
    #[error("{url} answered {status}")]
    Status {
        /// Where to, without query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asks for.
        after: Option<Duration>,
    },
    /// The other side understood the request and refused it (`runtime`).
    #[error("{0}")]
    Remote(String),
    /// Several requests together took longer than the definition allows (`timeout`).
    #[error("not done in {} s", .0.as_secs_f64())]
    Late(Duration),
    /// The answer's content is not what its type says (`communication`).
    #[error("{url} answered with content that cannot be read: {reason}")]
    Content {
        /// Where to, without query.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// The HTTP status that the DSL error carries.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Input(_) | Self::Egress(egress::Error::Denied { .. }) => 400,
            Self::Authentication(_) => 401,
            Self::Egress(egress::Error::Timeout { .. }) | Self::Late(_) => 408,
            Self::Status { status, .. } => *status,
            Self::Egress(_) | Self::Content { .. } | Self::Remote(_) => 500,
        }
    }

    /// The last part of the DSL's error type: `communication`, `configuration` and so on.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Input(_) | Self::Egress(egress::Error::Denied { .. }) => "configuration",
            Self::Authentication(_) => "authentication",
            Self::Egress(egress::Error::Timeout { .. }) | Self::Late(_) => "timeout",
            Self::Remote(_) => "runtime",
            Self::Status { .. } | Self::Egress(_) | Self::Content { .. } => "communication",
        }
    }
}

/// Makes the request of `input`; `key` goes along as `Idempotency-Key`. It is repeated once where the
/// server challenges it, or refuses an access token that was at hand.
///
/// # Errors
/// See [`Error`].
pub async fn call(egress: &Egress, tokens: &Tokens, input: &Input, key: &str) -> Result<serde_json::Value, Error> {
    let authentication = input.authentication();
    let first = match authentication {
        Some(authentication) => authentication.first(egress, tokens).await?,
        None => None,
    };
    let mut prepared = request::prepare(egress, input, key, first.as_deref())?;
    let mut answer = prepared.send(egress).await?;
    if let (StatusCode::UNAUTHORIZED, Some(authentication)) = (answer.status, authentication)
        && let Some(again) = authentication.again(egress, tokens, &prepared, &answer).await?
    {
        prepared = request::prepare(egress, input, key, Some(&again))?;
        answer = prepared.send(egress).await?;
    }
    let fine = answer.status.is_success() || (input.redirect && answer.status.is_redirection());
    if !fine {
        return Err(Error::Status {
            url: egress::shown(&prepared.url),
            status: answer.status.as_u16(),
            after: answer.retry_after(),
        });
    }
    output::shape(input, &prepared.url, &answer)
}

#[cfg(test)]
mod tests;
