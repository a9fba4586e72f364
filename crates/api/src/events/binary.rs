//! Binary mode: attributes in `ce-` headers, the data in the body.

use axum::http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::{
    json, media,
    problem::{Code, Problem, Violation},
};

/// The envelope that the headers and the body make, as structured mode would have sent it.
pub(super) fn envelope(headers: &HeaderMap, body: &[u8]) -> Result<Value, Problem> {
    let (mut entries, mut violations) = (Map::new(), Vec::new());
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        match text(value) {
            _ if matches!(attribute, "data" | "data_base64" | "datacontenttype") => {
                violations.push(Violation::new(name.as_str(), "unsupported", "is given by the body and Content-Type"));
            }
            Some(text) if !entries.contains_key(attribute) => drop(entries.insert(attribute.to_owned(), text.into())),
            Some(_) => violations.push(Violation::new(name.as_str(), "unique", "must be there once")),
            None => violations.push(Violation::new(name.as_str(), "encoding", "must be percent-encoded UTF-8")),
        }
    }
    if entries.is_empty() && violations.is_empty() {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Send application/cloudevents+json, application/cloudevents-batch+json, or binary mode with ce- headers.",
        ));
    }
    if !violations.is_empty() {
        return Err(Problem::invalid(violations));
    }
    if !body.is_empty() {
        entries.insert("datacontenttype".to_owned(), media::content_type(headers).into());
        entries.insert("data".to_owned(), data(headers, body)?);
    }
    Ok(Value::Object(entries))
}

fn data(headers: &HeaderMap, body: &[u8]) -> Result<Value, Problem> {
    if !media::is_json(headers) {
        return Err(Problem::new(Code::UnsupportedMediaType, "Data is read as JSON only."));
    }
    json::parse(body).map_err(|error| Problem::new(Code::Malformed, error.to_string()))
}

/// A header's text (CloudEvents HTTP binding, "HTTP Header Values": percent-encoded).
fn text(value: &HeaderValue) -> Option<String> {
    let raw = value.to_str().ok()?;
    percent_decode_str(raw).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use serde_json::json;

    use super::*;

    fn headers(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let mut headers = HeaderMap::new();
        headers.extend(entries.iter().map(pair));
        headers
    }

    #[test]
    fn headers_and_body_make_an_envelope() {
        let headers = headers(&[
            ("ce-id", "1"),
            ("ce-subject", "Euro%20%E2%82%AC"),
            ("content-type", "application/json"),
            ("host", "x"),
        ]);
        let made = envelope(&headers, br#"{"a": 1}"#).unwrap();
        assert_eq!(
            made,
            json!({"id": "1", "subject": "Euro €", "datacontenttype": "application/json", "data": {"a": 1}})
        );
        assert_eq!(envelope(&headers, b"").unwrap(), json!({"id": "1", "subject": "Euro €"}));
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        let code = |entries: &[(&'static str, &'static str)], body: &[u8]| {
            envelope(&headers(entries), body).unwrap_err().code()
        };
        assert_eq!(code(&[("content-type", "application/json")], b"{}"), Code::UnsupportedMediaType);
        assert_eq!(code(&[("ce-id", "1"), ("content-type", "text/plain")], b"x"), Code::UnsupportedMediaType);
        assert_eq!(code(&[("ce-id", "1"), ("content-type", "application/json")], b"{"), Code::Malformed);
        assert_eq!(code(&[("ce-id", "1"), ("ce-id", "2")], b""), Code::Validation);
        assert_eq!(code(&[("ce-id", "%ff")], b""), Code::Validation);
        assert_eq!(code(&[("ce-data", "1")], b""), Code::Validation);
    }
}
