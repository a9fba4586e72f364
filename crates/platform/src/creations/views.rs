//! Endpoints 33 and 34: how a creation stands, and how its build does. Read without locks.

use chrono::{DateTime, Utc};
use engine::{AgentId, OrgId, RunId};
use serde::Serialize;
use serde_json::Value;
use store::Connection;

use super::builds::Dispatched;
use super::ci::StageView;
use super::progress::Progress;
use super::rows::{self, Creation};
use super::{build_rows, builds::Builds};
use crate::error::Error;
use crate::ids::CreationId;

/// How a creation stands.
#[derive(Debug, Clone, Serialize)]
pub struct CreationStatus {
    /// The agent.
    pub agent_id: AgentId,
    /// The creation.
    pub creation_id: CreationId,
    /// The run that carries it out.
    pub run_id: RunId,
    /// Status, percentage and the five steps.
    #[serde(flatten)]
    pub progress: Progress,
    /// What Genesis said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Value>,
    /// Where the code is: repository, branch and commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Value>,
    /// Where the build can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github_actions_url: Option<String>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When anything here last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change: what an entity tag is made of.
    #[serde(skip)]
    pub version: i64,
}

/// How a build stands.
#[derive(Debug, Clone, Serialize)]
pub struct PipelineStatus {
    /// The agent.
    pub agent_id: AgentId,
    /// The attempt that is shown, from 1; 0 before the first.
    pub attempt: i64,
    /// Where it can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github_actions_url: Option<String>,
    /// The five stages.
    pub stages: Vec<StageView>,
    /// When anything here last changed.
    pub updated_at: DateTime<Utc>,
    /// As in [`CreationStatus`].
    #[serde(skip)]
    pub version: i64,
}

/// How the creation of an agent stands (endpoint 33).
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent in this organisation.
pub async fn status(connection: &mut Connection, org: OrgId, agent: AgentId) -> Result<CreationStatus, Error> {
    let (creation, builds) = read(connection, org, agent).await?;
    let dispatched = creation.dispatched();
    let pipeline = builds.pipeline(&dispatched);
    Ok(CreationStatus {
        agent_id: agent,
        creation_id: CreationId(creation.creation_id),
        run_id: creation.run(),
        progress: Progress::of(&creation.state, &pipeline, &creation.timeline),
        github_actions_url: url(&builds, &dispatched),
        verdict: creation.verdict,
        code: creation.code,
        requested_by: creation.requested_by,
        created_at: creation.requested_at,
        updated_at: creation.updated_at,
        version: creation.version,
    })
}

/// How the build of an agent stands (endpoint 34).
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent in this organisation.
pub async fn pipeline(connection: &mut Connection, org: OrgId, agent: AgentId) -> Result<PipelineStatus, Error> {
    let (creation, builds) = read(connection, org, agent).await?;
    let dispatched = creation.dispatched();
    Ok(PipelineStatus {
        agent_id: agent,
        attempt: builds.current(&dispatched).map_or(0, |current| current.attempt),
        github_actions_url: url(&builds, &dispatched),
        stages: builds.pipeline(&dispatched).stages(),
        updated_at: creation.updated_at,
        version: creation.version,
    })
}

async fn read(connection: &mut Connection, org: OrgId, agent: AgentId) -> Result<(Creation, Builds), Error> {
    let id = rows::of_agent(connection, org, agent).await?;
    let id = id.ok_or_else(|| Error::not_found("agent", agent))?;
    let creation = rows::read(connection, org, id).await?;
    let creation = creation.ok_or_else(|| Error::not_found("creation", id))?;
    let builds = build_rows::read(connection, org, id).await?;
    Ok((creation, builds))
}

/// The build's own page, as it reported, or as its dispatch said.
fn url(builds: &Builds, dispatched: &Dispatched) -> Option<String> {
    let current = builds.current(dispatched)?;
    let reported = builds.runs.get(&current).and_then(|seen| seen.url.clone());
    reported.or_else(|| dispatched.url.clone())
}
