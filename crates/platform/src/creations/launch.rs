//! Starts the runs that carry creations out, in the transaction of what they are for.

use chrono::{DateTime, Utc};
use engine::{Data, RunId};
use serde_json::Value;
use store::{Connection, definitions, runs};

use crate::NAMESPACE;
use crate::actor::Actor;
use crate::error::Error;

const QUEUE: &str = "default";

/// Starts `run` of the newest version of one of our workflows; one that has been started stays as it is.
///
/// # Errors
/// [`Error::Conflict`] if the workflow is not registered.
pub(super) async fn launch(
    connection: &mut Connection,
    actor: &Actor,
    workflow: &str,
    run: RunId,
    input: Value,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let versions = definitions::versions(connection, actor.org, NAMESPACE, workflow).await?;
    let Some((_, definition)) = versions.into_iter().next() else {
        let detail = format!("the workflow {NAMESPACE}/{workflow} is not registered: register it, then ask again");
        return Err(Error::conflict("workflow_registered", detail));
    };
    let run = runs::NewRun {
        id: run,
        org: actor.org,
        definition,
        input: Data::from(input),
        queue: QUEUE.to_owned(),
        priority: runs::Priority::Normal,
        started_by: format!("user:{}", actor.user),
        at: now,
    };
    runs::start(connection, &run).await?;
    Ok(())
}
