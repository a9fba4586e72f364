//! The identity of a request: `x-request-id`, taken from the caller where it is sane, made here otherwise.
//!
//! The same id is in the answer's header, in `instance` of a problem, and in every log line of the request.

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderName, HeaderValue, Response, request::Parts},
};
use tower_http::request_id::{MakeRequestId, RequestId as HeaderId};
use uuid::{NoContext, Timestamp, Uuid};

use crate::Clock;

/// The header that carries the id, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request: 1 to 128 letters, digits, `.`, `_` or `-`.
#[derive(Debug, Clone, Default)]
pub struct RequestId(String);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Makes ids for requests that bring none: UUIDs of version 7.
#[derive(Clone)]
pub(crate) struct Uuids(Clock);

impl Uuids {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self(Clock::clone(clock))
    }
}

impl MakeRequestId for Uuids {
    fn make_request_id<B>(&mut self, _request: &axum::http::Request<B>) -> Option<HeaderId> {
        HeaderValue::from_str(&fresh_id((self.0)()).to_string()).ok().map(HeaderId::new)
    }
}

/// A fresh identifier that sorts by its time.
pub(crate) fn fresh_id(now: engine::Timestamp) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// Drops an inbound id that is not sane, so that it is replaced rather than copied into logs and answers.
pub(crate) fn drop_unsafe_id(mut request: Request) -> Request {
    if request.headers().get(HEADER).is_some_and(|value| !is_sane(value)) {
        request.headers_mut().remove(HEADER);
    }
    request
}

/// Makes the id that the layers agreed on available to handlers and problems.
pub(crate) fn remember_id(mut request: Request) -> Request {
    let id = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    request.extensions_mut().insert(RequestId(id));
    request
}

fn is_sane(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

/// The span of a request: method, route and ids, never a payload, a query or a header.
pub(crate) fn span(request: &Request) -> tracing::Span {
    let route = request.extensions().get::<axum::extract::MatchedPath>().map_or("", |path| path.as_str());
    let id = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", request.id = id, http.method = %request.method(), http.route = route, user = tracing::field::Empty, run.id = tracing::field::Empty)
}

/// One line per answer.
pub(crate) fn log_answer<B>(response: &Response<B>, latency: std::time::Duration, _span: &tracing::Span) {
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(http.status = response.status().as_u16(), duration_ms, "answered a request");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_short_ids_are_taken_over() {
        let sane = |text: &str| is_sane(&HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert!(sane("01J-a_b.c"));
        assert!(sane(&"a".repeat(128)));
        for hostile in ["", "a b", "a\"b", "<script>", "é", &"a".repeat(129)] {
            assert!(!sane(hostile), "{hostile}");
        }
    }
}
