//! The rows of SLA definitions: written once, never changed; a later one with a later date takes over.

use chrono::{DateTime, NaiveDate, Utc};
use engine::{AgentId, OrgId};
use serde_json::Value;
use sqlx::types::Json;
use store::Connection;
use uuid::Uuid;

use super::definition::Definition;
use crate::ids::SlaId;

/// A definition as it is stored.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) sla_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) sla_type: String,
    pub(crate) metrics: Value,
    pub(crate) support_sla: Value,
    pub(crate) effective_date: NaiveDate,
    pub(crate) defined_by: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// Adds a definition, if there is such an agent.
pub(crate) async fn insert(
    connection: &mut Connection,
    org: OrgId,
    id: SlaId,
    definition: &Definition,
    by: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "insert into sla_definitions (org_id, sla_id, agent_id, sla_type, metrics, support_sla, effective_date, defined_by,
                                      created_at)
         select org_id, $2, agent_id, $4, $5, $6, $7, $8, $9 from agents where org_id = $1 and agent_id = $3
         returning sla_id, agent_id, sla_type, metrics, support_sla, effective_date, defined_by, created_at",
        org.0,
        id.0,
        definition.agent_id,
        definition.sla_type.as_str(),
        Json(&definition.targets.metrics) as _,
        Json(&definition.targets.support_sla) as _,
        definition.effective_date,
        by,
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Whether a definition is an agent's.
pub(crate) async fn belongs(connection: &mut Connection, org: OrgId, agent: AgentId, sla: SlaId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from sla_definitions where org_id = $1 and agent_id = $2 and sla_id = $3) as "exists!""#,
        org.0,
        agent.0,
        sla.0,
    )
    .fetch_one(connection)
    .await
}

/// The definitions of an agent, the one that holds last first.
pub(crate) async fn of_agent(connection: &mut Connection, org: OrgId, agent: AgentId) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select sla_id, agent_id, sla_type, metrics, support_sla, effective_date, defined_by, created_at
         from sla_definitions where org_id = $1 and agent_id = $2
         order by effective_date desc, created_at desc limit 100",
        org.0,
        agent.0,
    )
    .fetch_all(connection)
    .await
}
