//! Proof that we ask: the scheme of Standard Webhooks. What others send us is verified where it comes in, by the API's
//! webhook sources.
//!
//! `webhook-signature: v1,<base64 HMAC-SHA-256 of "<webhook-id>.<webhook-timestamp>.<body>">`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest secret that is accepted, in bytes.
const SHORTEST_SECRET: usize = 24;

/// What we sign with and the other side checks by.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// A secret that is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// It is not base64.
    #[error("a webhook secret is base64, with or without the prefix whsec_")]
    NotBase64,
    /// It could be guessed.
    #[error("a webhook secret has at least {SHORTEST_SECRET} bytes")]
    TooShort,
}

/// The three headers of a signed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `webhook-id`: unique to the message, the same when it is sent again.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970, in decimal.
    pub timestamp: String,
    /// `webhook-signature`: our signature.
    pub signature: String,
}

impl Secret {
    /// Reads a secret in the form in which it is handed out: `whsec_<base64>`, or the base64 alone.
    ///
    /// # Errors
    /// [`BadSecret`].
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = BASE64.decode(encoded).map_err(|_| BadSecret::NotBase64)?;
        if bytes.len() < SHORTEST_SECRET {
            return Err(BadSecret::TooShort);
        }
        Ok(Self(bytes))
    }

    /// Signs a message.
    pub fn sign(&self, id: &str, now: DateTime<Utc>, body: &[u8]) -> Headers {
        let timestamp = now.timestamp().to_string();
        let mac = self.mac(id, &timestamp, body).finalize().into_bytes();
        Headers { id: id.to_owned(), signature: format!("v1,{}", BASE64.encode(mac)), timestamp }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("invariant: HMAC takes a key of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_614_265_330, 0).unwrap()
    }

    fn secret() -> Secret {
        Secret::parse(SECRET).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let headers = secret().sign(ID, now(), BODY);
        assert_eq!(headers.signature, SIGNATURE);
        assert_eq!(headers.timestamp, "1614265330");
    }

    #[test]
    fn weak_secrets_are_refused_and_good_ones_not_printed() {
        assert_eq!(Secret::parse("whsec_!").unwrap_err(), BadSecret::NotBase64);
        assert_eq!(Secret::parse(&BASE64.encode([7; 23])).unwrap_err(), BadSecret::TooShort);
        assert_eq!(format!("{:?}", secret()), "Secret(…)");
    }
}
