//! The rows of agents.

use chrono::{DateTime, Utc};
use engine::{AgentId, OrgId};
use serde_json::Value;
use store::Connection;

use super::Manifest;
use super::parts::Industry;

fn industry(industry: Industry) -> &'static str {
    match industry {
        Industry::Marketing => "marketing",
        Industry::Education => "education",
        Industry::Sales => "sales",
    }
}

/// Adds an agent under creation. Returns `None`, and changes nothing, if a live agent of the industry has the name.
pub(crate) async fn insert(
    connection: &mut Connection,
    org: OrgId,
    agent: AgentId,
    manifest: &Manifest,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<()>> {
    let added = sqlx::query!(
        "insert into agents (org_id, agent_id, name, industry, specialty, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)
         on conflict (org_id, industry, lower(name)) where status <> 'abandoned' do nothing",
        org.0,
        agent.0,
        manifest.agent_name,
        industry(manifest.industry),
        manifest.specialty,
        now,
    )
    .execute(connection)
    .await?;
    Ok((added.rows_affected() == 1).then_some(()))
}

/// The live agent that holds a name.
pub(crate) async fn holder(
    connection: &mut Connection,
    org: OrgId,
    manifest: &Manifest,
) -> sqlx::Result<Option<AgentId>> {
    sqlx::query_scalar!(
        "select agent_id from agents
         where org_id = $1 and industry = $2 and lower(name) = lower($3) and status <> 'abandoned'",
        org.0,
        industry(manifest.industry),
        manifest.agent_name,
    )
    .fetch_optional(connection)
    .await
    .map(|id| id.map(AgentId))
}

/// Moves an agent.
pub(crate) async fn set_status(
    connection: &mut Connection,
    org: OrgId,
    agent: AgentId,
    status: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update agents set status = $3, updated_at = $4 where org_id = $1 and agent_id = $2",
        org.0,
        agent.0,
        status,
        now,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Notes where an agent's code is.
pub(crate) async fn set_repository(
    connection: &mut Connection,
    org: OrgId,
    agent: AgentId,
    repository: &Value,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update agents set repository = $3, updated_at = $4 where org_id = $1 and agent_id = $2",
        org.0,
        agent.0,
        repository,
        now,
    )
    .execute(connection)
    .await
    .map(drop)
}
