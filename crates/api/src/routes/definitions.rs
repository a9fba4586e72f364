//! Definitions: what can be run here.

use axum::extract::State;
use platform::access::Permission;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    problem::{Document, Problem},
};

/// A registered definition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Definition {
    /// Its namespace.
    #[schema(example = "stationmaster")]
    namespace: String,
    /// Its name.
    #[schema(example = "agent-creation")]
    name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    version: String,
    /// The hash of its content, which runs pin.
    hash: String,
}

/// Every registered definition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Definitions {
    /// By name and version.
    definitions: Vec<Definition>,
}

/// Lists the registered definitions.
#[utoipa::path(
    get, path = "/definitions", tag = "definitions", security(("bearer" = [])),
    responses((status = 200, body = Definitions), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<axum::Json<Definitions>, Problem> {
    caller.require(Permission::ReadRuns)?;
    let mut unit = api.open(&caller).await?;
    let found = store::definitions::list(unit.connection(), caller.org).await?;
    let definitions = found.into_iter().map(|(id, hash)| {
        let [namespace, name, version] = [id.namespace, id.name, id.version].map(|text| text.to_string());
        Definition { namespace, name, version, hash: hash.to_string() }
    });
    Ok(axum::Json(Definitions { definitions: definitions.collect() }))
}
