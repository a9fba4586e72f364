//! The document: read as JSON or YAML, and its references within itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;

use crate::egress::shown;
use crate::http::Error;

/// References that may lead to each other.
const CHAIN: usize = 16;

/// Reads a document from the raw answer, which is in base64.
pub(super) fn read(place: &Url, raw: &Value) -> Result<Value, Error> {
    let fail = |reason: String| Error::Content { url: shown(place), reason };
    let bytes = STANDARD.decode(raw.as_str().unwrap_or_default()).map_err(|error| fail(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| fail(error.to_string()))?;
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(_) => serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true })
            .map_err(|error| fail(error.to_string()))?,
    };
    let known = document.get("swagger").or_else(|| document.get("openapi")).and_then(Value::as_str);
    match known {
        Some(version) if version == "2.0" || version.starts_with("3.") => Ok(document),
        Some(version) => Err(fail(format!("OpenAPI {version} is not known: 2.0 and 3 are"))),
        None => Err(fail("it is no OpenAPI document: `openapi` or `swagger` is missing".to_owned())),
    }
}

/// What a value stands for: itself, or what its `$ref` refers to within the document.
pub(super) fn resolve<'d>(document: &'d Value, mut value: &'d Value) -> Result<&'d Value, Error> {
    for _ in 0..CHAIN {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        value = target.ok_or_else(|| Error::Input(format!("`$ref: {reference}` is not within the document")))?;
    }
    Err(Error::Input("a `$ref` of the document never ends".to_owned()))
}
