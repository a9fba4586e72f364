//! Endpoint 32: somebody asks for an agent. Agent, creation, run and audit row appear together or not at all.

use chrono::{DateTime, Utc};
use engine::{AgentId, RunId};
use serde::Serialize;
use serde_json::json;
use store::Connection;

use super::state::{State, Status};
use super::{launch, rows, timeline};
use crate::actor::{Actor, Cause};
use crate::agents::{self, CreationRequest, Manifest};
use crate::error::Error;
use crate::ids::{CreationId, fresh};

const WORKFLOW: &str = "agent-creation";

/// How creations are run here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether an Admin has to approve what Genesis approved (`REQUIREMENTS A4`).
    pub admin_gate: bool,
}

/// The answer: everything by which the creation can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requested {
    /// The agent, which exists from here on (`REQUIREMENTS A10`).
    pub agent_id: AgentId,
    /// Its creation.
    pub creation_id: CreationId,
    /// The run that carries it out.
    pub run_id: RunId,
    /// `genesis_validation_pending`.
    pub status: Status,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

/// Starts the creation of an agent. Hint at the queue `default` after the commit.
///
/// # Errors
/// [`Error::Conflict`] if a live agent of the industry has the name (`REQUIREMENTS A25`), if what it supersedes was not
/// rejected (A41), or if the workflow is not registered.
pub async fn request(
    connection: &mut Connection,
    actor: &Actor,
    request: CreationRequest,
    options: Options,
    now: DateTime<Utc>,
) -> Result<Requested, Error> {
    let supersedes = request.supersedes;
    if let Some(rejected) = supersedes {
        supersede(connection, actor, CreationId(rejected)).await?;
    }
    let manifest = Manifest::from(request);
    let (agent, id, run) = (AgentId(fresh(now)), CreationId(fresh(now)), RunId(fresh(now)));
    if agents::rows::insert(connection, actor.org, agent, &manifest, now).await?.is_none() {
        return Err(name_taken(connection, actor, &manifest).await?);
    }
    let manifest = json!(manifest);
    let new = rows::New {
        id,
        agent,
        run,
        requested_by: &actor.user,
        supersedes,
        manifest: &manifest,
        state: &State::GenesisValidationPending,
        timeline: &timeline::requested(now),
    };
    rows::insert(connection, actor.org, &new, now).await?;
    let input = json!({
        "creationId": id,
        "agentId": agent,
        "manifest": manifest,
        "requestedBy": actor.user,
        "orchestrator": actor.email.as_deref().unwrap_or(&actor.user),
        "adminGate": options.admin_gate,
    });
    launch::launch(connection, actor, WORKFLOW, run, input, now).await?;
    let cause = Cause::from(actor).about(run);
    let details = json!({"agent_id": agent, "manifest": manifest, "supersedes": supersedes});
    cause.audit(connection, "creation.requested", format!("creation/{id}"), details, now).await?;
    Ok(Requested { agent_id: agent, creation_id: id, run_id: run, status: new.state.status(), created_at: now })
}

async fn supersede(connection: &mut Connection, actor: &Actor, rejected: CreationId) -> Result<(), Error> {
    let creation = rows::read(connection, actor.org, rejected).await?;
    let creation = creation.ok_or_else(|| Error::not_found("creation", rejected))?;
    match creation.state.status() {
        Status::GenesisRejected => Ok(()),
        other => Err(Error::conflict(
            "supersedes_a_rejection",
            format!("only a rejected creation can be superseded: {rejected} is {other}"),
        )),
    }
}

async fn name_taken(connection: &mut Connection, actor: &Actor, manifest: &Manifest) -> Result<Error, Error> {
    let holder = agents::rows::holder(connection, actor.org, manifest).await?;
    let holder = holder.map_or_else(|| "another agent".to_owned(), |agent| format!("agent {agent}"));
    let industry = json!(manifest.industry);
    let industry = industry.as_str().unwrap_or_default();
    let detail = format!("{holder} of {industry} is called {:?} already: choose another name", manifest.agent_name);
    Ok(Error::conflict("unique_name", detail))
}
