//! Access tokens: JWT, HS256, fifteen days (REQUIREMENTS R21, PEERS "JWT").

use chrono::TimeDelta;
use engine::{OrgId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation, errors::ErrorKind};
use platform::access::Roles;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Secret;

/// How long a token lives (REQUIREMENTS R21).
pub const LIFETIME: TimeDelta = TimeDelta::days(15);

/// How far the clocks of issuer and verifier may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// The type that says "access token" (RFC 9068), so that no other signed thing passes for one.
const TOKEN_TYPE: &str = "at+jwt";

/// What a token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For which service.
    pub aud: String,
    /// The user.
    pub sub: String,
    /// The user's organisation.
    pub org: OrgId,
    /// The user's roles.
    pub roles: Roles,
    /// The token's own id: the session.
    pub jti: String,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Not valid before, in seconds since 1970.
    pub nbf: i64,
    /// Not valid from, in seconds since 1970.
    pub exp: i64,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is none.
    #[error("The request carries no bearer token.")]
    Missing,
    /// The header does not have the form `Bearer <token>`, or there are several.
    #[error("The Authorization header must be `Bearer <token>`, once.")]
    NotBearer,
    /// Not a token, or the signature is not ours.
    #[error("The token is not one of this service.")]
    Forged,
    /// Signed by us, for something else: another issuer, audience, type or set of claims.
    #[error("The token was issued for something else.")]
    Misused,
    /// Too late.
    #[error("The token has expired.")]
    Expired,
    /// Too early.
    #[error("The token is not valid yet.")]
    Early,
}

/// The keys of tokens: the first signs, all verify, so that a secret can be replaced without logging everybody out.
#[derive(Clone)]
pub struct Keys {
    issuer: String,
    audience: String,
    signing: EncodingKey,
    verifying: Vec<DecodingKey>,
    validation: Validation,
}

impl Keys {
    /// Keys of one service; `current` signs, `former` still verify.
    #[must_use]
    pub fn new(issuer: &str, audience: &str, current: &Secret, former: &[Secret]) -> Self {
        let secrets = std::iter::once(current).chain(former);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // The library would read the machine's clock; `check_times` takes ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            signing: EncodingKey::from_secret(current.bytes()),
            verifying: secrets.map(|secret| DecodingKey::from_secret(secret.bytes())).collect(),
            validation,
        }
    }

    /// A token for `user`, valid for `lifetime` from `now`; `session` identifies it.
    ///
    /// # Errors
    /// If the claims cannot be signed, which no input of this function causes.
    pub fn mint(
        &self,
        user: &str,
        org: OrgId,
        roles: Roles,
        session: &str,
        now: Timestamp,
        lifetime: TimeDelta,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.to_owned(),
            org,
            roles,
            jti: session.to_owned(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + lifetime).timestamp(),
        };
        let header = Header { typ: Some(TOKEN_TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.signing)
    }

    /// The claims of a token that is ours, meant for this, and valid at `now`.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        let mut refusal = Refusal::Forged;
        for key in &self.verifying {
            match jsonwebtoken::decode::<serde_json::Value>(token, key, &self.validation) {
                Ok(TokenData { header, claims }) => {
                    let typed = header.typ.as_deref() == Some(TOKEN_TYPE) && header.crit.is_none();
                    let claims = serde_json::from_value(claims).ok().filter(|_| typed).ok_or(Refusal::Misused)?;
                    return check_times(claims, now);
                }
                Err(error) => refusal = refusal_of(error.kind(), refusal),
            }
        }
        Err(refusal)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("issuer", &self.issuer).field("audience", &self.audience).finish_non_exhaustive()
    }
}

fn refusal_of(kind: &ErrorKind, otherwise: Refusal) -> Refusal {
    match kind {
        ErrorKind::InvalidIssuer
        | ErrorKind::InvalidAudience
        | ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_) => Refusal::Misused,
        _ => otherwise,
    }
}

