//! Webhook ingress: what other systems tell us, proved by a signature over the raw bytes, turned into CloudEvents.
//!
//! ```text
//!  raw body ─ limit ─ signature ─ media type ─ delivery id, event name ─ strict JSON ─ mapping ─▶ EventSink (one transaction:
//!              413      401          415              400                   400         422        delivery id + event)
//! ```
//!
//! Sources are data: a file of `webhooks/` per source ([`Source`]), not code. Invariants: nothing of a body is looked at before
//! its signature holds; a delivery id is taken once; an answer is sent only after the event is stored, so a sender that
//! repeats what failed loses nothing. An event that no mapping names is answered with 202 and dropped (REQUIREMENTS A30).

mod mapping;
mod signature;
mod source;

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use engine::{CloudEvent, OrgId};
use futures::future::BoxFuture;
use serde::Serialize;

pub use self::{
    mapping::{Mapping, Template},
    signature::{Encoding, Scheme},
    source::{EventName, InvalidSource, Source},
};
use crate::{
    Clock, json,
    media::is_json,
    problem::{Code, Problem, Violation},
};

/// Where received events go.
pub trait EventSink: Send + Sync {
    /// Stores the events of a delivery, and the delivery's id where it has one, in one transaction.
    fn accept(&self, received: Received) -> BoxFuture<'_, Result<Accepted, Unavailable>>;
}

/// Events from outside, on their way to the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The organisation that the credential or the signature belongs to.
    pub org: OrgId,
    /// Source and id of the delivery; absent where the events' own ids are all there is.
    pub delivery: Option<Delivery>,
    /// The events.
    pub events: Vec<CloudEvent>,
}

/// What is remembered of a delivery, so that its repetition is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The name of the source.
    pub source: String,
    /// The sender's id.
    pub id: String,
}

/// What became of received events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// How many were stored.
    pub stored: usize,
    /// How many were here already.
    pub duplicates: usize,
}

/// Events could not be stored now; the sender should try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("events cannot be stored now: {0}")]
pub struct Unavailable(pub String);

/// Resolves a reference such as `env:NAME` to a secret's value, or says why there is none.
pub type Resolve<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// What a sender is told.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a str>,
}

/// A source with its secrets, mounted.
struct Endpoint {
    source: Source,
    keys: Vec<signature::Key>,
    org: OrgId,
    sink: Arc<dyn EventSink>,
    clock: Clock,
}

/// The routes of these sources, whose deliveries belong to `org`.
///
/// A source none of whose secrets resolves is mounted all the same and refuses every delivery: a missing secret is an
/// operator's mistake that the sender's log should show, and never an open door.
///
/// # Errors
/// A secret that resolves and cannot be a key of its scheme.
pub fn routes(
    sources: Vec<Source>,
    org: OrgId,
    resolve: &Resolve<'_>,
    sink: &Arc<dyn EventSink>,
    clock: &Clock,
) -> Result<Router, InvalidSource> {
    let mut router = Router::new();
    for source in sources {
        let keys = source.keys(resolve)?;
        if keys.is_empty() {
            tracing::info!(source = source.name, "this webhook source has no secret: its deliveries are refused");
        }
        let (paths, limit) = (source.paths.clone(), source.body_limit);
        let endpoint = Endpoint { source, keys, org, sink: Arc::clone(sink), clock: Arc::clone(clock) };
        let endpoint = Arc::new(endpoint);
        for path in paths {
            let handler = post(receive).layer(DefaultBodyLimit::max(limit)).with_state(Arc::clone(&endpoint));
            router = router.route(&path, handler);
        }
    }
    Ok(router)
}

async fn receive(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| Problem::from(rejection.status()))?;
    let received = endpoint.read(&headers, &body)?;
    let status = match received {
        Reading::Ping => (StatusCode::OK, Answer { status: "pong", delivery: None }),
        Reading::Ignored => (StatusCode::ACCEPTED, Answer { status: "ignored", delivery: None }),
        Reading::Event(delivery, event) => return endpoint.store(delivery, event).await,
    };
    Ok((status.0, Json(status.1)).into_response())
}

/// What a delivery turned out to be.
enum Reading {
    Ping,
    Ignored,
    Event(Delivery, Box<CloudEvent>),
}

impl Endpoint {
    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Reading, Problem> {
        let source = &self.source;
        if self.keys.is_empty() {
            return Err(Problem::new(Code::Unavailable, format!("The source {} has no secret yet.", source.name)));
        }
        source.signature.verify(&self.keys, headers, body, (self.clock)()).map_err(|reason| {
            tracing::warn!(source = source.name, %reason, "a webhook signature was refused");
            Problem::new(Code::InvalidSignature, reason.to_string())
        })?;
        if !is_json(headers) {
            return Err(Problem::new(Code::UnsupportedMediaType, "Deliveries are read as application/json only."));
        }
        let id = required_header(headers, &source.delivery)?.to_owned();
        if let EventName::Header { header } = &source.event {
            match source.kind_of(required_header(headers, header)?) {
                Known::Ping => return Ok(Reading::Ping),
                Known::Unknown => return Ok(Reading::Ignored),
                Known::Mapped(_) => {}
            }
        }
        let payload = json::parse(body).map_err(|error| Problem::new(Code::Malformed, error.to_string()))?;
        let name = source.event.of(headers, &payload)?;
        let mapping = match source.kind_of(&name) {
            Known::Ping => return Ok(Reading::Ping),
            Known::Unknown => return Ok(Reading::Ignored),
            Known::Mapped(mapping) => mapping,
        };
        let event = mapping.event(&id, payload).map_err(Problem::invalid)?;
        Ok(Reading::Event(Delivery { source: source.name.clone(), id }, Box::new(event)))
    }

    async fn store(&self, delivery: Delivery, event: Box<CloudEvent>) -> Result<Response, Problem> {
        let id = delivery.id.clone();
        let received = Received { org: self.org, delivery: Some(delivery), events: vec![*event] };
        let accepted = self.sink.accept(received).await?;
        let (code, status) = match accepted.stored {
            0 => (StatusCode::OK, "duplicate"),
            _ => (StatusCode::ACCEPTED, "accepted"),
        };
        Ok((code, Json(Answer { status, delivery: Some(&id) })).into_response())
    }
}

/// What a source says of an event name.
enum Known<'a> {
    Ping,
    Mapped(&'a Mapping),
    Unknown,
}

impl Source {
    fn kind_of(&self, name: &str) -> Known<'_> {
        if self.ping.iter().any(|ping| ping == name) {
            return Known::Ping;
        }
        self.events.get(name).map_or(Known::Unknown, Known::Mapped)
    }
}

impl EventName {
    fn of(&self, headers: &HeaderMap, payload: &serde_json::Value) -> Result<String, Problem> {
        match self {
            Self::Header { header } => required_header(headers, header).map(str::to_owned),
            Self::Pointer { pointer } => {
                payload.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned).ok_or_else(|| {
                    Problem::invalid(vec![Violation::new(pointer, "required", "names the event, as text")])
                })
            }
        }
    }
}

/// A header that must be there once, as 1 to 200 visible characters.
fn required_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Problem> {
    let mut values = headers.get_all(name).iter();
    let text = values
        .next()
        .and_then(|value| value.to_str().ok())
        .filter(|text| (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()));
    match (text, values.next()) {
        (Some(text), None) => Ok(text),
        _ => Err(Problem::new(
            Code::Malformed,
            format!("The header {name} must be there once, with 1 to 200 visible characters."),
        )),
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        tracing::error!(error.cause = %error, "events could not be stored");
        Self::new(Code::Unavailable, "The events could not be stored; send them again.")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
