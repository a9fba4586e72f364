//! Service levels (REQUIREMENTS 1.1, 37).

use axum::extract::State;
use engine::AgentId;
use platform::{access::Permission, sla};

use crate::{
    Api, RequestId,
    auth::Caller,
    id::Id,
    post::Post,
    problem::{Document, Problem},
    unit::{Answer, Handled},
};

/// Agrees on an agent's service levels; what is left out is the standard agreement.
#[utoipa::path(
    post, path = "/pp/v1/sla-definitions", tag = "service levels", security(("bearer" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "A repeated request under the same key gets the first answer")),
    request_body = ref("#/components/schemas/SlaDefinitionRequest"),
    responses((status = 201, body = ref("#/components/schemas/SlaDefinition")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn define(State(api): State<Api>, caller: Caller, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::DefineSlas)?;
    let (definition, key) = post.read::<sla::Definition>()?;
    let mut unit = api.begin(&caller, key).await?;
    let (actor, at) = (caller.as_actor(&id), unit.at());
    let defined = sla::define(unit.connection(), &actor, &definition, at).await?;
    unit.hint(store::Hint::Audit);
    let answer = Answer::created(format!("/pp/v1/agents/{}/sla-definitions", defined.agent_id), &defined)?;
    unit.finish(&api, answer).await
}

/// Lists the agreements about an agent, the one that holds last first.
#[utoipa::path(
    get, path = "/pp/v1/agents/{agent_id}/sla-definitions", tag = "service levels", security(("bearer" = [])),
    params(("agent_id" = uuid::Uuid, Path, description = "The agent")),
    responses((status = 200, body = ref("#/components/schemas/SlaDefinitions")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    id: Id,
) -> Result<axum::Json<serde_json::Value>, Problem> {
    caller.require(Permission::ReadSlas)?;
    let mut unit = api.open(&caller).await?;
    let found = sla::list(unit.connection(), caller.org, AgentId(id.0)).await?;
    Ok(axum::Json(serde_json::json!({"sla_definitions": found})))
}
