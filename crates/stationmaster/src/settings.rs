//! Settings that are more than an argument: references to secrets.

use functions::secrets::Reference;

use crate::output::Failure;

/// The value of a secret that is given by reference (`env:NAME` or `file:/path`).
pub(crate) fn resolve(reference: &str) -> Result<String, Failure> {
    let secret = reference.parse::<Reference>()?.resolve()?;
    Ok(secret.expose().to_owned())
}
