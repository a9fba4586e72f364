//! The body of a POST: collected first, read after the caller's permission is known, and hashed for its `Idempotency-Key`.
//!
//! The order in every handler is: who, may they, what do they say. Somebody without the permission learns nothing about what a
//! valid body is, and their body is never parsed.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName},
};
use platform::input::{self, Input};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    json, media,
    problem::{Code, Problem, Violation},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request with its body, unread.
#[derive(Debug)]
pub(crate) struct Post {
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// The `Idempotency-Key` of a request, with a hash of what was asked under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// As the caller chose it.
    pub(crate) text: String,
    /// SHA-256 over method, target and body.
    pub(crate) hash: [u8; 32],
}

impl Post {
    /// The body as `T`, and the key.
    ///
    /// # Errors
    /// 400 for what is not JSON or not a key, 415 for another media type, 422 with every violation. An empty body counts as `{}`.
    pub(crate) fn read<T: Input>(&self) -> Result<(T, Option<Key>), Problem> {
        let key = self.key()?;
        let value = if self.body.is_empty() { Value::Object(Map::new()) } else { self.json()? };
        let body = input::parse(value)?;
        Ok((body, key))
    }

    fn json(&self) -> Result<Value, Problem> {
        if !media::is_json(&self.headers) {
            return Err(Problem::new(Code::UnsupportedMediaType, "Send the body as application/json."));
        }
        json::parse(&self.body).map_err(|error| Problem::new(Code::Malformed, error.to_string()))
    }

    fn key(&self) -> Result<Option<Key>, Problem> {
        let mut values = self.headers.get_all(KEY).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let is_key = |text: &&str| (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        match (value.to_str().ok().filter(is_key), values.next()) {
            (Some(text), None) => Ok(Some(Key { text: text.to_owned(), hash: self.hash() })),
            _ => Err(Problem::new(
                Code::Malformed,
                "Idempotency-Key must be there once, with 1 to 200 visible ASCII characters.",
            )),
        }
    }

    fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.target.len().to_be_bytes());
        hasher.update(&self.target);
        hasher.update(&self.body);
        hasher.finalize().into()
    }
}

impl<S: Send + Sync> FromRequest<S> for Post {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let target = format!("{} {}", request.method(), request.uri());
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await.map_err(|rejection| Problem::from(rejection.status()))?;
        Ok(Self { target, headers, body })
    }
}

impl From<input::Invalid> for Problem {
    fn from(invalid: input::Invalid) -> Self {
        let violation = |found: input::Violation| Violation::new(found.path, found.rule, found.message);
        Self::invalid(invalid.0.into_iter().map(violation).collect())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn post(target: &str, body: &'static str, keys: &[&'static str]) -> Post {
        let mut headers = HeaderMap::new();
        headers.extend(keys.iter().map(|key| (KEY, HeaderValue::from_static(key))));
        Post { target: target.to_owned(), headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_key_stands_for_method_target_and_body() {
        let hash = |target, body| post(target, body, &["k"]).key().unwrap().unwrap().hash;
        assert_eq!(hash("POST /runs", "{}"), hash("POST /runs", "{}"));
        assert_ne!(hash("POST /runs", "{}"), hash("POST /runs", "{ }"));
        assert_ne!(hash("POST /runs", "{}"), hash("POST /gates", "{}"));
        assert_ne!(hash("POST /a\n", "b"), hash("POST /a", "\nb"), "the parts cannot be shifted into each other");
    }

    #[test]
    fn keys_are_short_visible_and_single() {
        assert_eq!(post("POST /", "", &[]).key().unwrap(), None);
        assert!(post("POST /", "", &["01J~!"]).key().unwrap().is_some());
        for keys in [&["", ""][..], &[""], &["a b"], &["a", "b"], &["a", "a"]] {
            assert_eq!(post("POST /", "", keys).key().unwrap_err().code(), Code::Malformed, "{keys:?}");
        }
        let long: &'static str = "x".repeat(201).leak();
        assert!(post("POST /", "", &[&long[..200]]).key().is_ok());
        assert!(post("POST /", "", &[long]).key().is_err());
    }
}
