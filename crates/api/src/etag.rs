//! Entity tags: whoever polls a status is told "not modified" without the body (REQUIREMENTS R1).

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The body with its tag, or 304 if the caller has it already.
pub(crate) fn tagged(request: &HeaderMap, body: &impl Serialize) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(body).map_err(Problem::internal)?;
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&bytes)[..16]));
    let known = matches(request, &tag);
    let tag = HeaderValue::from_str(&tag).map_err(Problem::internal)?;
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, [(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// Weak comparison with every tag of `If-None-Match` (RFC 9110, 13.1.2).
fn matches(request: &HeaderMap, tag: &str) -> bool {
    let values = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(known: &str) -> Response {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(known).unwrap())]);
        tagged(&headers, &["a"]).unwrap()
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let first = tagged(&HeaderMap::new(), &["a"]).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        for known in [tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            assert_eq!(answer(known).status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(answer("\"other\"").status(), StatusCode::OK);
        assert_ne!(tagged(&HeaderMap::new(), &["b"]).unwrap().headers()[header::ETAG], *tag);
    }
}
