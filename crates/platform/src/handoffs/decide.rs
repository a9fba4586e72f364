//! Endpoint 36 and its counterpart: the service team takes an agent over, or sends it back.
//!
//! The creation's row is locked first and the handoff's second, so of two reviewers one decides and the other is told.

use chrono::{DateTime, Utc};
use engine::CloudEvent;
use serde_json::json;
use store::{Connection, clock, events};

use super::checklist::Checklist;
use super::rows::{self, Handoff};
use super::state::{Decision, Refused, Reviewer, State};
use super::{HandoffView, views};
use crate::access::Role;
use crate::actor::{Actor, Cause};
use crate::creations::{self, Event, transition};
use crate::error::Error;
use crate::ids::{CreationId, HandoffId};
use crate::input::{Invalid, Violation};

/// What ends the review of a handoff: `{handoffId, agentId, decision, reason, decidedBy}`.
pub const DECIDED: &str = "com.stationmaster.handoff.decided.v1";

/// How handoffs are reviewed here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether everybody, and not only an Admin, may accept their own handoff (`REQUIREMENTS A27`).
    pub accept_own: bool,
}

/// What the reviewer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Accept or reject.
    pub decision: Decision,
    /// What else there is to say; at most 2000 characters.
    pub notes: Option<String>,
}

/// Decides a handoff, and moves its creation and its agent with it.
///
/// # Errors
/// [`Error::NotFound`] if there is no such handoff; [`Error::Invalid`] if the agent is not said to be ready or the rejection
/// has no reason (A8); [`Error::Forbidden`] to accept one's own (A27); [`Error::Conflict`] if it is decided, its creation was
/// cancelled, or its checklist is not complete any more (A1).
pub async fn decide(
    connection: &mut Connection,
    actor: &Actor,
    handoff: HandoffId,
    review: &Review,
    options: Options,
    now: DateTime<Utc>,
) -> Result<HandoffView, Error> {
    let cause = Cause::from(actor);
    let unknown = || Error::not_found("handoff", handoff);
    let found = rows::read(connection, actor.org, handoff).await?.ok_or_else(unknown)?;
    let mut creation = transition::lock(connection, &cause, CreationId(found.creation_id)).await?;
    rows::hold(connection, actor.org, handoff).await?;
    let found = rows::read(connection, actor.org, handoff).await?.ok_or_else(unknown)?;
    let may_accept_own = options.accept_own || actor.roles.contains(Role::Admin);
    let reviewer = Reviewer { user: actor.user.clone(), may_accept_own };
    let state = found.state.decide(review.decision.clone(), &reviewer, now).map_err(refused)?;
    let event = match &state {
        State::Rejected { reason, .. } => Event::HandoffRejected { reason: reason.clone() },
        State::Accepted { .. } | State::PendingServiceAcceptance { .. } => {
            complete(&found)?;
            Event::HandoffAccepted
        }
    };
    rows::decide(connection, actor.org, handoff, &state, review.notes.as_deref(), now).await?;
    let details = json!({"handoff_id": handoff});
    transition::apply(connection, &cause, &mut creation, event, details, now).await?;
    // Later than whatever saw the handoff undecided, which the lock has kept waiting or has waited for.
    let received = clock::read(connection).await?.now();
    events::publish(connection, actor.org, &decided(&found, &state, actor, now), received).await?;
    let details = json!({
        "agent_id": found.agent_id,
        "state": state,
        "notes": review.notes,
        "self_approved": found.submitted_by == actor.user,
        "late": now > found.ola_deadline,
    });
    let cause = cause.about(creation.run());
    let action = format!("handoff.{}", state.status());
    cause.audit(connection, &action, format!("handoff/{handoff}"), details, now).await?;
    views::show(connection, actor.org, handoff).await
}

/// Eight of eight, looked at once more (`REQUIREMENTS A1`).
fn complete(handoff: &Handoff) -> Result<(), Error> {
    let checklist: Result<Checklist, _> = serde_json::from_value(handoff.checklist.clone());
    match checklist {
        Ok(checklist) if checklist.is_complete() => Ok(()),
        _ => Err(Error::conflict("eight_of_eight", "the checklist is not complete: reject the handoff")),
    }
}

fn decided(handoff: &Handoff, state: &State, actor: &Actor, now: DateTime<Utc>) -> CloudEvent {
    let reason = match state {
        State::Rejected { reason, .. } => Some(reason),
        State::Accepted { .. } | State::PendingServiceAcceptance { .. } => None,
    };
    let data = json!({
        "handoffId": handoff.handoff_id,
        "agentId": handoff.agent_id,
        "decision": state.status(),
        "reason": reason,
        "decidedBy": actor.user,
    });
    CloudEvent {
        id: format!("{}/decided", handoff.handoff_id),
        subject: Some(handoff.handoff_id.to_string()),
        data: data.into(),
        ..creations::event(DECIDED, "/stationmaster/handoffs", now)
    }
}

fn refused(refused: Refused) -> Error {
    let message = refused.to_string();
    match refused {
        Refused::AlreadyDecided(_) => Error::conflict("decided_once", message),
        Refused::OwnHandoff => Error::forbidden("four_eyes", message),
        Refused::NotProductionReady => Invalid(vec![Violation::new("const", "/production_ready", message)]).into(),
        Refused::NoReason => Invalid(vec![Violation::new("required", "/reason", message)]).into(),
    }
}
