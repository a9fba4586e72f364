//! One move of a creation: the pure state machine, the row, the agent, and the audit trail, in one transaction.

use chrono::{DateTime, Utc};
use engine::CallContext;
use serde_json::{Value, json};
use store::Connection;

use super::rows::{self, Creation};
use super::state::{Event, Status};
use super::timeline;
use crate::actor::Cause;
use crate::agents;
use crate::error::Error;
use crate::ids::CreationId;

/// Locks a creation, or says that there is none.
pub(crate) async fn lock(connection: &mut Connection, cause: &Cause, creation: CreationId) -> Result<Creation, Error> {
    rows::lock(connection, cause.org, creation).await?.ok_or_else(|| Error::not_found("creation", creation))
}

/// Locks the creation that a run carries out. No other run moves it, whatever definition it follows.
pub(crate) async fn lock_own(
    connection: &mut Connection,
    context: &CallContext,
    creation: CreationId,
) -> Result<Creation, Error> {
    let found = lock(connection, &Cause::from(context), creation).await?;
    if found.run() == context.run {
        return Ok(found);
    }
    let detail = format!("creation {creation} is carried out by run {}: no other moves it", found.run());
    Err(Error::forbidden("own_run", detail))
}

/// Lets `event` happen to a locked creation. `details` goes to the audit trail beside where it came from and went to.
pub(crate) async fn apply(
    connection: &mut Connection,
    cause: &Cause,
    creation: &mut Creation,
    event: Event,
    details: Value,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let action = format!("creation.{}", event.name());
    let from = creation.state.status();
    creation.state.0 = creation.state.apply(event)?;
    let to = creation.state.status();
    timeline::moved(&mut creation.timeline, from, to, now);
    rows::save(connection, cause.org, creation, now).await?;
    if let Some(status) = agent_status(to) {
        agents::rows::set_status(connection, cause.org, creation.agent(), status, now).await?;
    }
    let details = json!({"agent_id": creation.agent_id, "from": from, "to": to, "details": details});
    let cause = cause.clone().about(creation.run());
    cause.audit(connection, &action, creation.subject(), details, now).await?;
    Ok(())
}

/// What becomes of the agent when its creation gets there.
const fn agent_status(status: Status) -> Option<&'static str> {
    match status {
        Status::HandoffComplete => Some("production_ready"),
        Status::GenesisRejected | Status::Cancelled => Some("abandoned"),
        Status::GenesisValidationPending
        | Status::GenesisApproved
        | Status::GenesisTimeout
        | Status::CodeGeneration
        | Status::CodeGenerationFailed
        | Status::CicdRunning
        | Status::CicdFailed
        | Status::DeploymentReady
        | Status::HandoffPending => None,
    }
}
