//! Signatures of webhooks over the raw bytes, compared in constant time.

use axum::http::{HeaderMap, HeaderName};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use engine::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use thiserror::Error;

use super::source::header_name;

/// How a source signs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Scheme {
    /// HMAC-SHA-256 over the body, in one header.
    HmacSha256 {
        /// The header.
        #[serde(deserialize_with = "header_name")]
        header: HeaderName,
        /// What stands before the signature.
        #[serde(default)]
        prefix: String,
        /// How the signature is written.
        encoding: Encoding,
        /// References to the secrets, any of which may have signed.
        secrets: Vec<String>,
    },
    /// [Standard Webhooks](https://www.standardwebhooks.com): HMAC-SHA-256 over `id.timestamp.body`.
    StandardWebhooks {
        /// How old or how far in the future a delivery may be.
        tolerance_seconds: u32,
        /// References to the secrets (`whsec_` and Base64), any of which may have signed.
        secrets: Vec<String>,
    },
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    #[error("The delivery is not signed: a signature header is missing or not well-formed.")]
    Unsigned,
    #[error("The signature does not match the body.")]
    Mismatch,
    #[error("The delivery's timestamp is too far from the present.")]
    Stale,
}

/// A key made of a secret; its text form says nothing.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        let usable = secret.len() >= 16;
        if usable { Hmac::new_from_slice(secret).ok().map(Self) } else { None }
    }

    fn signed(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.verify_slice(signature).is_ok()
    }
}

impl Scheme {
    /// References to the secrets.
    pub(super) fn secrets(&self) -> &[String] {
        match self {
            Self::HmacSha256 { secrets, .. } | Self::StandardWebhooks { secrets, .. } => secrets,
        }
    }

    /// The key of a secret's text.
    pub(super) fn key(&self, secret: &str) -> Option<Key> {
        match self {
            Self::HmacSha256 { .. } => Key::new(secret.as_bytes()),
            Self::StandardWebhooks { .. } => {
                let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
                STANDARD.decode(encoded).ok().and_then(|bytes| Key::new(&bytes))
            }
        }
    }

    /// Whether one of the keys signed exactly this.
    pub(super) fn verify(&self, keys: &[Key], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refusal> {
        match self {
            Self::HmacSha256 { header, prefix, encoding, .. } => {
                let signature =
                    encoding.decode(one(headers, header)?.strip_prefix(prefix).ok_or(Refusal::Unsigned)?)?;
                any(keys, |key| key.signed(&[body], &signature))
            }
            Self::StandardWebhooks { tolerance_seconds, .. } => {
                verify_standard(keys, headers, body, now, *tolerance_seconds)
            }
        }
    }
}

fn verify_standard(
    keys: &[Key],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    tolerance: u32,
) -> Result<(), Refusal> {
    let header = |name| one(headers, &HeaderName::from_static(name));
    let (id, stamp, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    // With a dot in it, the end of the id could be moved into the timestamp without changing what was signed.
    if id.contains('.') {
        return Err(Refusal::Unsigned);
    }
    let seconds: i64 = stamp.parse().map_err(|_| Refusal::Unsigned)?;
    let signed: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|signature| STANDARD.decode(signature).ok())
        .collect();
    let content: [&[u8]; 5] = [id.as_bytes(), b".", stamp.as_bytes(), b".", body];
    any(keys, |key| signed.iter().any(|signature| key.signed(&content, signature)))?;
    let apart = now.timestamp().abs_diff(seconds);
    if apart > u64::from(tolerance) { Err(Refusal::Stale) } else { Ok(()) }
}

impl Encoding {
    fn decode(self, text: &str) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Hex => hex::decode(text).map_err(|_| Refusal::Unsigned),
            Self::Base64 => STANDARD.decode(text).map_err(|_| Refusal::Unsigned),
        }
    }
}

