//! Workflow runs at GitHub.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::Client;
use super::commits::tip;
use super::{claims, number, strange, text};
use crate::forge::{Dispatch, Error, Repository, RunStatus, check_branch};

/// Looks for a run that was just dispatched, before its step is put off.
const LOOKS: u32 = 5;

/// When to look again at the earliest.
const SOON: Duration = Duration::from_secs(5);

/// How long a dispatched run may be invisible before it is taken for lost, and dispatched once more.
///
/// Usually it shows within seconds; GitHub promises nothing, and its disturbances have delayed runs by minutes.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);

/// Starts the run, or finds the one that an earlier attempt started.
///
/// GitHub may take a dispatch and show its run late, and a crash may come between the two. So whoever dispatches claims that
/// first ([`claims`]), and while a claim is younger than [`PATIENCE`] those who come later only look: within that time
/// nothing is dispatched twice.
pub(super) async fn dispatch(
    client: &Client,
    repository: &Repository,
    dispatch: &Dispatch,
    pause: Duration,
) -> Result<u64, Error> {
    check_branch(&dispatch.branch)?;
    let (base, mark) = (format!("/repos/{repository}"), mark(&dispatch.idempotency_key));
    let mut number = 1;
    while let Some(at) = claims::made(client, &base, &claims::name(&mark, number)).await? {
        if let Some(run) = find(client, &base, dispatch, &mark).await.map_err(stay)? {
            return Ok(run);
        }
        let age = dispatch.at - at;
        if age < PATIENCE {
            return Err(unseen(&mark, age));
        }
        number += 1;
    }
    if let Some(run) = start(client, &base, dispatch, &mark, number).await? {
        return Ok(run);
    }
    for _ in 0..LOOKS {
        if let Some(run) = find(client, &base, dispatch, &mark).await.map_err(stay)? {
            return Ok(run);
        }
        tokio::time::sleep(pause).await;
    }
    Err(unseen(&mark, TimeDelta::zero()))
}

/// Claims the dispatch and makes it. Gives the run where GitHub names it.
async fn start(
    client: &Client,
    base: &str,
    dispatch: &Dispatch,
    mark: &str,
    number: u32,
) -> Result<Option<u64>, Error> {
    let (branch, sha) = (&dispatch.branch, &dispatch.sha);
    if tip(client, base, branch).await?.as_ref() != Some(sha) {
        return Err(Error::Conflict(format!("{branch} does not point to {sha} ({base})")));
    }
    let claim = claims::name(mark, number);
    if !claims::make(client, base, &claim, dispatch).await? {
        return Err(unseen(mark, TimeDelta::zero()));
    }
    match send(client, base, dispatch, mark).await {
        Ok(answer) => Ok(answer["workflow_run_id"].as_u64()),
        // Whether it was taken, nobody knows.
        Err(error @ Error::Unavailable { after: None, .. }) => Err(stay(error)),
        Err(refusal) => {
            claims::give_back(client, base, &claim).await?;
            Err(refusal)
        }
    }
}

/// Asks for the run's id, which older servers do not know how to give, and refuse to be asked for.
async fn send(client: &Client, base: &str, dispatch: &Dispatch, mark: &str) -> Result<Value, Error> {
    let path = format!("{base}/actions/workflows/{}/dispatches", dispatch.workflow);
    let inputs = json!({"creation_id": dispatch.creation_id, "dispatch_key": mark});
    let body = json!({"ref": dispatch.branch, "inputs": inputs});
    let mut asking = body.clone();
    asking["return_run_details"] = json!(true);
    match client.post(&path, &asking).await {
        Err(Error::Input(why)) if why.contains("return_run_details") => client.post(&path, &body).await,
        other => other,
    }
}

/// A run may be on its way: whatever fails now, it is looked for again.
fn stay(error: Error) -> Error {
    match error {
        Error::Unavailable { detail, after } => Error::Underway { detail, after: after.unwrap_or(SOON) },
        other => other,
    }
}

/// Looks become rarer with the age of a claim.
fn unseen(mark: &str, age: TimeDelta) -> Error {
    let after = age.to_std().unwrap_or_default().clamp(SOON, Duration::from_secs(60));
    Error::Underway { detail: format!("the run that was dispatched with the key {mark} does not show yet"), after }
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

/// The runs of a branch that have not ended, as far as they show; none of a repository that is not there.
pub(super) async fn of_branch(client: &Client, repository: &Repository, branch: &str) -> Result<Vec<u64>, Error> {
    check_branch(branch)?;
    let path = format!("/repos/{repository}/actions/runs?event=workflow_dispatch&branch={branch}&per_page=100");
    let found = match client.get(&path).await {
        Err(Error::NotFound(_)) => return Ok(Vec::new()),
        other => other?,
    };
    let runs = found["workflow_runs"].as_array().ok_or_else(|| strange("/workflow_runs"))?;
    runs.iter().filter(|run| run["status"] != "completed").map(|run| number(run, "/id")).collect()
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
