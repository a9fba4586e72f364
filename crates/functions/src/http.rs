//! `call: http` of the DSL: one request, one answer, judged by its status.
//!
//! The caller has evaluated every expression. Redirects are not followed: a 3xx is an error, or
//! with `redirect: true` the answer. Secrets come in by name (`bearer: {use: name}`) and are put
//! into the request here, so that neither facts nor the `response` output hold them.

mod output;
mod request;

use std::time::Duration;

use crate::egress::{self, Egress};
use crate::secrets::{self, Secrets};

pub use request::Input;

/// What a failed call tells the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not a request (DSL error type `configuration`).
    #[error("{0}")]
    Input(String),
    /// A named secret cannot be used (`authentication`).
    #[error(transparent)]
    Secret(#[from] secrets::Error),
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
            Self::Secret(_) => 401,
            Self::Egress(egress::Error::Timeout { .. }) => 408,
            Self::Status { status, .. } => *status,
            Self::Egress(_) | Self::Content { .. } => 500,
        }
    }

    /// The last part of the DSL's error type: `communication`, `configuration` and so on.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Input(_) | Self::Egress(egress::Error::Denied { .. }) => "configuration",
            Self::Secret(_) => "authentication",
            Self::Egress(egress::Error::Timeout { .. }) => "timeout",
            Self::Status { .. } | Self::Egress(_) | Self::Content { .. } => "communication",
        }
    }
}

/// Makes the request of `input`; `key` goes along as `Idempotency-Key`.
///
/// # Errors
/// See [`Error`].
pub async fn call(egress: &Egress, secrets: &Secrets, input: &Input, key: &str) -> Result<serde_json::Value, Error> {
    let prepared = request::prepare(egress, secrets, input, key)?;
    let answer = egress.send(prepared.builder, &prepared.url).await?;
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
