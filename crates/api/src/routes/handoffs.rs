//! Handoffs: submitted by the creation team, accepted or sent back by the service team (REQUIREMENTS 1.1, 35–36, A8).

use axum::{extract::State, http::HeaderMap, response::Response};
use platform::{
    HandoffId,
    access::Permission,
    handoffs::{self, Acceptance, Decision, Rejection, Review, Submission},
};

use super::agents::wake;
use crate::{
    Api, RequestId,
    auth::Caller,
    etag,
    id::Id,
    post::{Key, Post},
    problem::{Document, Problem},
    unit::{Answer, Handled},
};

/// Hands an agent over to the service team, with all eight items of the checklist and their evidence.
///
/// The evidence is looked at before anything is written: the image in its registry, the health endpoint, the pages.
#[utoipa::path(
    post, path = "/pp/v1/agent-handoff", tag = "handoffs", security(("bearer" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "A repeated request under the same key gets the first answer")),
    request_body = ref("#/components/schemas/HandoffSubmission"),
    responses((status = 201, body = ref("#/components/schemas/Handoff")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn submit(State(api): State<Api>, caller: Caller, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::SubmitHandoffs)?;
    let (submission, key) = post.read::<Submission>()?;
    // A repetition is answered without another look at the evidence; and no transaction waits for that look.
    drop(api.begin(&caller, key.clone()).await?);
    let verified = handoffs::verify(submission, api.evidence()).await?;
    let mut unit = api.begin(&caller, key).await?;
    let (actor, at) = (caller.as_actor(&id), unit.at());
    let handoff = handoffs::submit(unit.connection(), &actor, &verified, at).await?;
    wake(&mut unit);
    let answer = Answer::created(format!("/pp/v1/agent-handoff/{}", handoff.handoff_id), &handoff)?;
    unit.finish(&api, answer).await
}

/// Shows a handoff; answers 304 to whoever knows it already.
#[utoipa::path(
    get, path = "/pp/v1/agent-handoff/{handoff_id}", tag = "handoffs", security(("bearer" = [])),
    params(("handoff_id" = uuid::Uuid, Path, description = "The handoff")),
    responses(
        (status = 200, body = ref("#/components/schemas/Handoff")),
        (status = 304, description = "As in If-None-Match"),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Permission::ReadCreations).or_else(|_| caller.require(Permission::DecideHandoffs))?;
    let mut unit = api.open(&caller).await?;
    etag::tagged(&headers, &handoffs::show(unit.connection(), caller.org, HandoffId(id.0)).await?)
}

/// Accepts a handoff: the agent is `production_ready`.
#[utoipa::path(
    post, path = "/pp/v1/agent-handoff/{handoff_id}/accept", tag = "handoffs", security(("bearer" = [])),
    params(("handoff_id" = uuid::Uuid, Path, description = "The handoff")),
    request_body = ref("#/components/schemas/HandoffAcceptance"),
    responses((status = 200, body = ref("#/components/schemas/Handoff")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn accept(State(api): State<Api>, caller: Caller, handoff: Id, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::DecideHandoffs)?;
    let (acceptance, key) = post.read::<Acceptance>()?;
    let review = Review { decision: Decision::from(&acceptance), notes: acceptance.acceptance_notes };
    decide(&api, &caller, &id, handoff, review, key).await
}

/// Sends a handoff back, with what is to be fixed.
#[utoipa::path(
    post, path = "/pp/v1/agent-handoff/{handoff_id}/reject", tag = "handoffs", security(("bearer" = [])),
    params(("handoff_id" = uuid::Uuid, Path, description = "The handoff")),
    request_body = ref("#/components/schemas/HandoffRejection"),
    responses((status = 200, body = ref("#/components/schemas/Handoff")), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn reject(State(api): State<Api>, caller: Caller, handoff: Id, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::DecideHandoffs)?;
    let (rejection, key) = post.read::<Rejection>()?;
    let review = Review { decision: Decision::from(rejection), notes: None };
    decide(&api, &caller, &id, handoff, review, key).await
}

async fn decide(api: &Api, caller: &Caller, id: &RequestId, handoff: Id, review: Review, key: Option<Key>) -> Handled {
    let mut unit = api.begin(caller, key).await?;
    let (actor, at) = (caller.as_actor(id), unit.at());
    let handoff = HandoffId(handoff.0);
    let decided = handoffs::decide(unit.connection(), &actor, handoff, &review, api.reviews(), at).await?;
    wake(&mut unit);
    let answer = Answer::ok(&decided)?;
    unit.finish(api, answer).await
}
