//! Gates and decisions as they are stored.

use engine::{OrgId, RunId, Timestamp};
use uuid::Uuid;

use super::{Decision, Gate, GateId, GateState, NewGate, Verdict};
use crate::{Connection, Result, history::step, json};

struct GateRow {
    gate_id: Uuid,
    org_id: Uuid,
    run_id: Uuid,
    pointer: String,
    visit: i64,
    subject: String,
    subject_digest: Vec<u8>,
    request: String,
    requested_by: String,
    approver_roles: Vec<String>,
    required_approvals: i32,
    four_eyes: bool,
    opened_at: Timestamp,
    expires_at: Option<Timestamp>,
    state: String,
    resolved_at: Option<Timestamp>,
    approvals: i32,
}

impl GateRow {
    fn gate(self) -> Result<Gate> {
        Ok(Gate {
            id: GateId(self.gate_id),
            asked: NewGate {
                org: OrgId(self.org_id),
                run: RunId(self.run_id),
                step: step(&self.pointer, self.visit),
                subject: self.subject,
                request: json::read(|| format!("what gate {} asks", self.gate_id), &self.request)?,
                requested_by: self.requested_by,
                approver_roles: self.approver_roles,
                required_approvals: self.required_approvals.unsigned_abs(),
                four_eyes: self.four_eyes,
                expires_at: self.expires_at,
            },
            subject_digest: self.subject_digest.try_into().unwrap_or_default(),
            opened_at: self.opened_at,
            state: state(&self.state),
            resolved_at: self.resolved_at,
            approvals: self.approvals.unsigned_abs(),
        })
    }
}

fn state(name: &str) -> GateState {
    match name {
        "pending" => GateState::Pending,
        "approved" => GateState::Approved,
        "rejected" => GateState::Rejected,
        "expired" => GateState::Expired,
        _ => GateState::Withdrawn,
    }
}

pub(super) async fn select(
    connection: &mut Connection,
    org: OrgId,
    gate: Option<GateId>,
    state: Option<GateState>,
    after: Option<(Timestamp, GateId)>,
    limit: u32,
) -> Result<Vec<Gate>> {
    let rows = sqlx::query_file_as!(
        GateRow,
        "queries/gates.sql",
        org.0,
        gate.map(|gate| gate.0),
        state.map(GateState::name),
        after.map(|(opened_at, _)| opened_at),
        after.map(|(_, gate)| gate.0),
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(GateRow::gate).collect()
}

/// Locks a gate: whoever decides after this sees what was decided before.
pub(super) async fn lock(connection: &mut Connection, org: OrgId, gate: GateId) -> Result<Option<Gate>> {
    let row = sqlx::query_file_as!(GateRow, "queries/lock_gate.sql", org.0, gate.0).fetch_optional(connection).await?;
    row.map(GateRow::gate).transpose()
}

/// Locks the gates that runs still ask, in the order of their identifiers.
pub(super) async fn lock_pending(connection: &mut Connection, runs: &[Uuid]) -> Result<Vec<Gate>> {
    let rows = sqlx::query_file_as!(GateRow, "queries/lock_pending_gates.sql", runs).fetch_all(connection).await?;
    rows.into_iter().map(GateRow::gate).collect()
}

/// The gates that a run still asks, in the order in which they are to be locked.
pub(super) async fn pending_of(connection: &mut Connection, org: OrgId, run: RunId) -> Result<Vec<GateId>> {
    let gates = sqlx::query_scalar!(
        "select gate_id from gates where org_id = $1 and state = 'pending' and run_id = $2 order by gate_id",
        org.0,
        run.0
    )
    .fetch_all(connection)
    .await?;
    Ok(gates.into_iter().map(GateId).collect())
}

/// A gate's decisions, the first first.
pub(super) async fn decisions(connection: &mut Connection, gate: GateId) -> Result<Vec<(Decision, Timestamp)>> {
    let rows = sqlx::query!(
        "select decided_by, on_behalf, role, verdict, reason, decided_at from decisions where gate_id = $1
         order by decided_at, decided_by",
        gate.0
    )
    .fetch_all(connection)
    .await?;
    let decision = rows.into_iter().map(|row| {
        let verdict = if row.verdict == "approve" { Verdict::Approve } else { Verdict::Reject };
        let decision = Decision {
            decided_by: row.decided_by,
            role: row.role,
            on_behalf: row.on_behalf,
            verdict,
            reason: row.reason,
            subject_digest: None,
        };
        (decision, row.decided_at)
    });
    Ok(decision.collect())
}

pub(super) async fn insert_decision(
    connection: &mut Connection,
    org: OrgId,
    gate: GateId,
    decision: &Decision,
    at: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "insert into decisions (gate_id, decided_by, org_id, on_behalf, role, verdict, reason, decided_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        gate.0,
        decision.decided_by,
        org.0,
        decision.on_behalf,
        decision.role,
        decision.verdict.name(),
        decision.reason,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets where a gate stands; its time only if it is resolved.
pub(super) async fn set_state(
    connection: &mut Connection,
    gate: GateId,
    state: GateState,
    approvals: u32,
    at: Timestamp,
) -> Result<()> {
    let resolved_at = (state != GateState::Pending).then_some(at);
    sqlx::query!(
        "update gates set state = $2, approvals = $3, resolved_at = $4 where gate_id = $1",
        gate.0,
        state.name(),
        i32::try_from(approvals).unwrap_or(i32::MAX),
        resolved_at
    )
    .execute(connection)
    .await?;
    Ok(())
}
