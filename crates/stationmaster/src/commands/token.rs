//! `token`: bearer tokens for development. People get theirs by logging in.

use std::{collections::BTreeSet, path::Path};

use api::auth::{Keys, Secret};
use chrono::TimeDelta;
use engine::{OrgId, Timestamp};
use platform::access::{Role, Roles};
use serde_json::json;

use crate::{
    cli, clock, database, keys,
    output::{Failure, Output},
};

/// Who issues tokens, and for whom they are meant (REQUIREMENTS R21).
const ISSUER: &str = "stationmaster";

/// The organisation of a service that has only one.
pub(crate) const DEFAULT_ORG: OrgId = OrgId(uuid::Uuid::from_u128(1));

/// The keys of a service: those of the given reference, or generated ones of the data directory.
pub(crate) fn signing_keys(reference: Option<&str>, data: &Path) -> Result<Keys, Failure> {
    let secret = match reference {
        Some(reference) => crate::settings::resolve(reference)?,
        None => keys::ensure(data, "jwt")
            .map_err(|error| Failure::new(format!("the signing secret in {}: {error}", data.display())))?,
    };
    let secret = Secret::new(secret.trim()).map_err(|error| Failure::new(format!("the signing secret: {error}")))?;
    Ok(Keys::new(ISSUER, ISSUER, &secret, &[]))
}

/// Prints a token.
pub(crate) fn token(output: Output, arguments: &cli::Token) -> Result<(), Failure> {
    let data = database::data_directory(arguments.data.as_deref())?;
    let keys = signing_keys(arguments.jwt_secret.as_deref(), &data)?;
    let roles = arguments.roles.iter().map(|role| role.parse::<Role>()).collect::<Result<BTreeSet<_>, _>>()?;
    let roles = Roles::try_from(roles)?;
    let lifetime = TimeDelta::hours(i64::from(arguments.hours));
    let token = mint(&keys, &arguments.user, OrgId(arguments.org), roles, clock::now(), lifetime)?;
    output.line(|| token.clone());
    output.document(|| json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime.num_seconds() }));
    Ok(())
}

/// An administrator's token for the service of this machine's data directory.
pub(crate) fn local(data: Option<&Path>) -> Result<String, Failure> {
    let data = database::data_directory(data)?;
    let keys = signing_keys(None, &data)?;
    let roles = Roles::from(Role::Admin);
    mint(&keys, "operator@localhost", DEFAULT_ORG, roles, clock::now(), TimeDelta::hours(1))
}

/// A token of these keys.
pub(crate) fn mint(
    keys: &Keys,
    user: &str,
    org: OrgId,
    roles: Roles,
    now: Timestamp,
    lifetime: TimeDelta,
) -> Result<String, Failure> {
    let session = uuid::Uuid::now_v7().to_string();
    Ok(keys.mint(user, org, roles, &session, now, lifetime)?)
}
