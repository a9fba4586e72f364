//! From an answer to the output of `call: http`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::Url;

use super::Error;
use super::request::{Input, Output};
use crate::egress::{Answer, shown};

/// Shapes `answer` as `input.output` asks.
pub(super) fn shape(input: &Input, url: &Url, answer: &Answer) -> Result<Value, Error> {
    match input.output {
        Output::Raw => Ok(STANDARD.encode(&answer.body).into()),
        Output::Content => content(url, answer),
        Output::Response => Ok(json!({
            "request": {
                "method": input.method.to_ascii_uppercase(),
                "uri": url,
                "headers": visible(&input.headers),
            },
            "statusCode": answer.status.as_u16(),
            "headers": headers(answer),
            "content": content(url, answer)?,
        })),
    }
}

/// JSON as a value, other text as a string, the rest in base64, nothing as null.
fn content(url: &Url, answer: &Answer) -> Result<Value, Error> {
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    let kind = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        return serde_json::from_slice(&answer.body)
            .map_err(|error| Error::Content { url: shown(url), reason: error.to_string() });
    }
    Ok(match std::str::from_utf8(&answer.body) {
        Ok(text) => text.into(),
        Err(_) => STANDARD.encode(&answer.body).into(),
    })
}

/// Header fields of the answer; repeated ones are joined, cookies are left out.
fn headers(answer: &Answer) -> Map<String, Value> {
    let mut all = Map::new();
    for name in answer.headers.keys().filter(|name| name.as_str() != "set-cookie") {
        let values = answer.headers.get_all(name).iter();
        let texts: Vec<_> = values.map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        all.insert(name.to_string(), texts.join(", ").into());
    }
    all
}

/// The authored header fields without those that hold credentials.
fn visible(headers: &Map<String, Value>) -> Map<String, Value> {
    const HIDDEN: &[&str] = &["authorization", "cookie", "proxy-authorization", "x-api-key"];
    let hidden = |name: &str| HIDDEN.contains(&name.to_ascii_lowercase().as_str());
    let kept = headers.iter().filter(|(name, _)| !hidden(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
