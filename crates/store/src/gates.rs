//! Approval gates.
//!
//! The gate's row is the arbiter: deciding and expiring lock it and count under the lock, so that two votes
//! cannot each take themselves for the first, nor a vote and the end of time both win (DESIGN 5, 6).
//!
//! A resolved gate publishes [`RESOLVED`], which its run listens for, and leaves a row in the audit trail, both in the
//! transaction that resolved it. Who may decide is checked by the caller, who knows the roles; that the deciding role is one
//! that the gate asks for, that four eyes are four, and that what is decided on is what was asked is checked here.

use definitions::Data;
use engine::{OrgId, RunId, Step, Timestamp};
use uuid::Uuid;

use crate::{Connection, Result};

/// The type of the event that a resolved gate publishes; `subject` is the gate's identifier, `data` is
/// `{gate, state, approvals, decisions: [{decidedBy, role, verdict, reason, decidedAt}]}`.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    let _ = (connection, gate, at);
    Err(crate::Error::Stopped)
}

/// Decides on a gate.
///
/// # Errors
/// The database fails.
pub async fn decide(
    connection: &mut Connection,
    org: OrgId,
    gate: GateId,
    decision: &Decision,
    at: Timestamp,
) -> Result<Decided> {
    let _ = (connection, org, gate, decision, at);
    Err(crate::Error::Stopped)
}

/// Expires a gate whose time has passed; returns where it stands.
///
/// # Errors
/// The database fails.
pub async fn expire(connection: &mut Connection, org: OrgId, gate: GateId, at: Timestamp) -> Result<Option<GateState>> {
    let _ = (connection, org, gate, at);
    Err(crate::Error::Stopped)
}

/// Withdraws a gate whose run no longer asks; returns where it stands.
///
/// # Errors
/// The database fails.
pub async fn withdraw(
    connection: &mut Connection,
    org: OrgId,
    gate: GateId,
    at: Timestamp,
) -> Result<Option<GateState>> {
    let _ = (connection, org, gate, at);
    Err(crate::Error::Stopped)
}

/// Lists gates in a state, the oldest first, after a gate.
///
/// # Errors
/// The database fails.
pub async fn list(
    connection: &mut Connection,
    org: OrgId,
    state: GateState,
    after: Option<(Timestamp, GateId)>,
    limit: u32,
) -> Result<Vec<Gate>> {
    let _ = (connection, org, state, after, limit);
    Err(crate::Error::Stopped)
}

/// Shows a gate and its decisions.
///
/// # Errors
/// The database fails.
pub async fn show(
    connection: &mut Connection,
    org: OrgId,
    gate: GateId,
) -> Result<Option<(Gate, Vec<(Decision, Timestamp)>)>> {
    let _ = (connection, org, gate);
    Err(crate::Error::Stopped)
}
