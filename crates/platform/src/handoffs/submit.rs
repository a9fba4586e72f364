//! Endpoint 35: the creation team hands an agent over.

use chrono::{DateTime, SecondsFormat, Utc};
use engine::{AgentId, CloudEvent};
use serde_json::json;
use store::{Connection, events};

use super::evidence::Verified;
use super::state::{REVIEW_TIME, State};
use super::{HandoffView, rows, views};
use crate::actor::{Actor, Cause};
use crate::creations::{self, Event, transition};
use crate::error::Error;
use crate::ids::{CreationId, HandoffId, SlaId, fresh};
use crate::input::{Invalid, Violation};
use crate::sla;

/// What starts the review of a handoff: `{handoffId, agentId, olaDeadline}`.
pub const SUBMITTED: &str = "com.stationmaster.handoff.submitted.v1";

/// Submits an agent that is `deployment_ready`, with a complete and verified checklist.
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent; [`Error::Invalid`] if the agent does not have the SLA definition;
/// [`Error::Conflict`] if the agent is not ready, or under review already (`REQUIREMENTS A26`).
pub async fn submit(
    connection: &mut Connection,
    actor: &Actor,
    verified: &Verified,
    now: DateTime<Utc>,
) -> Result<HandoffView, Error> {
    let submission = verified.submission();
    let agent = AgentId(submission.agent_id);
    let cause = Cause::from(actor);
    let creation = creations::rows::of_agent(connection, actor.org, agent).await?;
    let creation = creation.ok_or_else(|| Error::not_found("agent", agent))?;
    let mut creation = transition::lock(connection, &cause, creation).await?;
    let sla = SlaId(submission.handoff_checklist.sla_defined_and_agreed.evidence.sla_id);
    if !sla::rows::belongs(connection, actor.org, agent, sla).await? {
        return Err(no_such_sla());
    }
    let (id, ola_deadline) = (HandoffId(fresh(now)), now + REVIEW_TIME);
    let submitted = Event::HandoffSubmitted { handoff_id: id.0, ola_deadline };
    let details = json!({"handoff_id": id});
    transition::apply(connection, &cause, &mut creation, submitted, details, now).await?;
    let new = rows::New {
        id,
        creation: CreationId(creation.creation_id),
        agent,
        by: &actor.user,
        ola_deadline,
        checklist: &submission.handoff_checklist,
        notes: submission.creation_team_notes.as_deref(),
        state: &State::submitted(actor.user.clone(), now),
    };
    rows::insert(connection, actor.org, &new, now).await?;
    events::publish(connection, actor.org, &event(&new, now), now).await?;
    let details = json!({"agent_id": agent, "ola_deadline": ola_deadline, "checklist": new.checklist});
    let cause = cause.about(creation.run());
    cause.audit(connection, "handoff.submitted", format!("handoff/{id}"), details, now).await?;
    views::show(connection, actor.org, id).await
}

fn event(new: &rows::New<'_>, now: DateTime<Utc>) -> CloudEvent {
    let data = json!({
        "handoffId": new.id,
        "agentId": new.agent,
        "olaDeadline": new.ola_deadline.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    });
    CloudEvent {
        id: new.id.to_string(),
        subject: Some(new.id.to_string()),
        data: data.into(),
        ..creations::event(SUBMITTED, "/stationmaster/handoffs", now)
    }
}

fn no_such_sla() -> Error {
    let path = "/handoff_checklist/sla_defined_and_agreed/evidence/sla_id";
    let message = "the agent has no such SLA definition: POST /pp/v1/sla-definitions makes one";
    Invalid(vec![Violation::new("sla_definition_exists", path, message)]).into()
}
