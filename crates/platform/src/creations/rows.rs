//! The rows of creations. A transition locks the row first: [`lock`], then [`save`].

use chrono::{DateTime, Utc};
use engine::{AgentId, OrgId, RunId};
use serde_json::Value;
use sqlx::types::Json;
use store::Connection;
use uuid::Uuid;

use super::builds::Dispatched;
use super::progress::Timeline;
use super::state::State;
use crate::agents::Manifest;
use crate::ids::CreationId;

/// A creation as it is stored, but for its manifest.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) creation_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) run_id: Uuid,
    pub(crate) requested_by: String,
    pub(crate) requested_at: DateTime<Utc>,
    pub(crate) state: Json<State>,
    pub(crate) timeline: Json<Timeline>,
    pub(crate) verdict: Option<Value>,
    pub(crate) code: Option<Value>,
    pub(crate) build: Option<Json<Dispatched>>,
    pub(crate) version: i64,
    pub(crate) updated_at: DateTime<Utc>,
}

impl Creation {
    pub(crate) fn agent(&self) -> AgentId {
        AgentId(self.agent_id)
    }

    pub(crate) fn run(&self) -> RunId {
        RunId(self.run_id)
    }

    /// The build that it waits for; none in particular before one was dispatched.
    pub(crate) fn dispatched(&self) -> Dispatched {
        self.build.as_deref().cloned().unwrap_or_default()
    }

    /// What the audit trail calls it.
    pub(crate) fn subject(&self) -> String {
        format!("creation/{}", self.creation_id)
    }
}

/// The creation of an agent.
pub(crate) async fn of_agent(
    connection: &mut Connection,
    org: OrgId,
    agent: AgentId,
) -> sqlx::Result<Option<CreationId>> {
    sqlx::query_scalar!("select creation_id from creations where org_id = $1 and agent_id = $2", org.0, agent.0)
        .fetch_optional(connection)
        .await
        .map(|id| id.map(CreationId))
}

/// Reads a creation.
pub(crate) async fn read(
    connection: &mut Connection,
    org: OrgId,
    creation: CreationId,
) -> sqlx::Result<Option<Creation>> {
    sqlx::query_as!(
        Creation,
        r#"select creation_id, agent_id, run_id, requested_by, requested_at, state as "state: Json<State>",
                  timeline as "timeline: Json<Timeline>", verdict, code, build as "build: Json<Dispatched>", version,
                  updated_at
           from creations where org_id = $1 and creation_id = $2"#,
        org.0,
        creation.0,
    )
    .fetch_optional(connection)
    .await
}

/// Reads a creation and holds it until the transaction ends; the first lock of every transition.
pub(crate) async fn lock(
    connection: &mut Connection,
    org: OrgId,
    creation: CreationId,
) -> sqlx::Result<Option<Creation>> {
    sqlx::query_as!(
        Creation,
        r#"select creation_id, agent_id, run_id, requested_by, requested_at, state as "state: Json<State>",
                  timeline as "timeline: Json<Timeline>", verdict, code, build as "build: Json<Dispatched>", version,
                  updated_at
           from creations where org_id = $1 and creation_id = $2 for no key update"#,
        org.0,
        creation.0,
    )
    .fetch_optional(connection)
    .await
}

/// The manifest of a creation, as it was requested.
pub(crate) async fn manifest(connection: &mut Connection, org: OrgId, creation: CreationId) -> sqlx::Result<Manifest> {
    sqlx::query_scalar!(
        r#"select manifest as "manifest: Json<Manifest>" from creations where org_id = $1 and creation_id = $2"#,
        org.0,
        creation.0,
    )
    .fetch_one(connection)
    .await
    .map(|manifest| manifest.0)
}

/// What is written once, when a creation is requested.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub(crate) id: CreationId,
    pub(crate) agent: AgentId,
    pub(crate) run: RunId,
    pub(crate) requested_by: &'a str,
    pub(crate) supersedes: Option<Uuid>,
    pub(crate) manifest: &'a Value,
    pub(crate) state: &'a State,
    pub(crate) timeline: &'a Timeline,
}

/// Adds a creation.
pub(crate) async fn insert(
    connection: &mut Connection,
    org: OrgId,
    new: &New<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into creations (org_id, creation_id, agent_id, run_id, requested_by, requested_at, supersedes, manifest,
                                state, timeline, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6)",
        org.0,
        new.id.0,
        new.agent.0,
        new.run.0,
        new.requested_by,
        now,
        new.supersedes,
        new.manifest,
        Json(new.state) as _,
        Json(new.timeline) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Writes what has changed of a locked creation, and counts it.
pub(crate) async fn save(
    connection: &mut Connection,
    org: OrgId,
    creation: &mut Creation,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    creation.version = sqlx::query_scalar!(
        "update creations
         set state = $3, timeline = $4, verdict = $5, code = $6, build = $7, version = version + 1, updated_at = $8
         where org_id = $1 and creation_id = $2
         returning version",
        org.0,
        creation.creation_id,
        Json(&creation.state.0) as _,
        Json(&creation.timeline.0) as _,
        creation.verdict,
        creation.code,
        creation.build.as_ref().map(|build| Json(&build.0)) as _,
        now,
    )
    .fetch_one(connection)
    .await?;
    creation.updated_at = now;
    Ok(())
}
