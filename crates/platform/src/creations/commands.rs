//! What people can do to a creation that is under way: try again, or call it off.
//!
//! Trying again moves no state here: an event wakes the run, and the run moves the creation. So a retry cannot overtake
//! what the run is doing, and asking twice for the same retry is asking once.

use chrono::{DateTime, Utc};
use engine::{AgentId, CloudEvent, Data, RunId};
use serde_json::{Value, json};
use store::{Connection, commands, events, gates};
use uuid::Uuid;

use super::rows::{self, Creation};
use super::state::{Event, Status};
use super::{launch, transition};
use crate::actor::{Actor, Cause};
use crate::error::Error;
use crate::ids::CreationId;

/// What wakes a run that waits for somebody to try its failed build or code generation again.
pub const RETRIED: &str = "com.stationmaster.creation.retry.v1";

/// What wakes a run that waits for somebody to ask Genesis again.
pub const GENESIS_RETRIED: &str = "com.stationmaster.creation.genesis-retry.v1";

/// The workflow that tells the forge.
const BUILD_CANCELLATION: &str = "build-cancellation";

/// Asks for another try of a failed build, or of a failed code generation (`REQUIREMENTS R64`).
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent; [`Error::Conflict`] if neither has failed.
pub async fn retry_ci(
    connection: &mut Connection,
    actor: &Actor,
    agent: AgentId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let failed = [Status::CicdFailed, Status::CodeGenerationFailed];
    retry(connection, actor, agent, (RETRIED, "creation.retry_requested"), &failed, now).await
}

/// Orders a fresh validation from a Genesis that did not answer (`REQUIREMENTS A2, A11`). A rejection is final.
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent; [`Error::Conflict`] unless Genesis has timed out.
pub async fn retry_genesis(
    connection: &mut Connection,
    actor: &Actor,
    agent: AgentId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let kind = (GENESIS_RETRIED, "creation.genesis_retry_requested");
    retry(connection, actor, agent, kind, &[Status::GenesisTimeout], now).await
}

async fn retry(
    connection: &mut Connection,
    actor: &Actor,
    agent: AgentId,
    (kind, action): (&str, &str),
    from: &[Status],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let creation = lock_of(connection, actor, agent).await?;
    let status = creation.state.status();
    if !from.contains(&status) {
        let wanted = from.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ");
        let detail = format!("there is nothing to try again: the creation is {status}, not {wanted}");
        return Err(Error::conflict("retry_after_failure", detail));
    }
    let event = CloudEvent {
        // The version changes with every move, so this failure is tried again once, however often somebody asks.
        id: format!("{}/{}", creation.creation_id, creation.version),
        subject: Some(creation.creation_id.to_string()),
        ..event(kind, "/stationmaster/creations", now)
    };
    if events::publish(connection, actor.org, &event, now).await? == events::Published::Duplicate {
        return Ok(());
    }
    let cause = Cause::from(actor).about(creation.run());
    let details = json!({"agent_id": agent, "status": status});
    cause.audit(connection, action, creation.subject(), details, now).await?;
    Ok(())
}

/// Calls a creation off, from any state that is not final.
///
/// Its run ends, its gates are withdrawn, and its build is cancelled by a run of its own, as the forge may be away. Hint at
/// the queue `default` after the commit.
///
/// # Errors
/// [`Error::NotFound`] if there is no such agent; [`Error::Conflict`] if the creation has ended, or if a build is to be
/// cancelled and the workflow for that is not registered.
pub async fn cancel(
    connection: &mut Connection,
    actor: &Actor,
    agent: AgentId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut creation = lock_of(connection, actor, agent).await?;
    let cause = Cause::from(actor);
    let cancelled = Event::Cancelled { reason: reason.to_owned() };
    let build = build_of(&creation);
    transition::apply(connection, &cause, &mut creation, cancelled, json!({"reason": reason}), now).await?;
    gates::withdraw_all(connection, actor.org, creation.run(), now).await?;
    if let Some(build) = build {
        cancel_build(connection, actor, &creation, build, now).await?;
    }
    let cancel = commands::Command::Cancel { reason: reason.to_owned() };
    match commands::send(connection, actor.org, creation.run(), &cancel).await {
        // A run that has ended by itself needs no ending.
        Ok(_) | Err(store::Error::CommandRefused { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The build that a creation may have, as `{repository, ci}`. One that is being dispatched is not known by its creation yet,
/// and a failed one may still be at its other stages.
fn build_of(creation: &Creation) -> Option<Value> {
    match creation.state.status() {
        Status::CodeGeneration | Status::CodeGenerationFailed => Some(json!({})),
        Status::CicdRunning | Status::CicdFailed => {
            let repository = creation.code.as_ref()?.get("repository")?;
            Some(json!({"repository": repository, "ci": {"runId": creation.dispatched().run_id?}}))
        }
        _ => None,
    }
}

/// Has a build ended, by a run of its own.
async fn cancel_build(
    connection: &mut Connection,
    actor: &Actor,
    creation: &Creation,
    mut build: Value,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let id = CreationId(creation.creation_id);
    build["creationId"] = json!(id);
    build["agentName"] = json!(rows::manifest(connection, actor.org, id).await?.agent_name);
    let run = RunId(Uuid::new_v5(&creation.run_id, BUILD_CANCELLATION.as_bytes()));
    launch::launch(connection, actor, BUILD_CANCELLATION, run, build, now).await
}

async fn lock_of(connection: &mut Connection, actor: &Actor, agent: AgentId) -> Result<Creation, Error> {
    let creation = rows::of_agent(connection, actor.org, agent).await?;
    let creation = creation.ok_or_else(|| Error::not_found("agent", agent))?;
    transition::lock(connection, &Cause::from(actor), creation).await
}

/// An event of ours without identifier, subject and data.
pub(crate) fn event(kind: &str, source: &str, now: DateTime<Utc>) -> CloudEvent {
    CloudEvent {
        id: String::new(),
        source: source.to_owned(),
        specversion: "1.0".to_owned(),
        kind: kind.to_owned(),
        time: Some(now),
        subject: None,
        datacontenttype: Some("application/json".to_owned()),
        data: Data::NULL,
        extensions: serde_json::Map::new(),
    }
}
