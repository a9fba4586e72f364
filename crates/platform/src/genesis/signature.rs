//! Proof of who sent a message: the scheme of Standard Webhooks, in both directions.
//!
//! `webhook-signature: v1,<base64 HMAC-SHA-256 of "<webhook-id>.<webhook-timestamp>.<body>">`. The
//! header may hold several signatures, so that a secret can be changed without a gap. A message
//! more than five minutes old, or from the future, is refused; within that window the receiver
//! refuses an id that it has seen.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far a message's time may lie from ours.
pub const TOLERANCE: Duration = Duration::minutes(5);

/// The shortest secret that is accepted, in bytes.
const SHORTEST_SECRET: usize = 24;

/// What one side signs with and the other checks by.
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
    /// `webhook-signature`: one or more signatures, separated by spaces.
    pub signature: String,
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The id cannot have been signed without ambiguity.
    #[error("webhook-id must not be empty or hold a dot")]
    BadId,
    /// The time is not a number.
    #[error("webhook-timestamp must be seconds since 1970")]
    BadTimestamp,
    /// The message is too old, or too new.
    #[error("webhook-timestamp is more than five minutes away from now")]
    OutsideTolerance,
    /// No signature fits.
    #[error("no signature in webhook-signature fits")]
    WrongSignature,
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

    /// Checks that a message was signed with this secret, about now.
    ///
    /// # Errors
    /// [`Refused`]; compared in constant time.
    pub fn verify(&self, headers: &Headers, body: &[u8], now: DateTime<Utc>) -> Result<(), Refused> {
        if headers.id.is_empty() || headers.id.contains('.') {
            return Err(Refused::BadId);
        }
        let sent = headers.timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let sent = sent.ok_or(Refused::BadTimestamp)?;
        if (now - sent).abs() > TOLERANCE {
            return Err(Refused::OutsideTolerance);
        }
        let fits = |signature: &str| {
            signature.strip_prefix("v1,").and_then(|encoded| BASE64.decode(encoded).ok()).is_some_and(|mac| {
                let expected = self.mac(&headers.id, &headers.timestamp, body);
                expected.verify_slice(&mac).is_ok()
            })
        };
        // A sender has one signature for each of its secrets: more than a few is an attempt.
        if headers.signature.split(' ').take(8).any(fits) { Ok(()) } else { Err(Refused::WrongSignature) }
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
    fn the_example_of_the_specification_is_signed_and_verified() {
        let headers = secret().sign(ID, now(), BODY);
        assert_eq!(headers.signature, SIGNATURE);
        assert_eq!(headers.timestamp, "1614265330");
        assert_eq!(secret().verify(&headers, BODY, now()), Ok(()));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let good = secret().sign(ID, now(), BODY);
        let verify = |headers: &Headers, body: &[u8]| secret().verify(headers, body, now());
        assert_eq!(verify(&good, b"{}"), Err(Refused::WrongSignature));
        let other_id = Headers { id: "msg_2".into(), ..good.clone() };
        assert_eq!(verify(&other_id, BODY), Err(Refused::WrongSignature));
        let other_time = Headers { timestamp: "1614265331".into(), ..good.clone() };
        assert_eq!(verify(&other_time, BODY), Err(Refused::WrongSignature));
        for signature in ["", "v1,", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,g0hM"] {
            let forged = Headers { signature: signature.into(), ..good.clone() };
            assert_eq!(verify(&forged, BODY), Err(Refused::WrongSignature), "{signature}");
        }
        let other = Secret::parse(&BASE64.encode([7; 32])).unwrap();
        assert_eq!(other.verify(&good, BODY, now()), Err(Refused::WrongSignature));
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let old = Secret::parse(&BASE64.encode([7; 32])).unwrap().sign(ID, now(), BODY);
        let mut headers = secret().sign(ID, now(), BODY);
        headers.signature = format!("{} {}", old.signature, headers.signature);
        assert_eq!(secret().verify(&headers, BODY, now()), Ok(()));
    }

    #[test]
    fn a_message_is_believed_for_five_minutes() {
        let headers = secret().sign(ID, now(), BODY);
        let second = Duration::seconds(1);
        for (at, expected) in [
            (now() + TOLERANCE, Ok(())),
            (now() - TOLERANCE, Ok(())),
            (now() + TOLERANCE + second, Err(Refused::OutsideTolerance)),
            (now() - TOLERANCE - second, Err(Refused::OutsideTolerance)),
        ] {
            assert_eq!(secret().verify(&headers, BODY, at), expected, "{at}");
        }
        for timestamp in ["", "soon", "9223372036854775807"] {
            let odd = Headers { timestamp: timestamp.into(), ..headers.clone() };
            assert_eq!(secret().verify(&odd, BODY, now()), Err(Refused::BadTimestamp), "{timestamp}");
        }
    }

    #[test]
    fn ids_that_could_shift_the_dots_are_refused() {
        for id in ["", "a.1"] {
            let headers = secret().sign(id, now(), BODY);
            assert_eq!(secret().verify(&headers, BODY, now()), Err(Refused::BadId));
        }
    }

    #[test]
    fn weak_secrets_are_refused_and_good_ones_not_printed() {
        assert_eq!(Secret::parse("whsec_!").unwrap_err(), BadSecret::NotBase64);
        assert_eq!(Secret::parse(&BASE64.encode([7; 23])).unwrap_err(), BadSecret::TooShort);
        assert_eq!(format!("{:?}", secret()), "Secret(…)");
    }
}
