//! Approval gates.
//!
//! The gate's row is the arbiter: deciding and expiring lock it and count under the lock, so that two votes
//! cannot each take themselves for the first, nor a vote and the end of time both win (DESIGN 5, 6).
//!
//! A resolved gate publishes [`RESOLVED`], which its run listens for, and leaves a row in the audit trail, both in the
//! transaction that resolved it. Who may decide is checked by the caller, who knows the roles; that the deciding role is one
//! that the gate asks for, that four eyes are four, and that what is decided on is what was asked is checked here.

mod decide;
mod rows;

pub use decide::{decide, expire, withdraw, withdraw_all};
pub(crate) use decide::{lock_pending, withdraw_locked};
use definitions::Data;
use engine::{OrgId, RunId, Step, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Connection, Result, json};

/// The type of the event that a resolved gate publishes; `subject` is the gate's identifier, `data` is
/// `{gate, state, approvals, decisions: [{decidedBy, onBehalf, role, verdict, reason, decidedAt}]}`.
pub const RESOLVED: &str = "com.stationmaster.gate.resolved";

/// A gate's identifier; derived from the run and the step that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateId(pub Uuid);

/// What is asked, and of whom.
#[derive(Debug, Clone)]
pub struct NewGate {
    /// The organisation.
    pub org: OrgId,
    /// The run that waits.
    pub run: RunId,
    /// The task that opened it.
    pub step: Step,
    /// What is to be approved, in words.
    pub subject: String,
    /// What is to be approved, in full; its hash is what a decision names.
    pub request: Data,
    /// On whose behalf; four eyes are two more than these.
    pub requested_by: String,
    /// Who may decide: any of these roles.
    pub approver_roles: Vec<String>,
    /// How many approvals it takes.
    pub required_approvals: u32,
    /// Whether the requester may not decide.
    pub four_eyes: bool,
    /// When it expires, which never approves.
    pub expires_at: Option<Timestamp>,
}

/// Where a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
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

/// A gate as people see it.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Its identifier.
    pub id: GateId,
    /// What was asked.
    pub asked: NewGate,
    /// The hash of the request: what a decision must name.
    pub subject_digest: [u8; 32],
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Where it stands.
    pub state: GateState,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// How many have approved.
    pub approvals: u32,
}

/// Approve or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Approve,
    /// Do not; takes a reason.
    Reject,
}

/// Somebody's decision. Whoever decided is known from a verified credential, never from the request.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Who.
    pub decided_by: String,
    /// In which role.
    pub role: String,
    /// For whom, if it was delegated.
    pub on_behalf: Option<String>,
    /// What.
    pub verdict: Verdict,
    /// Why; must be given to reject.
    pub reason: Option<String>,
    /// The digest that was shown to them, where they name one: another means that they decided on something else.
    pub subject_digest: Option<[u8; 32]>,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It counts; the gate stands so now.
    Counted(GateState),
    /// The same person has decided the same before; nothing changed.
    Repeated(GateState),
    /// It does not count, and nothing changed.
    Refused(Refusal),
}

/// Why a decision does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such gate.
    #[error("there is no such gate")]
    Unknown,
    /// It is resolved.
    #[error("the gate is resolved: nothing more is decided on it")]
    Resolved,
    /// Its time has passed.
    #[error("the gate has expired")]
    Expired,
    /// The role is none of those that it asks for.
    #[error("the role is none of those that the gate asks for")]
    WrongRole,
    /// The requester may not decide.
    #[error("the requester may not decide: the gate asks for a second pair of eyes")]
    FourEyes,
    /// What is decided on is not what was asked.
    #[error("the request has changed: look at it again")]
    OtherSubject,
    /// The same person has decided otherwise.
    #[error("the same person has already decided otherwise")]
    Contradiction,
    /// A rejection takes a reason.
    #[error("a rejection takes a reason")]
    NoReason,
}

/// Opens a gate; a step that is repeated finds it open.
///
/// # Errors
/// The database fails.
pub async fn open(connection: &mut Connection, gate: &NewGate, at: Timestamp) -> Result<GateId> {
    let id = GateId::of(gate.run, &gate.step);
    let request = json::write("what a gate asks", &gate.request)?;
    let digest: [u8; 32] = Sha256::digest(&request).into();
    sqlx::query!(
        "insert into gates (gate_id, org_id, run_id, pointer, visit, subject, subject_digest, request, requested_by,
             approver_roles, required_approvals, four_eyes, opened_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8::text::json, $9, $10, $11, $12, $13, $14)
         on conflict do nothing",
        id.0,
        gate.org.0,
        gate.run.0,
        gate.step.pointer.as_str(),
        i64::from(gate.step.visit),
        gate.subject,
        digest.as_slice(),
        request,
        gate.requested_by,
        &gate.approver_roles,
        i32::try_from(gate.required_approvals).unwrap_or(i32::MAX),
        gate.four_eyes,
        at,
        gate.expires_at
    )
    .execute(connection)
    .await?;
    Ok(id)
}

/// Lists gates in a state, the oldest first, after a gate.
///
/// # Errors
/// The database fails.
pub async fn list(
    connection: &mut Connection,
    org: OrgId,
    state: Option<GateState>,
    after: Option<(Timestamp, GateId)>,
    limit: u32,
) -> Result<Vec<Gate>> {
    rows::select(connection, org, None, state, after, limit).await
}

/// Shows a gate and its decisions, the first first.
///
/// # Errors
/// The database fails.
pub async fn show(
    connection: &mut Connection,
    org: OrgId,
    gate: GateId,
) -> Result<Option<(Gate, Vec<(Decision, Timestamp)>)>> {
    let Some(found) = rows::select(connection, org, Some(gate), None, None, 1).await?.pop() else { return Ok(None) };
    Ok(Some((found, rows::decisions(connection, gate).await?)))
}

impl GateId {
    /// The gate that a step opens: the same on every repetition.
    #[must_use]
    pub fn of(run: RunId, step: &Step) -> Self {
        Self(Uuid::new_v5(&run.0, format!("gate{step}").as_bytes()))
    }
}

impl GateState {
    /// The state's name, as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Verdict {
    /// The verdict's name, as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}
