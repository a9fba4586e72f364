//! Agents: asking for one, following its creation and its build, trying again, calling it off (REQUIREMENTS 1.1, 32–34).

use axum::{extract::State, http::HeaderMap, response::Response};
use engine::AgentId;
use platform::{access::Permission, agents::CreationRequest, creations};
use store::Hint;

use super::inputs::{Nothing, Reason};
use crate::{
    Api, RequestId,
    auth::Caller,
    etag,
    id::Id,
    post::Post,
    problem::{Document, Problem},
    unit::{Answer, Handled, Unit},
};

/// Asks for an agent: Genesis, code, build and handoff follow by themselves.
#[utoipa::path(
    post, path = "/pp/v1/agents/create", tag = "agents", security(("bearer" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "A repeated request under the same key gets the first answer")),
    request_body = ref("#/components/schemas/CreationRequest"),
    responses((status = 201, body = ref("#/components/schemas/AgentRequested")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn create(State(api): State<Api>, caller: Caller, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::CreateAgents)?;
    let (request, key) = post.read::<CreationRequest>()?;
    let mut unit = api.begin(&caller, key).await?;
    let (actor, at) = (caller.as_actor(&id), unit.at());
    let requested = creations::request(unit.connection(), &actor, request, api.creations(), at).await?;
    wake(&mut unit);
    let location = format!("/pp/v1/agents/{}/creation-status", requested.agent_id);
    let answer = Answer::created(location, &requested)?;
    unit.finish(&api, answer).await
}

/// Shows how the creation of an agent stands; answers 304 to whoever knows it already.
#[utoipa::path(
    get, path = "/pp/v1/agents/{agent_id}/creation-status", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, body = ref("#/components/schemas/CreationStatus")),
        (status = 304, description = "As in If-None-Match"),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn creation_status(
    State(api): State<Api>,
    caller: Caller,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Permission::ReadCreations)?;
    let mut unit = api.open(&caller).await?;
    etag::tagged(&headers, &creations::status(unit.connection(), caller.org, AgentId(id.0)).await?)
}

/// Shows the five stages of an agent's build; answers 304 to whoever knows it already.
#[utoipa::path(
    get, path = "/pp/v1/agents/{agent_id}/cicd-pipeline", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, body = ref("#/components/schemas/PipelineStatus")),
        (status = 304, description = "As in If-None-Match"),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn pipeline(
    State(api): State<Api>,
    caller: Caller,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Permission::ReadCi)?;
    let mut unit = api.open(&caller).await?;
    etag::tagged(&headers, &creations::pipeline(unit.connection(), caller.org, AgentId(id.0)).await?)
}

/// Builds again what failed to build, or generates again what failed to generate.
#[utoipa::path(
    post, path = "/pp/v1/agents/{agent_id}/cicd/retry", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = uuid::Uuid, Path, description = "The agent")),
    responses((status = 202, body = ref("#/components/schemas/CreationStatus")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn retry_build(
    State(api): State<Api>,
    caller: Caller,
    agent: Id,
    id: RequestId,
    post: Post,
) -> Handled {
    caller.require(Permission::RetryCi)?;
    let (Nothing {}, key) = post.read()?;
    let mut unit = api.begin(&caller, key).await?;
    let (actor, agent, at) = (caller.as_actor(&id), AgentId(agent.0), unit.at());
    creations::retry_ci(unit.connection(), &actor, agent, at).await?;
    acknowledge(&api, unit, agent).await
}

/// Asks Genesis again after it did not answer in time.
#[utoipa::path(
    post, path = "/pp/v1/agents/{agent_id}/genesis/retry", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = uuid::Uuid, Path, description = "The agent")),
    responses((status = 202, body = ref("#/components/schemas/CreationStatus")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn retry_genesis(
    State(api): State<Api>,
    caller: Caller,
    agent: Id,
    id: RequestId,
    post: Post,
) -> Handled {
    caller.require(Permission::CreateAgents)?;
    let (Nothing {}, key) = post.read()?;
    let mut unit = api.begin(&caller, key).await?;
    let (actor, agent, at) = (caller.as_actor(&id), AgentId(agent.0), unit.at());
    creations::retry_genesis(unit.connection(), &actor, agent, at).await?;
    acknowledge(&api, unit, agent).await
}

/// Calls the creation of an agent off, wherever it stands before it is complete.
#[utoipa::path(
    post, path = "/pp/v1/agents/{agent_id}/cancel", tag = "agents", security(("bearer" = [])),
    params(("agent_id" = uuid::Uuid, Path, description = "The agent")),
    request_body = ref("#/components/schemas/Reason"),
    responses((status = 202, body = ref("#/components/schemas/CreationStatus")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn cancel(State(api): State<Api>, caller: Caller, agent: Id, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::CreateAgents)?;
    let (Reason { reason }, key) = post.read()?;
    let mut unit = api.begin(&caller, key).await?;
    let (actor, agent, at) = (caller.as_actor(&id), AgentId(agent.0), unit.at());
    creations::cancel(unit.connection(), &actor, agent, &reason, at).await?;
    acknowledge(&api, unit, agent).await
}

/// Answers with how the creation stands now; its run goes on from there.
async fn acknowledge(api: &Api, mut unit: Unit, agent: AgentId) -> Handled {
    let org = unit.org();
    let now = creations::status(unit.connection(), org, agent).await?;
    wake(&mut unit);
    let answer = Answer::accepted(&now)?;
    unit.finish(api, answer).await
}

/// What every change of a creation may give others to do.
pub(super) fn wake(unit: &mut Unit) {
    unit.hint(Hint::Queue("default".into()));
    unit.hint(Hint::Event);
    unit.hint(Hint::Audit);
}
