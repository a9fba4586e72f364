//! Who calls, and what they may do.

use std::{fmt, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use engine::OrgId;
use serde_json::json;

use super::{Keys, token::Refusal};
use crate::{
    Clock,
    problem::{Code, Problem},
};

/// The table of roles and permissions.
pub trait Permissions: Send + Sync {
    /// Whether one of `roles` grants `permission`.
    ///
    /// # Errors
    /// Why not, for the caller to read.
    fn check(&self, roles: &[String], permission: &str) -> Result<(), Refused>;
}

/// A permission that is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What to do about it.
    pub suggestion: String,
}

/// Verifies credentials.
#[derive(Clone)]
pub struct Authenticator {
    keys: Keys,
    permissions: Arc<dyn Permissions>,
    clock: Clock,
}

/// An authenticated caller.
#[derive(Clone)]
pub struct Caller {
    /// The user, as the token's `sub` says.
    pub user: String,
    /// The organisation: everything the caller sees and changes belongs to it.
    pub org: OrgId,
    /// The roles.
    pub roles: Vec<String>,
    /// The session that the token belongs to.
    pub session: String,
    permissions: Arc<dyn Permissions>,
}

impl Authenticator {
    /// An authenticator with these keys and this table.
    pub fn new(keys: Keys, permissions: Arc<dyn Permissions>, clock: Clock) -> Self {
        Self { keys, permissions, clock }
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let claims = self.keys.verify(bearer(headers)?, (self.clock)())?;
        Ok(Caller {
            user: claims.sub,
            org: claims.org,
            roles: claims.roles.into_iter().collect(),
            session: claims.jti,
            permissions: Arc::clone(&self.permissions),
        })
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
    /// Goes on only if the caller has the permission.
    ///
    /// # Errors
    /// A 403 that names the permission and the caller's roles (REQUIREMENTS 1.1).
    pub fn require(&self, permission: &str) -> Result<(), Problem> {
        self.permissions.check(&self.roles, permission).map_err(|refused| {
            tracing::warn!(user = self.user, permission, "a permission was refused");
            Problem::new(
                Code::Forbidden,
                format!("This needs the permission {permission}, which your roles do not carry."),
            )
            .with("required_permission", permission)
            .with("user_roles", json!(self.roles))
            .with("suggestion", refused.suggestion)
        })
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

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, org, roles, session, .. } = self;
        f.debug_struct("Caller")
            .field("user", user)
            .field("org", org)
            .field("roles", roles)
            .field("session", session)
            .finish_non_exhaustive()
    }
}
