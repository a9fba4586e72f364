//! The objects of GitHub's webhooks, as its REST API documents them, from a [`Record`]; without links, because nothing here
//! has a page.

use serde_json::{Value, json};

use super::record::{Conclusion, Job, Record, Status, Step, number};
use crate::forge::Repository;

/// The name in the generated `ci.yml`.
const WORKFLOW: &str = "ci";

/// `workflow_run`.
pub(super) fn run(record: &Record) -> Value {
    json!({
        "id": record.id,
        "name": WORKFLOW,
        "display_title": format!("{WORKFLOW} {} {}", record.dispatch.creation_id, record.dispatch.idempotency_key),
        "path": format!(".github/workflows/{}", record.dispatch.workflow),
        "event": "workflow_dispatch",
        "run_number": 1,
        "run_attempt": record.attempt,
        "workflow_id": workflow_id(record),
        "head_branch": record.dispatch.branch,
        "head_sha": record.dispatch.sha,
        "status": record.status,
        "conclusion": record.conclusion,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "run_started_at": record.started_at,
        "actor": sender(),
        "triggering_actor": sender(),
        "pull_requests": [],
        "repository": repository(&record.repository),
    })
}

/// `workflow_job`.
pub(super) fn job(record: &Record, job: &Job) -> Value {
    let id = number(&["job", &record.id.to_string(), &record.attempt.to_string(), &job.name]);
    let runner = job.started_at.map(|_| "local");
    let steps: Vec<_> = (1..).zip(&job.steps).map(|(number, one)| step(number, one)).collect();
    json!({
        "id": id,
        "run_id": record.id,
        "run_attempt": record.attempt,
        "name": job.name,
        "workflow_name": WORKFLOW,
        "head_branch": record.dispatch.branch,
        "head_sha": record.dispatch.sha,
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "steps": steps,
        "labels": ["self-hosted", "local"],
        "runner_id": runner.map(|_| 1),
        "runner_name": runner,
        "runner_group_id": runner.map(|_| 1),
        "runner_group_name": runner,
    })
}

fn step(number: u32, step: &Step) -> Value {
    json!({
        "number": number,
        "name": step.name,
        "status": Status::Completed,
        "conclusion": if step.conclusion == Conclusion::TimedOut { Conclusion::Failure } else { step.conclusion },
        "started_at": step.started_at,
        "completed_at": step.completed_at,
    })
}

/// `repository`.
pub(super) fn repository(repository: &Repository) -> Value {
    json!({
        "id": number(&["repository", repository.owner(), repository.name()]),
        "name": repository.name(),
        "full_name": repository.to_string(),
        "private": true,
        "owner": {"login": repository.owner(), "type": "Organization"},
        "default_branch": "main",
    })
}

/// `sender`: the one who acts.
pub(super) fn sender() -> Value {
    json!({"login": "stationmaster", "id": 1, "type": "Bot"})
}

fn workflow_id(record: &Record) -> u64 {
    number(&["workflow", &record.repository.to_string(), &record.dispatch.workflow])
}
