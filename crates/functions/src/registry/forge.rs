//! The forge as functions: an agent's code from files to a running pipeline.

use engine::{CallContext, Fault, FaultKind};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{ATTEMPTS, Answer, Failed, LOOKS, Parts, Retry, arguments};
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
        let repository = repository_of(parts, &input.agent_name, &input.creation_id)?;
        let made = input.generator.as_deref().unwrap_or("an unnamed generator");
        let (files, made) = (input.files.len(), made.to_owned());
        let commit = Commit {
            branch: branch(&input.creation_id),
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

/// The branch of a creation's code (REQUIREMENTS A29).
fn branch(creation_id: &str) -> String {
    format!("agent/{creation_id}")
}

/// The repository of an agent: a name to read, made unique by the creation's id.
fn repository_of(parts: &Parts, agent_name: &str, creation_id: &str) -> Result<Repository, Error> {
    let lower = agent_name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name: String = words.collect::<Vec<_>>().join("-").chars().take(60).collect();
    if name.is_empty() {
        "agent".clone_into(&mut name);
    }
    let id = hex::encode(&Sha256::digest(creation_id)[..4]);
    Repository::try_from(format!("{}/{}-{id}", parts.owner, name.trim_end_matches('-')))
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
///
/// Its key is the commit's, not the step's: a step that is tried again does not build the same commit again.
pub(super) fn dispatch_ci<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: DispatchCi = arguments(input)?;
        let dispatch = Dispatch {
            workflow: WORKFLOW.to_owned(),
            branch: input.branch,
            idempotency_key: format!("{}/{}", input.creation_id, input.commit),
            sha: input.commit,
            creation_id: input.creation_id,
            at: context.now,
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
    #[serde(default)]
    attempt: Option<u32>,
}

/// `rerun-ci`: `{repository, ci: {runId, attempt?}}` → `{runId, attempt}`.
///
/// A later attempt than the one given is not tried again: an earlier call began it, or somebody at the forge did.
pub(super) fn rerun_ci<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: OfRun = arguments(input)?;
        let Ci { run_id, attempt: failed } = input.ci;
        let now = parts.forge.status(&input.repository, run_id).await?.attempt;
        let attempt = match failed {
            Some(failed) if now > failed => now,
            _ => parts.forge.rerun(&input.repository, run_id, &context.idempotency_key).await?,
        };
        Ok(json!({"runId": run_id, "attempt": attempt}))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelCi {
    #[serde(default)]
    creation_id: String,
    #[serde(default)]
    agent_name: String,
    repository: Option<Repository>,
    ci: Option<Ci>,
}

/// `cancel-ci`: `{repository, ci: {runId}}` or `{creationId, agentName}` → `{runs}`, the runs that were told to end.
///
/// Where the build is not known, it may just be being dispatched: whatever runs on the creation's branch is ended, in the
/// repository that `commit-code` makes for an agent of this name.
pub(super) fn cancel_ci<'a>(parts: &'a Parts, _: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: CancelCi = arguments(input)?;
        let repository = match input.repository {
            Some(repository) => repository,
            None => repository_of(parts, &input.agent_name, &input.creation_id)?,
        };
        let runs = match input.ci {
            Some(ci) => vec![ci.run_id],
            None => parts.forge.running(&repository, &branch(&input.creation_id)).await?,
        };
        for run in &runs {
            parts.forge.cancel(&repository, *run).await?;
        }
        Ok(json!({"runs": runs}))
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
            Error::NotFound(_) | Error::Unavailable { .. } | Error::Underway { .. } => FaultKind::Communication,
            Error::Conflict(_) | Error::Broken { .. } => FaultKind::Runtime,
        };
        let attempts = if matches!(error, Error::Underway { .. }) { LOOKS } else { ATTEMPTS };
        let retry = error.retry().map(|after| Retry { after, attempts });
        Self { fault: Fault::new(kind, error.to_string()), retry }
    }
}
