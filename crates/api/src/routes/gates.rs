//! Gates: what waits for a decision, and deciding.
//!
//! Who may decide is the gate's own policy: the caller decides in one of their roles that the gate asks for. Everything that
//! makes a decision count or not is checked under the gate's lock, in the store (DESIGN 5, 6).

mod views;

use axum::{extract::State, http::HeaderMap, response::Response};
use platform::access::{Permission, Role};
use serde::Deserialize;
use store::{
    Hint,
    gates::{self, Decided, Gate, GateId, Refusal},
};
use utoipa::IntoParams;

use self::views::{DecidedView, GatePage, GateState, GateView};
use super::inputs::{Decision, Verdict};
use crate::{
    Api,
    auth::Caller,
    etag,
    id::Id,
    page::{self, Params},
    post::Post,
    problem::{Code, Document, Problem, Violation},
    unit::{Answer, Handled},
};

/// Which gates to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Where they stand.
    state: Option<GateState>,
    /// Items of the page, 1 to 200; 50 unless said otherwise.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists gates, the oldest first.
#[utoipa::path(
    get, path = "/gates", tag = "gates", security(("bearer" = [])), params(Wanted),
    responses((status = 200, body = GatePage), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(wanted): Params<Wanted>,
) -> Result<axum::Json<GatePage>, Problem> {
    caller.require(Permission::ReadGates)?;
    let limit = page::limit(wanted.limit)?;
    let after = wanted.cursor.as_deref().map(page::read_cursor).transpose()?.map(|(at, id)| (at, GateId(id)));
    let mut unit = api.open(&caller).await?;
    let found = gates::list(unit.connection(), caller.org, wanted.state.map(Into::into), after, limit + 1).await?;
    Ok(axum::Json(GatePage::new(found, limit)))
}

/// Shows a gate, what it asks for in full, and its decisions.
#[utoipa::path(
    get, path = "/gates/{id}", tag = "gates", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The gate")),
    responses(
        (status = 200, body = GateView),
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
    let found = gates::show(unit.connection(), caller.org, GateId(id.0)).await?;
    let (gate, decisions) = found.ok_or(Refusal::Unknown)?;
    etag::tagged(&headers, &GateView::from(gate).with(decisions))
}

/// Decides on a gate.
///
/// A decision counts once; repeating it changes nothing. Naming `subject_digest` makes sure that what is decided on is what was
/// looked at.
#[utoipa::path(
    post, path = "/gates/{id}/decisions", tag = "gates", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The gate")),
    request_body = ref("#/components/schemas/Decision"),
    responses((status = 200, body = DecidedView), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn decide(State(api): State<Api>, caller: Caller, id: Id, post: Post) -> Handled {
    let gate_id = GateId(id.0);
    let (decision, key) = post.read::<Decision>()?;
    let mut unit = api.begin(&caller, key).await?;
    let (gate, _) = gates::show(unit.connection(), caller.org, gate_id).await?.ok_or(Refusal::Unknown)?;
    let decision = gates::Decision {
        role: role_for(&caller, &gate)?.as_str().to_owned(),
        decided_by: caller.actor(),
        on_behalf: None,
        verdict: match decision.verdict {
            Verdict::Approve => gates::Verdict::Approve,
            Verdict::Reject => gates::Verdict::Reject,
        },
        reason: decision.reason,
        subject_digest: decision.subject_digest.as_deref().map(digest).transpose()?,
    };
    let at = unit.at();
    let (state, counted) = match gates::decide(unit.connection(), caller.org, gate_id, &decision, at).await? {
        Decided::Counted(state) => (state, true),
        Decided::Repeated(state) => (state, false),
        Decided::Refused(refusal) => return Err(Problem::from(refusal).into()),
    };
    unit.hint(Hint::Event);
    unit.hint(Hint::Audit);
    let answer = Answer::ok(&DecidedView::new(gate_id, state, counted))?;
    unit.finish(&api, answer).await
}

/// The role in which the caller decides: one of theirs that the gate asks for.
fn role_for(caller: &Caller, gate: &Gate) -> Result<Role, Problem> {
    let asked = &gate.asked.approver_roles;
    caller.roles.iter().find(|role| asked.iter().any(|name| name == role.as_str())).ok_or_else(|| {
        Problem::new(Code::Forbidden, format!("This gate is decided by {}.", asked.join(" or ")))
            .with("required_roles", asked.clone())
            .with("user_roles", serde_json::json!(caller.roles))
    })
}

/// A digest from the 64 hexadecimal digits that the schema asks for.
fn digest(text: &str) -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(Problem::internal)?;
    Ok(bytes)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Unknown => Code::NotFound,
            Refusal::Resolved | Refusal::Expired | Refusal::OtherSubject | Refusal::Contradiction => Code::Conflict,
            Refusal::WrongRole | Refusal::FourEyes => Code::Forbidden,
            Refusal::NoReason => {
                return Self::invalid(vec![Violation::new("/reason", "required", refusal.to_string())]);
            }
        };
        Self::new(code, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_problem() {
        use Refusal as R;
        let all = [
            R::Unknown,
            R::Resolved,
            R::Expired,
            R::WrongRole,
            R::FourEyes,
            R::OtherSubject,
            R::Contradiction,
            R::NoReason,
        ];
        let codes = all.map(|refusal| format!("{refusal:?} -> {}", Problem::from(refusal).code().as_str()));
        insta::assert_debug_snapshot!(codes);
    }
}
