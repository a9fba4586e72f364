//! Handoffs as people see them.

use chrono::{DateTime, Utc};
use engine::{AgentId, OrgId};
use serde::Serialize;
use serde_json::Value;
use store::Connection;

use super::rows::{self, Handoff};
use super::state::State;
use crate::error::Error;
use crate::ids::{CreationId, HandoffId};

/// A handoff.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandoffView {
    /// Its identifier.
    pub handoff_id: HandoffId,
    /// The agent that is handed over.
    pub agent_id: AgentId,
    /// Its creation.
    pub creation_id: CreationId,
    /// `pending_service_acceptance`, `accepted` or `rejected`.
    pub status: &'static str,
    /// `production_ready` once it is accepted.
    pub agent_status: &'static str,
    /// The eight items with their evidence.
    pub handoff_checklist: Value,
    /// What the creation team said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_team_notes: Option<String>,
    /// What the service team said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_notes: Option<String>,
    /// Who submitted it.
    pub submitted_by: String,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its review is due, or was.
    pub ola_deadline: DateTime<Utc>,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<String>,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_at: Option<DateTime<Utc>>,
    /// What is to be fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection_reason: Option<String>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change: what an entity tag is made of.
    #[serde(skip)]
    pub version: i64,
}

impl From<Handoff> for HandoffView {
    fn from(handoff: Handoff) -> Self {
        let mut view = Self {
            handoff_id: HandoffId(handoff.handoff_id),
            agent_id: AgentId(handoff.agent_id),
            creation_id: CreationId(handoff.creation_id),
            status: handoff.state.status(),
            agent_status: "in_creation",
            handoff_checklist: handoff.checklist,
            creation_team_notes: handoff.notes,
            review_notes: handoff.review_notes,
            submitted_by: handoff.submitted_by,
            created_at: handoff.submitted_at,
            ola_deadline: handoff.ola_deadline,
            reviewed_by: None,
            accepted_at: None,
            rejected_at: None,
            rejection_reason: None,
            updated_at: handoff.updated_at,
            version: handoff.version,
        };
        match handoff.state.0 {
            State::PendingServiceAcceptance { .. } => {}
            State::Accepted { accepted_by, accepted_at } => {
                view.agent_status = "production_ready";
                (view.reviewed_by, view.accepted_at) = (Some(accepted_by), Some(accepted_at));
            }
            State::Rejected { rejected_by, rejected_at, reason } => {
                (view.reviewed_by, view.rejected_at) = (Some(rejected_by), Some(rejected_at));
                view.rejection_reason = Some(reason);
            }
        }
        view
    }
}

/// Shows a handoff.
///
/// # Errors
/// [`Error::NotFound`] if there is no such handoff in this organisation.
pub async fn show(connection: &mut Connection, org: OrgId, handoff: HandoffId) -> Result<HandoffView, Error> {
    let found = rows::read(connection, org, handoff).await?;
    found.map(HandoffView::from).ok_or_else(|| Error::not_found("handoff", handoff))
}

/// Lists the handoffs of an agent, the latest first; at most 100.
///
/// # Errors
/// The database fails.
pub async fn list(connection: &mut Connection, org: OrgId, agent: AgentId) -> Result<Vec<HandoffView>, Error> {
    let found = rows::of_agent(connection, org, agent).await?;
    Ok(found.into_iter().map(HandoffView::from).collect())
}
