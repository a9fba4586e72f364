//! The rows of handoffs. Whoever decides locks the creation first, then the handoff.

use chrono::{DateTime, Utc};
use engine::{AgentId, OrgId};
use serde_json::Value;
use sqlx::types::Json;
use store::Connection;
use uuid::Uuid;

use super::checklist::Checklist;
use super::state::State;
use crate::ids::{CreationId, HandoffId};

/// A handoff as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Handoff {
    pub(crate) handoff_id: Uuid,
    pub(crate) creation_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) submitted_by: String,
    pub(crate) submitted_at: DateTime<Utc>,
    pub(crate) ola_deadline: DateTime<Utc>,
    pub(crate) checklist: Value,
    pub(crate) notes: Option<String>,
    pub(crate) state: Json<State>,
    pub(crate) review_notes: Option<String>,
    pub(crate) version: i64,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Reads a handoff.
pub(crate) async fn read(connection: &mut Connection, org: OrgId, handoff: HandoffId) -> sqlx::Result<Option<Handoff>> {
    sqlx::query_as!(
        Handoff,
        r#"select handoff_id, creation_id, agent_id, submitted_by, submitted_at, ola_deadline, checklist, notes,
                  state as "state: Json<State>", review_notes, version, updated_at
           from handoffs where org_id = $1 and handoff_id = $2"#,
        org.0,
        handoff.0,
    )
    .fetch_optional(connection)
    .await
}

/// Waits until nobody else holds a handoff, and holds it.
pub(crate) async fn hold(connection: &mut Connection, org: OrgId, handoff: HandoffId) -> sqlx::Result<()> {
    sqlx::query_scalar!(
        "select handoff_id from handoffs where org_id = $1 and handoff_id = $2 for no key update",
        org.0,
        handoff.0,
    )
    .fetch_optional(connection)
    .await
    .map(drop)
}

/// The handoffs of an agent, the latest first.
pub(crate) async fn of_agent(connection: &mut Connection, org: OrgId, agent: AgentId) -> sqlx::Result<Vec<Handoff>> {
    sqlx::query_as!(
        Handoff,
        r#"select handoff_id, creation_id, agent_id, submitted_by, submitted_at, ola_deadline, checklist, notes,
                  state as "state: Json<State>", review_notes, version, updated_at
           from handoffs where org_id = $1 and agent_id = $2
           order by submitted_at desc, handoff_id desc limit 100"#,
        org.0,
        agent.0,
    )
    .fetch_all(connection)
    .await
}

/// What is written once, when a handoff is submitted.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub(crate) id: HandoffId,
    pub(crate) creation: CreationId,
    pub(crate) agent: AgentId,
    pub(crate) by: &'a str,
    pub(crate) ola_deadline: DateTime<Utc>,
    pub(crate) checklist: &'a Checklist,
    pub(crate) notes: Option<&'a str>,
    pub(crate) state: &'a State,
}

/// Adds a handoff.
pub(crate) async fn insert(
    connection: &mut Connection,
    org: OrgId,
    new: &New<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into handoffs (org_id, handoff_id, creation_id, agent_id, submitted_by, submitted_at, ola_deadline,
                               checklist, notes, state, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6)",
        org.0,
        new.id.0,
        new.creation.0,
        new.agent.0,
        new.by,
        now,
        new.ola_deadline,
        Json(new.checklist) as _,
        new.notes,
        Json(new.state) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Writes a decision.
pub(crate) async fn decide(
    connection: &mut Connection,
    org: OrgId,
    handoff: HandoffId,
    state: &State,
    notes: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update handoffs set state = $3, review_notes = $4, version = version + 1, updated_at = $5
         where org_id = $1 and handoff_id = $2",
        org.0,
        handoff.0,
        Json(state) as _,
        notes,
        now,
    )
    .execute(connection)
    .await
    .map(drop)
}