fn any(keys: &[Key], signed: impl Fn(&Key) -> bool) -> Result<(), Refusal> {
    if keys.iter().any(signed) { Ok(()) } else { Err(Refusal::Mismatch) }
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refusal::Unsigned),
        _ => Err(Refusal::Unsigned),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use chrono::DateTime;

    use super::*;

    fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
        entries
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn github() -> Scheme {
        let header = HeaderName::from_static("x-hub-signature-256");
        Scheme::HmacSha256 { header, prefix: "sha256=".to_owned(), encoding: Encoding::Hex, secrets: Vec::new() }
    }

    const NOW: Timestamp = DateTime::from_timestamp(1_614_265_330, 0).expect("a valid constant");
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_documented_vector_holds() {
        let keys = [github().key("It's a Secret to Everybody").unwrap()];
        let verify = |signature: &str, body: &[u8]| {
            github().verify(&keys, &headers(&[("x-hub-signature-256", signature)]), body, NOW)
        };
        assert_eq!(verify(SIGNED, b"Hello, World!"), Ok(()));
        assert_eq!(verify(SIGNED, b"Hello, World"), Err(Refusal::Mismatch));
        assert_eq!(verify(&SIGNED.replace("757", "756"), b"Hello, World!"), Err(Refusal::Mismatch));
        assert_eq!(verify("sha256=", b"Hello, World!"), Err(Refusal::Mismatch));
        assert_eq!(
            verify(&SIGNED[..SIGNED.len() - 2], b"Hello, World!"),
            Err(Refusal::Mismatch),
            "a shortened signature"
        );
        assert_eq!(verify(&SIGNED.replace("sha256", "sha1"), b"Hello, World!"), Err(Refusal::Unsigned));
        assert_eq!(verify("sha256=zz", b"Hello, World!"), Err(Refusal::Unsigned));
    }

    #[test]
    fn a_missing_or_doubled_signature_is_refused() {
        let keys = [github().key("It's a Secret to Everybody").unwrap()];
        assert_eq!(github().verify(&keys, &HeaderMap::new(), b"Hello, World!", NOW), Err(Refusal::Unsigned));
        let doubled = headers(&[("x-hub-signature-256", SIGNED), ("x-hub-signature-256", SIGNED)]);
        assert_eq!(github().verify(&keys, &doubled, b"Hello, World!", NOW), Err(Refusal::Unsigned));
        let single = headers(&[("x-hub-signature-256", SIGNED)]);
        assert_eq!(github().verify(&[], &single, b"Hello, World!", NOW), Err(Refusal::Mismatch), "no key, no entry");
    }

    #[test]
    fn any_of_the_secrets_may_sign() {
        let keys = [
            github().key("the new secret, not yet used").unwrap(),
            github().key("It's a Secret to Everybody").unwrap(),
        ];
        let single = headers(&[("x-hub-signature-256", SIGNED)]);
        assert_eq!(github().verify(&keys, &single, b"Hello, World!", NOW), Ok(()));
    }

    /// The worked example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn the_standard_webhooks_vector_holds_within_its_tolerance() {
        let scheme = Scheme::StandardWebhooks { tolerance_seconds: 300, secrets: Vec::new() };
        let keys = [scheme.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()];
        let given = |stamp: &str, signature: &str| {
            headers(&[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", stamp),
                ("webhook-signature", signature),
            ])
        };
        let body = br#"{"test": 2432232314}"#;
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let at = |seconds: i64| DateTime::from_timestamp(1_614_265_330 + seconds, 0).unwrap();
        let verify = |stamp: &str, signature: &str, now| scheme.verify(&keys, &given(stamp, signature), body, now);
        assert_eq!(verify("1614265330", good, NOW), Ok(()));
        assert_eq!(verify("1614265330", &format!("v1a,zzz v1,AAAA {good}"), NOW), Ok(()), "several signatures");
        assert_eq!(verify("1614265330", good, at(300)), Ok(()));
        assert_eq!(verify("1614265330", good, at(301)), Err(Refusal::Stale));
        assert_eq!(verify("1614265330", good, at(-301)), Err(Refusal::Stale));
        assert_eq!(verify("1614265331", good, NOW), Err(Refusal::Mismatch), "the timestamp is signed");
        let moved =
            headers(&[("webhook-id", "msg.1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", good)]);
        assert_eq!(scheme.verify(&keys, &moved, body, NOW), Err(Refusal::Unsigned));
        assert_eq!(verify("soon", good, NOW), Err(Refusal::Unsigned));
        assert_eq!(verify("1614265330", "", NOW), Err(Refusal::Mismatch));
    }

    #[test]
    fn short_secrets_are_no_keys() {
        assert!(github().key("fifteen bytes!!").is_none());
    }
}
