//! `POST /events`: CloudEvents from authenticated callers, in the three modes of the HTTP binding.
//!
//! | mode | `Content-Type` | where the attributes are |
//! |---|---|---|
//! | structured | `application/cloudevents+json` | in the body |
//! | batch | `application/cloudevents-batch+json` | in each item of the body |
//! | binary | that of the data | in `ce-` headers |
//!
//! Invariants: all events of a request are stored or none; nobody can publish a type that the service or a verified source
//! speaks with (`RESERVED`), and every event says in `publisher` who published it.

mod attributes;
mod binary;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use engine::CloudEvent;
use platform::access::Permission;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use self::attributes::is_extension_name;
use crate::{
    Api,
    auth::Caller,
    json, media,
    problem::{Code, Document, Problem, Violation},
    webhooks::Received,
};

/// The most events in one batch.
const MAX_BATCH: usize = 100;

/// What became of published events.
#[derive(Debug, Serialize, ToSchema)]
pub struct Published {
    /// Events that were stored.
    #[schema(example = 1)]
    accepted: usize,
    /// Events whose `source` and `id` were here already.
    duplicates: usize,
}

/// Publishes CloudEvents.
///
/// Structured, binary and batch mode; up to 100 events and 1 MiB in one request, all or none of which are stored.
#[utoipa::path(
    post, path = "/events", tag = "events", security(("bearer" = [])),
    request_body(content((Value = "application/cloudevents+json"), (Vec<Value> = "application/cloudevents-batch+json"))),
    responses(
        (status = 202, body = Published),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn publish(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Published>), Problem> {
    caller.require(Permission::PublishEvents)?;
    let body = body.map_err(|rejection| Problem::from(rejection.status()))?;
    let mut events = read(&headers, &body)?;
    for event in &mut events {
        event.extensions.insert("publisher".to_owned(), Value::from(caller.actor()));
    }
    let accepted = api.sink().accept(Received { org: caller.org, delivery: None, events }).await?;
    Ok((StatusCode::ACCEPTED, Json(Published { accepted: accepted.stored, duplicates: accepted.duplicates })))
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<CloudEvent>, Problem> {
    let value = || json::parse(body).map_err(|error| Problem::new(Code::Malformed, error.to_string()));
    match media::content_type(headers).as_str() {
        "application/cloudevents+json" => one(value()?, ""),
        "application/cloudevents-batch+json" => batch(value()?),
        other if other.starts_with("application/cloudevents") => Err(Problem::new(
            Code::UnsupportedMediaType,
            "CloudEvents are read as application/cloudevents+json or application/cloudevents-batch+json.",
        )),
        _ => one(binary::envelope(headers, body)?, ""),
    }
}

fn one(envelope: Value, place: &str) -> Result<Vec<CloudEvent>, Problem> {
    attributes::event(envelope, place).map(|event| vec![event]).map_err(Problem::invalid)
}

fn batch(value: Value) -> Result<Vec<CloudEvent>, Problem> {
    let Value::Array(items) = value else {
        return Err(Problem::invalid(vec![Violation::new("", "type", "a batch is an array of events")]));
    };
    if items.len() > MAX_BATCH {
        let message = format!("a batch holds at most {MAX_BATCH} events, this one {}", items.len());
        return Err(Problem::invalid(vec![Violation::new("", "maxItems", message)]));
    }
    let (mut events, mut violations) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        match attributes::event(item, &format!("/{index}")) {
            Ok(event) => events.push(event),
            Err(found) => violations.extend(found),
        }
    }
    if violations.is_empty() { Ok(events) } else { Err(Problem::invalid(violations)) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use serde_json::json;

    use super::*;

    fn typed(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    fn event(id: &str) -> Value {
        json!({"specversion": "1.0", "id": id, "source": "/test", "type": "com.example.happened"})
    }

    #[test]
    fn a_batch_reports_the_faults_of_every_item() {
        let body = json!([event("1"), {"specversion": "1.0"}, event(""), 5]).to_string();
        let problem = read(&typed("application/cloudevents-batch+json"), body.as_bytes()).unwrap_err();
        insta::assert_debug_snapshot!(problem);
    }

    #[test]
    fn batches_are_bounded_and_may_be_empty() {
        let headers = typed("application/cloudevents-batch+json; charset=utf-8");
        let read = |count: usize| read(&headers, Value::from(vec![event("1"); count]).to_string().as_bytes());
        assert_eq!(read(0).unwrap().len(), 0);
        assert_eq!(read(MAX_BATCH).unwrap().len(), MAX_BATCH);
        assert_eq!(read(MAX_BATCH + 1).unwrap_err().code(), Code::Validation);
    }

    #[test]
    fn other_formats_of_cloudevents_are_not_taken_for_binary_mode() {
        let problem = read(&typed("application/cloudevents+avro"), b"").unwrap_err();
        assert_eq!(problem.code(), Code::UnsupportedMediaType);
    }
}
