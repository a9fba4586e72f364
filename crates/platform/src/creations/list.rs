//! All creations of an organisation, the newest first, a page at a time.

use chrono::{DateTime, Utc};
use engine::{AgentId, OrgId, RunId};
use serde::Serialize;
use store::Connection;

use crate::error::Error;
use crate::ids::CreationId;

/// The most that a page holds.
const PAGE: u32 = 100;

/// A creation in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreationSummary {
    /// The agent.
    pub agent_id: AgentId,
    /// The creation.
    pub creation_id: CreationId,
    /// The run that carries it out.
    pub run_id: RunId,
    /// The agent's name.
    pub agent_name: String,
    /// Its industry.
    pub industry: String,
    /// How the creation stands.
    pub status: String,
    /// `in_creation`, `production_ready` or `abandoned`.
    pub agent_status: String,
    /// `creation_phase` or `service_phase` (`REQUIREMENTS R69`).
    pub lifecycle: String,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A place in the list: just after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the creation was asked for.
    pub created_at: DateTime<Utc>,
    /// Which one.
    pub id: CreationId,
}

/// Lists creations, the newest first, after a place in the list; at most 100.
///
/// # Errors
/// The database fails.
pub async fn list(
    connection: &mut Connection,
    org: OrgId,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<CreationSummary>, Error> {
    let rows = sqlx::query!(
        r#"select agent_id, creation_id, run_id, name, industry, c.status as "status!", a.status as agent_status,
                  lifecycle as "lifecycle!", requested_by, requested_at, c.updated_at
           from creations c join agents a using (org_id, agent_id)
           where org_id = $1 and ($2::timestamptz is null or (requested_at, creation_id) < ($2, $3))
           order by requested_at desc, creation_id desc limit $4"#,
        org.0,
        after.map(|after| after.created_at),
        after.map(|after| after.id.0),
        i64::from(limit.min(PAGE)),
    )
    .fetch_all(connection)
    .await?;
    let summary = rows.into_iter().map(|row| CreationSummary {
        agent_id: AgentId(row.agent_id),
        creation_id: CreationId(row.creation_id),
        run_id: RunId(row.run_id),
        agent_name: row.name,
        industry: row.industry,
        status: row.status,
        agent_status: row.agent_status,
        lifecycle: row.lifecycle,
        requested_by: row.requested_by,
        created_at: row.requested_at,
        updated_at: row.updated_at,
    });
    Ok(summary.collect())
}
