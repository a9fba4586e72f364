//! Deciding, expiring and withdrawing: whoever does it holds the gate's row.

use definitions::Data;
use engine::{CloudEvent, OrgId, RunId, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{Decided, Decision, Gate, GateId, GateState, RESOLVED, Refusal, Verdict, rows};
use crate::{
    Connection, Result,
    audit::{self, Entry},
    events,
};

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
    let Some(found) = rows::lock(connection, org, gate).await? else { return Ok(Decided::Refused(Refusal::Unknown)) };
    let earlier = rows::decisions(connection, gate).await?;
    if let Some(same) =
        earlier.iter().map(|(earlier, _)| earlier).find(|earlier| earlier.decided_by == decision.decided_by)
    {
        return Ok(if same.verdict == decision.verdict && same.on_behalf == decision.on_behalf {
            Decided::Repeated(found.state)
        } else {
            Decided::Refused(Refusal::Contradiction)
        });
    }
    if let Some(refusal) = refusal(&found, decision, earlier.iter().map(|(earlier, _)| earlier), at) {
        return Ok(Decided::Refused(refusal));
    }
    let approvals = found.approvals + u32::from(decision.verdict == Verdict::Approve);
    let state = match decision.verdict {
        Verdict::Reject => GateState::Rejected,
        Verdict::Approve if approvals >= found.asked.required_approvals => GateState::Approved,
        Verdict::Approve => GateState::Pending,
    };
    rows::insert_decision(connection, org, gate, decision, at).await?;
    rows::set_state(connection, gate, state, approvals, at).await?;
    record(connection, &found, decision, state, at).await?;
    if state != GateState::Pending {
        publish(connection, &found, state, approvals, at).await?;
    }
    Ok(Decided::Counted(state))
}

/// Expires a gate whose time has passed; returns where it stands.
///
/// # Errors
/// The database fails.
pub async fn expire(connection: &mut Connection, org: OrgId, gate: GateId, at: Timestamp) -> Result<Option<GateState>> {
    let Some(found) = rows::lock(connection, org, gate).await? else { return Ok(None) };
    if found.state != GateState::Pending || found.asked.expires_at.is_none_or(|end| at < end) {
        return Ok(Some(found.state));
    }
    end(connection, &found, GateState::Expired, at).await
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
    let Some(found) = rows::lock(connection, org, gate).await? else { return Ok(None) };
    if found.state != GateState::Pending {
        return Ok(Some(found.state));
    }
    end(connection, &found, GateState::Withdrawn, at).await
}

/// Withdraws all gates that a run still asks; returns how many.
///
/// # Errors
/// The database fails.
pub async fn withdraw_all(connection: &mut Connection, org: OrgId, run: RunId, at: Timestamp) -> Result<usize> {
    let pending = rows::pending_of(connection, org, run).await?;
    for gate in &pending {
        withdraw(connection, org, *gate, at).await?;
    }
    Ok(pending.len())
}

/// Locks the gates that runs still ask, in one order for everybody; gates are locked before activations.
pub(crate) async fn lock_pending(connection: &mut Connection, runs: &[Uuid]) -> Result<Vec<Gate>> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    rows::lock_pending(connection, runs).await
}

/// Withdraws a gate that is locked and pending, because its run ends.
pub(crate) async fn withdraw_locked(connection: &mut Connection, gate: &Gate, at: Timestamp) -> Result<()> {
    end(connection, gate, GateState::Withdrawn, at).await.map(drop)
}

/// Why a decision does not count, if it does not.
fn refusal<'a>(
    gate: &Gate,
    decision: &Decision,
    mut earlier: impl Iterator<Item = &'a Decision>,
    at: Timestamp,
) -> Option<Refusal> {
    let asked = &gate.asked;
    // Whoever lends their vote has spent it, and whoever was lent one has not two.
    let voice = |decision: &Decision| [Some(decision.decided_by.clone()), decision.on_behalf.clone()];
    let mine = voice(decision);
    let spoken = earlier.any(|earlier| voice(earlier).iter().flatten().any(|name| mine.contains(&Some(name.clone()))));
    if gate.state != GateState::Pending {
        Some(Refusal::Resolved)
    } else if asked.expires_at.is_some_and(|end| at >= end) {
        Some(Refusal::Expired)
    } else if !asked.approver_roles.contains(&decision.role) {
        Some(Refusal::WrongRole)
    } else if asked.four_eyes && mine.contains(&Some(asked.requested_by.clone())) {
        Some(Refusal::FourEyes)
    } else if spoken {
        Some(Refusal::Contradiction)
    } else if decision.subject_digest.is_some_and(|digest| digest != gate.subject_digest) {
        Some(Refusal::OtherSubject)
    } else if decision.verdict == Verdict::Reject && decision.reason.as_deref().is_none_or(|why| why.trim().is_empty())
    {
        Some(Refusal::NoReason)
    } else {
        None
    }
}

/// Ends a gate without a decision.
async fn end(connection: &mut Connection, gate: &Gate, state: GateState, at: Timestamp) -> Result<Option<GateState>> {
    rows::set_state(connection, gate.id, state, gate.approvals, at).await?;
    let entry = entry(gate, "system", state.name(), json!({"approvals": gate.approvals}));
    audit::append(connection, gate.asked.org, &entry, at).await?;
    publish(connection, gate, state, gate.approvals, at).await?;
    Ok(Some(state))
}

async fn record(
    connection: &mut Connection,
    gate: &Gate,
    decision: &Decision,
    state: GateState,
    at: Timestamp,
) -> Result<()> {
    let details = json!({
        "role": decision.role,
        "onBehalf": decision.on_behalf,
        "reason": decision.reason,
        "subjectDigest": hex::encode(gate.subject_digest),
        "state": state,
        "selfApproved": decision.decided_by == gate.asked.requested_by,
    });
    let actor = format!("user:{}", decision.decided_by);
    audit::append(connection, gate.asked.org, &entry(gate, &actor, decision.verdict.name(), details), at).await
}

fn entry(gate: &Gate, actor: &str, action: &str, details: serde_json::Value) -> Entry {
    Entry {
        actor: actor.to_owned(),
        action: format!("gate.{action}"),
        subject: format!("gate/{}", gate.id.0),
        run: Some(gate.asked.run),
        correlation: gate.asked.step.idempotency_key(gate.asked.run),
        details: details.into(),
    }
}

/// Publishes that a gate is resolved, in the transaction that resolved it.
async fn publish(
    connection: &mut Connection,
    gate: &Gate,
    state: GateState,
    approvals: u32,
    at: Timestamp,
) -> Result<()> {
    let decisions = rows::decisions(connection, gate.id).await?;
    let decisions = decisions.iter().map(|(decision, decided_at)| {
        json!({
            "decidedBy": decision.decided_by,
            "onBehalf": decision.on_behalf,
            "role": decision.role,
            "verdict": decision.verdict,
            "reason": decision.reason,
            "decidedAt": decided_at,
        })
    });
    let data = json!({
        "gate": gate.id.0,
        "state": state,
        "approvals": approvals,
        "decisions": Vec::from_iter(decisions),
    });
    let event = CloudEvent {
        id: gate.id.0.to_string(),
        source: format!("/gates/{}", gate.id.0),
        specversion: "1.0".to_owned(),
        kind: RESOLVED.to_owned(),
        time: Some(at),
        subject: Some(gate.id.0.to_string()),
        datacontenttype: Some("application/json".to_owned()),
        data: Data::from(data),
        extensions: serde_json::Map::new(),
    };
    events::publish(connection, gate.asked.org, &event, at).await?;
    Ok(())
}
