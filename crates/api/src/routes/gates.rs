//! Gates: what waits for a decision, and deciding.
//!
//! Who may decide is the gate's own policy: the caller decides in one of their roles that the gate asks for. Everything that
//! makes a decision count or not is checked under the gate's lock, below this crate (DESIGN 5, 6).

use axum::{extract::State, http::HeaderMap, response::Response};
use platform::{
    access::Permission,
    gates::{self, Vote},
};
use serde::Deserialize;
use serde_json::json;
use store::gates::GateState;
use utoipa::{IntoParams, ToSchema};

use super::{
    agents::wake,
    inputs::{Decision, Verdict},
};
use crate::{
    Api, RequestId,
    auth::Caller,
    etag,
    id::Id,
    page::{self, Params},
    post::Post,
    problem::{Document, Problem},
    unit::{Answer, Handled},
};

/// Which gates to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Where they stand.
    status: Option<Standing>,
    /// Items of the page, 1 to 200; 50 unless said otherwise.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Where a gate stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It waits for decisions.
    Pending,
    /// Enough have approved.
    Approved,
    /// Somebody has rejected.
    Rejected,
    /// Its time has passed.
    Expired,
    /// Its run no longer asks.
    Withdrawn,
}

impl From<Standing> for GateState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Pending => Self::Pending,
            Standing::Approved => Self::Approved,
            Standing::Rejected => Self::Rejected,
            Standing::Expired => Self::Expired,
            Standing::Withdrawn => Self::Withdrawn,
        }
    }
}

/// Lists gates, the oldest first.
#[utoipa::path(
    get, path = "/gates", tag = "gates", security(("bearer" = [])), params(Wanted),
    responses(
        (status = 200, body = ref("#/components/schemas/GatePage")),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(wanted): Params<Wanted>,
) -> Result<axum::Json<serde_json::Value>, Problem> {
    caller.require(Permission::ReadGates)?;
    let limit = page::limit(wanted.limit)?;
    let after = wanted.cursor.as_deref().map(page::read_cursor).transpose()?;
    let mut unit = api.open(&caller).await?;
    let status = wanted.status.map(GateState::from);
    let mut found = gates::list(unit.connection(), caller.org, status, after, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|gate| page::cursor(gate.created_at, gate.gate_id));
    Ok(axum::Json(json!({"gates": found, "next": next})))
}

/// Shows a gate, what it asks for in full, and its decisions; answers 304 to whoever knows it already.
#[utoipa::path(
    get, path = "/gates/{id}", tag = "gates", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The gate")),
    responses(
        (status = 200, body = ref("#/components/schemas/Gate")),
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
    caller.require(Permission::ReadGates)?;
    let mut unit = api.open(&caller).await?;
    etag::tagged(&headers, &gates::show(unit.connection(), caller.org, id.0).await?)
}

/// Decides on a gate.
///
/// A decision counts once; repeating it changes nothing. Naming `digest` makes sure that what is decided on is what was looked
/// at.
#[utoipa::path(
    post, path = "/gates/{id}/decisions", tag = "gates", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The gate")),
    request_body = ref("#/components/schemas/Decision"),
    responses(
        (status = 200, body = ref("#/components/schemas/Gate")),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn decide(State(api): State<Api>, caller: Caller, gate: Id, id: RequestId, post: Post) -> Handled {
    let (decision, key) = post.read::<Decision>()?;
    let vote = Vote {
        verdict: match decision.verdict {
            Verdict::Approve => store::gates::Verdict::Approve,
            Verdict::Reject => store::gates::Verdict::Reject,
        },
        reason: decision.reason,
        digest: decision.digest.as_deref().map(digest).transpose()?,
    };
    let mut unit = api.begin(&caller, key).await?;
    let (actor, at) = (caller.as_actor(&id), unit.at());
    let decided = gates::decide(unit.connection(), &actor, gate.0, &vote, at).await?;
    wake(&mut unit);
    let answer = Answer::ok(&decided)?;
    unit.finish(&api, answer).await
}

/// A digest from the 64 hexadecimal digits that the schema asks for.
fn digest(text: &str) -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(Problem::internal)?;
    Ok(bytes)
}
