//! Approval gates for people: who may decide, in which role, and what is shown.
//!
//! The gate's row is the store's, and so is the counting. Here is what needs the roles: a gate names those that may decide,
//! and an Admin decides gates of any kind (`REQUIREMENTS 1.10`), because every gate names that role as well. No gate of this
//! kind overrides Genesis: a gate opens only behind an approval, or not at all.

use chrono::{DateTime, Utc};
use engine::{Data, OrgId, RunId};
use serde::Serialize;
use store::Connection;
use store::gates::{self, Decided, Decision, Gate, GateId, GateState, Refusal, Verdict};
use uuid::Uuid;

use crate::access::Role;
use crate::actor::Actor;
use crate::error::Error;
use crate::input::{Invalid, Violation};

/// A gate and what was decided on it so far.
#[derive(Debug, Clone, Serialize)]
pub struct GateView {
    /// Its identifier.
    pub gate_id: Uuid,
    /// `pending`, `approved`, `rejected`, `expired` or `withdrawn`.
    pub status: GateState,
    /// What is to be approved, in words.
    pub title: String,
    /// What is to be approved, in full: `{subject, title, evidence}`.
    pub request: Data,
    /// The hash of that; a decision that names another was made on something else.
    pub digest: String,
    /// On whose behalf.
    pub requested_by: String,
    /// Who may decide.
    pub roles: Vec<String>,
    /// How many approvals it takes.
    pub quorum: u32,
    /// Whether the requester may not decide.
    pub four_eyes: bool,
    /// How many have approved.
    pub approvals: u32,
    /// The decisions, the first first.
    pub decisions: Vec<DecisionView>,
    /// The run that waits.
    pub run_id: RunId,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it expires, which never approves.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
}

/// A decision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionView {
    /// Who.
    pub decided_by: String,
    /// For whom, if it was delegated.
    pub on_behalf: Option<String>,
    /// In which role.
    pub role: String,
    /// Approve or reject.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub decided_at: DateTime<Utc>,
}

/// What somebody decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Approve or reject.
    pub verdict: Verdict,
    /// Why; must be given to reject.
    pub reason: Option<String>,
    /// The digest that was shown, where the caller names it.
    pub digest: Option<[u8; 32]>,
}

/// Lists gates, the oldest first, after one of them.
///
/// # Errors
/// The database fails.
pub async fn list(
    connection: &mut Connection,
    org: OrgId,
    state: Option<GateState>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u32,
) -> Result<Vec<GateView>, Error> {
    let after = after.map(|(at, id)| (at, GateId(id)));
    let found = gates::list(connection, org, state, after, limit).await?;
    Ok(found.into_iter().map(|gate| view(gate, Vec::new())).collect())
}

/// Shows a gate with its decisions.
///
/// # Errors
/// [`Error::NotFound`] if there is no such gate in this organisation.
pub async fn show(connection: &mut Connection, org: OrgId, gate: Uuid) -> Result<GateView, Error> {
    let found = gates::show(connection, org, GateId(gate)).await?;
    let (found, decisions) = found.ok_or_else(|| Error::not_found("gate", gate))?;
    Ok(view(found, decisions))
}

/// Decides on a gate, in the first of the caller's roles that it asks for. Deciding the same again changes nothing.
///
/// # Errors
/// [`Error::NotFound`] if there is no such gate; [`Error::Forbidden`] if none of the caller's roles may decide, or the
/// requester may not; [`Error::Conflict`] if it is resolved, or the caller has decided otherwise; [`Error::Invalid`] if a
/// rejection has no reason.
pub async fn decide(
    connection: &mut Connection,
    actor: &Actor,
    gate: Uuid,
    vote: &Vote,
    now: DateTime<Utc>,
) -> Result<GateView, Error> {
    let before = show(connection, actor.org, gate).await?;
    let role = actor.roles.iter().map(Role::as_str).find(|role| before.roles.iter().any(|asked| asked == role));
    let role = role.ok_or_else(|| {
        let detail = format!("this gate is decided by {}", before.roles.join(", "));
        Error::forbidden("gate_roles", detail)
    })?;
    let decision = Decision {
        decided_by: actor.user.clone(),
        role: role.to_owned(),
        on_behalf: None,
        verdict: vote.verdict,
        reason: vote.reason.clone(),
        subject_digest: vote.digest,
    };
    match gates::decide(connection, actor.org, GateId(gate), &decision, now).await? {
        Decided::Counted(_) | Decided::Repeated(_) => show(connection, actor.org, gate).await,
        Decided::Refused(refusal) => Err(refused(refusal, gate)),
    }
}

fn refused(refusal: Refusal, gate: Uuid) -> Error {
    let message = refusal.to_string();
    match refusal {
        Refusal::Unknown => Error::not_found("gate", gate),
        Refusal::WrongRole => Error::forbidden("gate_roles", message),
        Refusal::FourEyes => Error::forbidden("four_eyes", message),
        Refusal::Resolved => Error::conflict("decided_once", message),
        Refusal::Expired => Error::conflict("gate_expired", message),
        Refusal::OtherSubject => Error::conflict("same_subject", message),
        Refusal::Contradiction => Error::conflict("one_vote_each", message),
        Refusal::NoReason => Invalid(vec![Violation::new("required", "/reason", message)]).into(),
    }
}

pub(crate) fn view(gate: Gate, decisions: Vec<(Decision, DateTime<Utc>)>) -> GateView {
    let Gate { id, asked, subject_digest, opened_at, state, resolved_at, approvals } = gate;
    let decision = |(decision, decided_at): (Decision, DateTime<Utc>)| DecisionView {
        decided_by: decision.decided_by,
        on_behalf: decision.on_behalf,
        role: decision.role,
        verdict: decision.verdict,
        reason: decision.reason,
        decided_at,
    };
    GateView {
        gate_id: id.0,
        status: state,
        title: asked.subject,
        request: asked.request,
        digest: hex::encode(subject_digest),
        requested_by: asked.requested_by,
        roles: asked.approver_roles,
        quorum: asked.required_approvals,
        four_eyes: asked.four_eyes,
        approvals,
        decisions: decisions.into_iter().map(decision).collect(),
        run_id: asked.run,
        created_at: opened_at,
        expires_at: asked.expires_at,
        resolved_at,
    }
}
