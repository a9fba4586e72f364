//! Who calls, and what they may do.

use std::fmt;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use engine::OrgId;
use platform::{
    Actor,
    access::{self, Permission, Role, Roles},
};
use serde_json::json;

use super::{Keys, token::Refusal};
use crate::{
    Clock, RequestId,
    problem::{Code, Problem},
};

/// Verifies credentials.
#[derive(Clone)]
pub struct Authenticator {
    keys: Keys,
    clock: Clock,
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user, as the token's `sub` says.
    pub user: String,
    /// The organisation: everything the caller sees and changes belongs to it.
    pub org: OrgId,
    /// The roles.
    pub roles: Roles,
    /// The session that the token belongs to.
    pub session: String,
}

impl Authenticator {
    /// An authenticator with these keys.
    pub fn new(keys: Keys, clock: Clock) -> Self {
        Self { keys, clock }
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let claims = self.keys.verify(bearer(headers)?, (self.clock)())?;
        Ok(Caller { user: claims.sub, org: claims.org, roles: claims.roles, session: claims.jti })
    }
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::NotBearer)?;
    let alone = values.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
    if alone { Ok(token.trim()) } else { Err(Refusal::NotBearer) }
}

impl Caller {
    /// The caller as audit rows, runs and gates name them: `user:<id>`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("user:{}", self.user)
    }

    /// The caller as services know them, in the request `id`.
    #[must_use]
    pub fn as_actor(&self, id: &RequestId) -> Actor {
        Actor {
            org: self.org,
            user: self.user.clone(),
            email: self.user.contains('@').then(|| self.user.clone()),
            roles: self.roles.clone(),
            correlation: id.as_str().to_owned(),
        }
    }

    /// Goes on only if the caller has the permission.
    ///
    /// # Errors
    /// A 403 that names the permission and the caller's roles (REQUIREMENTS 1.1).
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        let decision = access::check(&self.roles, permission);
        if decision.allowed {
            return Ok(());
        }
        tracing::warn!(user = self.user, %permission, "a permission was refused");
        let holders: Vec<_> = access::holders(permission).map(Role::as_str).collect();
        Err(Problem::new(Code::Forbidden, decision.reason.unwrap_or_default())
            .with("required_permission", permission.as_str())
            .with("user_roles", json!(self.roles))
            .with("suggestion", format!("Ask an administrator for one of these roles: {}.", holders.join(", "))))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Authenticator::from_ref(state).authenticate(&parts.headers)?;
        tracing::Span::current().record("user", &caller.user);
        Ok(caller)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let challenge = match refusal {
            Refusal::Missing => "Bearer",
            Refusal::NotBearer => "Bearer error=\"invalid_request\"",
            Refusal::Forged | Refusal::Misused | Refusal::Expired | Refusal::Early => "Bearer error=\"invalid_token\"",
        };
        Self::new(Code::Unauthenticated, refusal.to_string())
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("keys", &self.keys).finish_non_exhaustive()
    }
}
