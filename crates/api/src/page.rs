//! Lists: parameters read strictly, pages by cursor.
//!
//! A cursor names the last item of the page before, so a page is stable under inserts and costs the same wherever it lies.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::problem::{Problem, Violation};

/// Items of a page, unless the caller says otherwise.
pub(crate) const DEFAULT_LIMIT: u32 = 50;

/// The most items of a page.
pub(crate) const MAX_LIMIT: u32 = 200;

/// Query parameters; unknown ones are refused by the type.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(params) = Query::from_request_parts(parts, state).await.map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, message)| message);
            Problem::invalid(vec![Violation::new("query", "parameter", message)])
        })?;
        Ok(Self(params))
    }
}

/// A limit that a caller asked for.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid(vec![Violation::new("limit", "maximum", format!("must be between 1 and {MAX_LIMIT}"))]))
}

/// A place in a list: after the item of this time and identifier.
pub(crate) fn cursor(at: Timestamp, id: Uuid) -> String {
    let mut bytes = at.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor back.
pub(crate) fn read_cursor(text: &str) -> Result<(Timestamp, Uuid), Problem> {
    decode(text).ok_or_else(|| {
        Problem::invalid(vec![Violation::new("cursor", "cursor", "must be the `next` of an earlier page")])
    })
}

fn decode(text: &str) -> Option<(Timestamp, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (micros, id) = bytes.split_first_chunk::<8>()?;
    let at = Timestamp::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    Some((at, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_way_out_and_in_and_nothing_else_is_one() {
        let at = Timestamp::from_timestamp_micros(1_767_323_045_123_456).unwrap();
        let id = Uuid::from_u128(9);
        assert_eq!(read_cursor(&cursor(at, id)).unwrap(), (at, id));
        for other in ["", "AAAA", "!!", &cursor(at, id)[..30], &format!("{}AA", cursor(at, id))] {
            assert!(read_cursor(other).is_err(), "{other}");
        }
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(limit(None).unwrap(), DEFAULT_LIMIT);
        assert!(limit(Some(MAX_LIMIT)).is_ok() && limit(Some(0)).is_err() && limit(Some(MAX_LIMIT + 1)).is_err());
    }
}