fn check_times(claims: Claims, now: Timestamp) -> Result<Claims, Refusal> {
    let (now, leeway) = (now.timestamp(), LEEWAY.num_seconds());
    if claims.exp <= now.saturating_sub(leeway) {
        Err(Refusal::Expired)
    } else if claims.nbf > now.saturating_add(leeway) {
        Err(Refusal::Early)
    } else {
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use chrono::TimeZone;
    use platform::access::Role;
    use serde_json::{Value, json};

    use super::*;

    fn secret(seed: &str) -> Secret {
        Secret::new(&format!("{seed}-0123456789abcdef").repeat(4)).unwrap()
    }

    fn keys() -> Keys {
        Keys::new("https://stationmaster.example", "stationmaster", &secret("one"), &[])
    }

    fn now() -> Timestamp {
        chrono::Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap()
    }

    fn mint(keys: &Keys) -> String {
        keys.mint("ada", OrgId(uuid::Uuid::nil()), Role::Admin.into(), "s1", now(), LIFETIME).unwrap()
    }

    /// Our token with other claims or another header, signed with our secret.
    fn altered(header: &Value, change: impl Fn(&mut Value)) -> String {
        let payload = mint(&keys()).split('.').nth(1).unwrap().to_owned();
        let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        change(&mut claims);
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = EncodingKey::from_secret(secret("one").bytes());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn good_header() -> Value {
        json!({"alg": "HS256", "typ": "at+jwt"})
    }

    #[test]
    fn a_minted_token_is_accepted_until_it_expires() {
        let token = mint(&keys());
        let claims = keys().verify(&token, now()).unwrap();
        assert_eq!((claims.sub.as_str(), claims.exp - claims.iat), ("ada", 1_296_000));
        let end = now() + LIFETIME + LEEWAY;
        assert!(keys().verify(&token, end - TimeDelta::seconds(1)).is_ok());
        assert_eq!(keys().verify(&token, end), Err(Refusal::Expired));
        assert!(keys().verify(&token, now() - LEEWAY).is_ok());
        assert_eq!(keys().verify(&token, now() - LEEWAY - TimeDelta::seconds(1)), Err(Refusal::Early));
    }

    #[test]
    fn the_former_secret_still_verifies_and_no_longer_signs() {
        let token = mint(&keys());
        let rotated = Keys::new("https://stationmaster.example", "stationmaster", &secret("two"), &[secret("one")]);
        assert!(rotated.verify(&token, now()).is_ok());
        assert_eq!(keys().verify(&mint(&rotated), now()), Err(Refusal::Forged));
    }

    #[test]
    fn tokens_for_something_else_are_refused() {
        let refused = |header: Value, change: &dyn Fn(&mut Value)| keys().verify(&altered(&header, change), now());
        assert!(refused(good_header(), &|_| ()).is_ok(), "the unaltered copy is good");
        assert_eq!(refused(good_header(), &|c| c["iss"] = "https://other".into()), Err(Refusal::Misused));
        assert_eq!(refused(good_header(), &|c| c["aud"] = "other".into()), Err(Refusal::Misused));
        assert_eq!(refused(good_header(), &|c| c["roles"] = json!(["root"])), Err(Refusal::Misused));
        assert_eq!(refused(good_header(), &|c| c["roles"] = json!(["admin", "viewer"])), Err(Refusal::Misused));
        for claim in ["iss", "aud", "sub", "exp", "nbf", "org", "roles", "jti"] {
            let without = |c: &mut Value| drop(c.as_object_mut().unwrap().remove(claim));
            assert_eq!(refused(good_header(), &without), Err(Refusal::Misused), "{claim}");
        }
        assert_eq!(refused(json!({"alg": "HS256", "typ": "JWT"}), &|_| ()), Err(Refusal::Misused));
        assert_eq!(refused(json!({"alg": "HS256"}), &|_| ()), Err(Refusal::Misused));
        let critical = json!({"alg": "HS256", "typ": "at+jwt", "crit": ["b64"]});
        assert_eq!(refused(critical, &|_| ()), Err(Refusal::Misused));
    }

    #[test]
    fn other_algorithms_and_forgeries_are_refused() {
        let token = mint(&keys());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let claims = message.split_once('.').unwrap().1;
        for alg in ["none", "None", "HS384", "HS512", "RS256", "ES256"] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "at+jwt"}).to_string());
            for signature in ["", signature] {
                assert_eq!(
                    keys().verify(&format!("{header}.{claims}.{signature}"), now()),
                    Err(Refusal::Forged),
                    "{alg}"
                );
            }
        }
        let other = Keys::new("https://stationmaster.example", "stationmaster", &secret("two"), &[]);
        assert_eq!(keys().verify(&mint(&other), now()), Err(Refusal::Forged));
        for garbage in ["", ".", "..", "a.b.c", &token[..token.len() - 2], &format!("{token}.x")] {
            assert_eq!(keys().verify(garbage, now()), Err(Refusal::Forged), "{garbage}");
        }
    }
}
