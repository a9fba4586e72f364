//! Identifiers in paths. What is not an identifier at all names nothing, so it is answered with 404 like every other name of
//! nothing.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// The one identifier in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Code::Malformed, "The path is not well-formed UTF-8."))?;
        text.parse()
            .map(Self)
            .map_err(|_| Problem::new(Code::NotFound, "Identifiers are UUIDs; the one in the path is not."))
    }
}
