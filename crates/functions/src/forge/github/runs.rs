//! Workflow runs at GitHub.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::Client;
use super::commits::tip;
use super::{number, strange, text};
use crate::forge::{Dispatch, Error, Repository, RunStatus, check_branch};

/// Looks for a run that was just dispatched.
const LOOKS: u32 = 15;

/// Starts the run, or finds the one that an earlier attempt started.
pub(super) async fn dispatch(
    client: &Client,
    repository: &Repository,
    dispatch: &Dispatch,
    pause: Duration,
) -> Result<u64, Error> {
    check_branch(&dispatch.branch)?;
    let base = format!("/repos/{repository}");
    let mark = mark(&dispatch.idempotency_key);
    if let Some(run) = find(client, &base, dispatch, &mark).await? {
        return Ok(run);
    }
    let tip = tip(client, &base, &dispatch.branch).await?;
    if tip.as_deref() != Some(&dispatch.sha) {
        let (branch, sha) = (&dispatch.branch, &dispatch.sha);
        return Err(Error::Conflict(format!("{branch} of {repository} does not point to {sha}")));
    }
    let path = format!("{base}/actions/workflows/{}/dispatches", dispatch.workflow);
    let inputs = json!({"creation_id": dispatch.creation_id, "dispatch_key": mark});
    let answer = client.post(&path, &json!({"ref": dispatch.branch, "inputs": inputs})).await?;
    // Newer versions of the API name the run at once.
    if let Some(run) = answer["workflow_run_id"].as_u64() {
        return Ok(run);
    }
    for _ in 0..LOOKS {
        if let Some(run) = find(client, &base, dispatch, &mark).await? {
            return Ok(run);
        }
        tokio::time::sleep(pause).await;
    }
    Err(Error::Unavailable { detail: "the dispatched run does not show yet".to_owned(), after: None })
}

/// What the run's title holds of the key: short, and the same each time.
fn mark(key: &str) -> String {
    hex::encode(&Sha256::digest(key)[..12])
}

/// The run whose title the generated workflow made from our inputs.
async fn find(client: &Client, base: &str, dispatch: &Dispatch, mark: &str) -> Result<Option<u64>, Error> {
    let (branch, sha) = (&dispatch.branch, &dispatch.sha);
    let path = format!("{base}/actions/runs?event=workflow_dispatch&branch={branch}&head_sha={sha}&per_page=100");
    let found = client.get(&path).await?;
    let runs = found["workflow_runs"].as_array().ok_or_else(|| strange("/workflow_runs"))?;
    let ours = runs.iter().find(|run| run["display_title"].as_str().is_some_and(|title| title.ends_with(mark)));
    ours.map(|run| number(run, "/id")).transpose()
}

/// Starts a finished run again. GitHub keeps no key: a run that is on its way is taken for one
/// that an earlier attempt of this request started.
pub(super) async fn rerun(client: &Client, repository: &Repository, run: u64) -> Result<u32, Error> {
    let path = format!("/repos/{repository}/actions/runs/{run}");
    let found = client.get(&path).await?;
    let attempt = attempt(&found)?;
    if text(&found, "/status")? != "completed" {
        return Ok(attempt);
    }
    client.post(&format!("{path}/rerun"), &json!({})).await?;
    Ok(attempt + 1)
}

/// Where a run is.
pub(super) async fn status(client: &Client, repository: &Repository, run: u64) -> Result<RunStatus, Error> {
    let path = format!("/repos/{repository}/actions/runs/{run}");
    let workflow_run = client.get(&path).await?;
    let attempt = attempt(&workflow_run)?;
    let mut jobs = client.get(&format!("{path}/attempts/{attempt}/jobs?per_page=100")).await?;
    let Value::Array(jobs) = jobs["jobs"].take() else { return Err(strange("/jobs")) };
    Ok(RunStatus {
        run_id: number(&workflow_run, "/id")?,
        attempt,
        status: text(&workflow_run, "/status")?,
        conclusion: workflow_run["conclusion"].as_str().map(str::to_owned),
        workflow_run,
        jobs,
    })
}

fn attempt(run: &Value) -> Result<u32, Error> {
    u32::try_from(number(run, "/run_attempt")?).map_err(|_| strange("/run_attempt"))
}
