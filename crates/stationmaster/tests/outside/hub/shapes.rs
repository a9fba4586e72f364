//! GitHub's objects, with the members that its documentation shows for them.

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use super::{
    OWNER, State,
    actions::{JOB, Job, Run, begin},
};

const API: &str = "https://api.github.com";
const WEB: &str = "https://github.com";

/// `repository`.
pub(super) fn repository(name: &str, id: u64) -> Value {
    json!({
        "id": id, "node_id": "R_x", "name": name, "full_name": format!("{OWNER}/{name}"), "private": true,
        "owner": organisation(), "html_url": format!("{WEB}/{OWNER}/{name}"), "description": null, "fork": false,
        "url": format!("{API}/repos/{OWNER}/{name}"), "default_branch": "main", "archived": false, "disabled": false,
        "visibility": "private", "created_at": time(0), "updated_at": time(0), "pushed_at": time(0),
    })
}

/// `workflow_run`, as it stands.
pub(super) fn run(run: &Run) -> Value {
    let (id, name, repository) = (run.id, &run.repository, format!("{OWNER}/{}", run.repository));
    let url = format!("{API}/repos/{repository}/actions/runs/{id}");
    let ended = if run.status == "completed" { 5 } else { 0 };
    json!({
        "id": id, "name": "ci", "node_id": "WFR_x", "head_branch": run.branch, "head_sha": run.sha,
        "path": ".github/workflows/ci.yml", "display_title": run.title, "run_number": 1, "event": "workflow_dispatch",
        "status": run.status, "conclusion": run.conclusion, "workflow_id": 161_335, "check_suite_id": id + 1,
        "check_suite_node_id": "CS_x", "url": url, "html_url": format!("{WEB}/{repository}/actions/runs/{id}"),
        "pull_requests": [], "created_at": time(0), "updated_at": time(ended), "actor": person(),
        "run_attempt": run.attempts.len(), "referenced_workflows": [], "run_started_at": time(0),
        "triggering_actor": person(), "jobs_url": format!("{url}/jobs"), "logs_url": format!("{url}/logs"),
        "check_suite_url": format!("{API}/repos/{repository}/check-suites/{}", id + 1),
        "artifacts_url": format!("{url}/artifacts"), "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"), "previous_attempt_url": null,
        "workflow_url": format!("{API}/repos/{repository}/actions/workflows/161335"),
        "head_commit": {"id": run.sha, "tree_id": run.sha, "message": "Generate the agent", "timestamp": time(0),
                        "author": {"name": "Stationmaster", "email": "stationmaster@example.com"},
                        "committer": {"name": "Stationmaster", "email": "stationmaster@example.com"}},
        "repository": self::repository(name, 1), "head_repository": self::repository(name, 1),
    })
}

/// `workflow_job`, as it stands.
pub(super) fn job(run: &Run, attempt: usize, job: &Job) -> Value {
    let repository = format!("{OWNER}/{}", run.repository);
    let runner = job.started_at.filter(|_| job.conclusion != Some("skipped")).map(|_| "GitHub Actions 2");
    let at =
        |time: Option<chrono::DateTime<chrono::Utc>>| time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    let step = json!({"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1,
                      "started_at": at(job.started_at), "completed_at": at(job.started_at)});
    let steps = if runner.is_some() { vec![step] } else { Vec::new() };
    json!({
        "id": job.id, "run_id": run.id, "workflow_name": "ci", "head_branch": run.branch,
        "run_url": format!("{API}/repos/{repository}/actions/runs/{}", run.id), "run_attempt": attempt,
        "node_id": "CR_x", "head_sha": run.sha, "url": format!("{API}/repos/{repository}/actions/jobs/{}", job.id),
        "html_url": format!("{WEB}/{repository}/actions/runs/{}/job/{}", run.id, job.id), "status": job.status,
        "conclusion": job.conclusion, "created_at": time(0), "started_at": at(job.started_at).unwrap_or_else(|| time(0)),
        "completed_at": at(job.completed_at), "name": job.name, "steps": steps,
        "check_run_url": format!("{API}/repos/{repository}/check-runs/{}", job.id), "labels": ["ubuntu-latest"],
        "runner_id": runner.map(|_| 2), "runner_name": runner, "runner_group_id": runner.map(|_| 0),
        "runner_group_name": runner.map(|_| "GitHub Actions"),
    })
}

/// The body of a `workflow_run` webhook.
pub(super) fn of_run(action: &str, about: &Run, state: &State) -> Value {
    let workflow = json!({"id": 161_335, "node_id": "W_x", "name": "ci", "path": ".github/workflows/ci.yml",
                          "state": "active", "created_at": time(0), "updated_at": time(0)});
    let (repository, organization) = around(about, state);
    json!({"action": action, "workflow_run": run(about), "workflow": workflow, "repository": repository,
           "organization": organization, "sender": person()})
}

/// The body of a `workflow_job` webhook about a job of an attempt.
pub(super) fn of_job(action: &str, about: &Run, attempt: usize, number: usize, state: &State) -> Value {
    let job = job(about, attempt, &about.attempts[attempt - 1][number]);
    let (repository, organization) = around(about, state);
    json!({"action": action, "workflow_job": job, "repository": repository, "organization": organization,
           "sender": person()})
}

fn around(about: &Run, state: &State) -> (Value, Value) {
    (repository(&about.repository, state.repositories[&about.repository].id), organisation())
}

fn organisation() -> Value {
    json!({"login": OWNER, "id": 9_919, "node_id": "O_x", "type": "Organization", "url": format!("{API}/orgs/{OWNER}"),
           "html_url": format!("{WEB}/{OWNER}"), "site_admin": false})
}

fn person() -> Value {
    json!({"login": "stationmaster[bot]", "id": 41_898_282, "node_id": "BOT_x", "type": "Bot", "site_admin": false,
           "url": format!("{API}/users/stationmaster%5Bbot%5D"), "html_url": format!("{WEB}/apps/stationmaster")})
}

/// The time after so many jobs.
fn time(jobs: i32) -> String {
    let after: TimeDelta = JOB * jobs;
    (begin() + after).to_rfc3339_opts(SecondsFormat::Secs, true)
}
