//! The forge as functions: an agent's code from files to a running pipeline.

use engine::{CallContext, FaultKind};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Answer, Failed, Parts, arguments};
use crate::forge::{Commit, Dispatch, Error, Repository, RunStatus};
use crate::generate::{GeneratedFile, files};

/// The workflow file of every agent.
const WORKFLOW: &str = "ci.yml";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitCode {
    creation_id: String,
    agent_name: String,
    files: Vec<GeneratedFile>,
    #[serde(default)]
    generator: Option<String>,
}

/// `commit-code`: `{creationId, agentName, files, generator?}` → `{repository, branch, commit}`.
pub(super) fn commit_code<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: CommitCode = arguments(input)?;
        files::check(&input.files).map_err(|error| Failed::for_good(FaultKind::Validation, error))?;
        let repository = Repository::try_from(repository_name(&parts.owner, &input))?;
        let made = input.generator.as_deref().unwrap_or("an unnamed generator");
        let (files, made) = (input.files.len(), made.to_owned());
        let commit = Commit {
            branch: format!("agent/{}", input.creation_id),
            message: format!("Generate the agent by {}", made.replace(char::is_control, " ")),
            files: input.files,
            idempotency_key: context.idempotency_key.clone(),
        };
        parts.forge.create_repository(&repository).await?;
        let sha = parts.forge.commit(&repository, &commit).await?;
        let at = json!({"repository": repository, "branch": commit.branch, "commit": sha, "files": files, "generator": made});
        Ok(at)
    })
}

/// A name to read, made unique by the creation's id.
fn repository_name(owner: &str, input: &CommitCode) -> String {
    let lower = input.agent_name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name: String = words.collect::<Vec<_>>().join("-").chars().take(60).collect();
    if name.is_empty() {
        "agent".clone_into(&mut name);
    }
    let id = hex::encode(&Sha256::digest(&input.creation_id)[..4]);
    format!("{owner}/{}-{id}", name.trim_end_matches('-'))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DispatchCi {
    creation_id: String,
    repository: Repository,
    branch: String,
    commit: String,
}

/// `dispatch-ci`: `{creationId, repository, branch, commit}` → `{runId, attempt}`.
pub(super) fn dispatch_ci<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: DispatchCi = arguments(input)?;
        let dispatch = Dispatch {
            workflow: WORKFLOW.to_owned(),
            branch: input.branch,
            sha: input.commit,
            creation_id: input.creation_id,
            idempotency_key: context.idempotency_key.clone(),
        };
        let run = parts.forge.dispatch(&input.repository, &dispatch).await?;
        Ok(json!({"runId": run, "attempt": 1}))
    })
}

#[derive(Deserialize)]
struct OfRun {
    repository: Repository,
    ci: Ci,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ci {
    run_id: u64,
}

/// `rerun-ci`: `{repository, ci: {runId}}` → `{runId, attempt}`.
pub(super) fn rerun_ci<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: OfRun = arguments(input)?;
        let run = input.ci.run_id;
        let attempt = parts.forge.rerun(&input.repository, run, &context.idempotency_key).await?;
        Ok(json!({"runId": run, "attempt": attempt}))
    })
}

/// `cancel-ci`: `{repository, ci: {runId}}` → `{runId}`.
pub(super) fn cancel_ci<'a>(parts: &'a Parts, _: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: OfRun = arguments(input)?;
        parts.forge.cancel(&input.repository, input.ci.run_id).await?;
        Ok(json!({"runId": input.ci.run_id}))
    })
}

/// `reconcile-ci`: `{repository, ci: {runId}}` → what webhooks would have said of it by now, as a
/// list of their bodies.
pub(super) fn reconcile_ci<'a>(parts: &'a Parts, _: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: OfRun = arguments(input)?;
        let status = parts.forge.status(&input.repository, input.ci.run_id).await?;
        Ok(reports(status, &input.repository).into())
    })
}

fn reports(status: RunStatus, repository: &Repository) -> Vec<Value> {
    let about = json!({"full_name": repository});
    let jobs =
        status.jobs.into_iter().map(|job| json!({"action": job["status"], "workflow_job": job, "repository": about}));
    let run = json!({"action": status.status, "workflow_run": status.workflow_run, "repository": about});
    jobs.chain([run]).collect()
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Input(_) => FaultKind::Validation,
            Error::Denied(_) => FaultKind::Authorization,
            Error::Missing { .. } => FaultKind::Configuration,
            Error::NotFound(_) | Error::Unavailable { .. } => FaultKind::Communication,
            Error::Conflict(_) | Error::Broken { .. } => FaultKind::Runtime,
        };
        match error.retry() {
            Some(after) => Self::for_now(kind, error, after),
            None => Self::for_good(kind, error),
        }
    }
}
