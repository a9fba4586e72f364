//! How gates are shown.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::gates::{Decision, Gate, GateId, Verdict};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::page;

/// Where a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GateState {
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

/// A gate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GateView {
    id: Uuid,
    /// The run that waits.
    run: Uuid,
    /// What is to be approved, in words.
    subject: String,
    /// What is to be approved, in full.
    request: Value,
    /// SHA-256 of `request`: what a decision can name.
    subject_digest: String,
    requested_by: String,
    /// Who may decide: holders of any of these.
    approver_roles: Vec<String>,
    /// Whether the requester may not decide.
    four_eyes: bool,
    required_approvals: u32,
    approvals: u32,
    state: GateState,
    opened_at: DateTime<Utc>,
    /// When it expires, which never approves.
    expires_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    /// The decisions so far; only where one gate is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Vec<DecisionView>>,
}

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionView {
    decided_by: String,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf: Option<String>,
    /// `approve` or `reject`.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    decided_at: DateTime<Utc>,
}

/// A page of gates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GatePage {
    /// The gates, the oldest first.
    gates: Vec<GateView>,
    /// The cursor of the next page, if there is one.
    next: Option<String>,
}

/// What became of a decision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecidedView {
    gate: Uuid,
    /// Where the gate stands now.
    state: GateState,
    /// False if the same person had decided the same before.
    counted: bool,
}

impl From<store::gates::GateState> for GateState {
    fn from(state: store::gates::GateState) -> Self {
        use store::gates::GateState as Stored;
        match state {
            Stored::Pending => Self::Pending,
            Stored::Approved => Self::Approved,
            Stored::Rejected => Self::Rejected,
            Stored::Expired => Self::Expired,
            Stored::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<GateState> for store::gates::GateState {
    fn from(state: GateState) -> Self {
        match state {
            GateState::Pending => Self::Pending,
            GateState::Approved => Self::Approved,
            GateState::Rejected => Self::Rejected,
            GateState::Expired => Self::Expired,
            GateState::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<Gate> for GateView {
    fn from(gate: Gate) -> Self {
        let asked = gate.asked;
        Self {
            id: gate.id.0,
            run: asked.run.0,
            subject: asked.subject,
            request: Value::from(&asked.request),
            subject_digest: hex::encode(gate.subject_digest),
            requested_by: asked.requested_by,
            approver_roles: asked.approver_roles,
            four_eyes: asked.four_eyes,
            required_approvals: asked.required_approvals,
            approvals: gate.approvals,
            state: gate.state.into(),
            opened_at: gate.opened_at,
            expires_at: asked.expires_at,
            resolved_at: gate.resolved_at,
            decisions: None,
        }
    }
}

impl GateView {
    /// The gate with its decisions.
    pub(crate) fn with(self, decisions: Vec<(Decision, DateTime<Utc>)>) -> Self {
        Self { decisions: Some(decisions.into_iter().map(DecisionView::from).collect()), ..self }
    }
}

impl From<(Decision, DateTime<Utc>)> for DecisionView {
    fn from((decision, decided_at): (Decision, DateTime<Utc>)) -> Self {
        let verdict = match decision.verdict {
            Verdict::Approve => "approve",
            Verdict::Reject => "reject",
        };
        let Decision { decided_by, role, on_behalf, reason, .. } = decision;
        Self { decided_by, role, on_behalf, verdict, reason, decided_at }
    }
}

impl GatePage {
    /// A page of `limit` out of what was found when one more was asked for.
    pub(crate) fn new(mut found: Vec<Gate>, limit: u32) -> Self {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|gate| page::cursor(gate.opened_at, gate.id.0));
        Self { gates: found.into_iter().map(GateView::from).collect(), next }
    }
}

impl DecidedView {
    pub(crate) fn new(gate: GateId, state: store::gates::GateState, counted: bool) -> Self {
        Self { gate: gate.0, state: state.into(), counted }
    }
}

#[cfg(test)]
mod tests {
    use engine::{OrgId, RunId, Step, Timestamp};
    use store::gates::NewGate;

    use super::*;

    #[test]
    fn a_gate_is_shown_with_what_it_asks_for() {
        let at = Timestamp::from_timestamp_micros(1_767_323_045_000_000).unwrap();
        let gate = Gate {
            id: GateId(Uuid::from_u128(3)),
            asked: NewGate {
                org: OrgId(Uuid::nil()),
                run: RunId(Uuid::from_u128(1)),
                step: Step { pointer: "/do/0/ask".into(), visit: 0 },
                subject: "Retune agent 7".to_owned(),
                request: serde_json::json!({"knowledge_version": "v2026-01-01"}).into(),
                requested_by: "user:ada".to_owned(),
                approver_roles: vec!["admin".to_owned()],
                required_approvals: 2,
                four_eyes: true,
                expires_at: None,
            },
            subject_digest: [0xab; 32],
            opened_at: at,
            state: store::gates::GateState::Pending,
            resolved_at: None,
            approvals: 1,
        };
        let decision = Decision {
            decided_by: "user:bob".to_owned(),
            role: "admin".to_owned(),
            on_behalf: None,
            verdict: Verdict::Approve,
            reason: None,
            subject_digest: None,
        };
        insta::assert_json_snapshot!(GateView::from(gate).with(vec![(decision, at)]));
    }
}
