//! Endpoint 37: service levels are agreed for an agent (`REQUIREMENTS R80`).

use chrono::{DateTime, NaiveDate, Utc};
use engine::{AgentId, OrgId};
use serde::Serialize;
use serde_json::{Value, json};
use store::Connection;

use super::definition::Definition;
use super::rows::{self, Row};
use crate::actor::{Actor, Cause};
use crate::error::Error;
use crate::ids::{SlaId, fresh};

/// An agreement that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Defined {
    /// What a handoff's checklist names.
    pub sla_id: SlaId,
    /// The agent.
    pub agent_id: AgentId,
    /// `standard`, `premium` or `custom`.
    pub sla_type: String,
    /// What is measured.
    pub metrics: Value,
    /// What support promises.
    pub support_sla: Value,
    /// From which day on it holds.
    pub effective_date: NaiveDate,
    /// Who made it.
    pub defined_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl From<Row> for Defined {
    fn from(row: Row) -> Self {
        let Row { sla_id, agent_id, sla_type, metrics, support_sla, effective_date, defined_by, created_at } = row;
        let (sla_id, agent_id) = (SlaId(sla_id), AgentId(agent_id));
        Self { sla_id, agent_id, sla_type, metrics, support_sla, effective_date, defined_by, created_at }
    }
}

/// Agrees on an agent's service levels. Earlier agreements stay on record.
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent.
pub async fn define(
    connection: &mut Connection,
    actor: &Actor,
    definition: &Definition,
    now: DateTime<Utc>,
) -> Result<Defined, Error> {
    let id = SlaId(fresh(now));
    let row = rows::insert(connection, actor.org, id, definition, &actor.user, now).await?;
    let row = row.ok_or_else(|| Error::not_found("agent", definition.agent_id))?;
    let details = json!({"definition": definition});
    Cause::from(actor).audit(connection, "sla.defined", format!("sla/{id}"), details, now).await?;
    Ok(row.into())
}

/// Lists the agreements about an agent, the one that holds last first; at most 100.
///
/// # Errors
/// The database fails.
pub async fn list(connection: &mut Connection, org: OrgId, agent: AgentId) -> Result<Vec<Defined>, Error> {
    Ok(rows::of_agent(connection, org, agent).await?.into_iter().map(Defined::from).collect())
}
