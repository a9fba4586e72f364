//! Media types of requests.

use axum::http::{HeaderMap, header};

/// The essence of `Content-Type`, lower-cased, without parameters; empty if there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether the body says that it is JSON: `application/json` or `application/…+json`.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let essence = content_type(headers);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn parameters_and_case_do_not_count() {
        let of = |text: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]);
        assert!(is_json(&of("Application/JSON; charset=utf-8")));
        assert!(is_json(&of("application/problem+json")));
        for other in ["", "text/json", "application/x-www-form-urlencoded", "application/jsonp", "+json"] {
            assert!(!is_json(&of(other)), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
