//! GitHub Actions: dispatches, and builds whose five jobs begin and end one after the other, and say so.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Hub, JOBS, Reply, State, Webhooks, hooks::Webhook, rest::missing, shapes};

/// How long every job takes.
pub(crate) const JOB: TimeDelta = TimeDelta::seconds(63);

/// A build, with all of its attempts.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) repository: String,
    pub(crate) branch: String,
    pub(crate) sha: String,
    pub(super) title: String,
    pub(crate) attempts: Vec<Vec<Job>>,
    pub(crate) status: &'static str,
    pub(crate) conclusion: Option<&'static str>,
    /// How often it was asked to end.
    pub(crate) cancelled: usize,
}

/// A job of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) status: &'static str,
    pub(super) conclusion: Option<&'static str>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) completed_at: Option<DateTime<Utc>>,
}

/// When builds begin, by the runners' clocks.
pub(super) fn begin() -> DateTime<Utc> {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

/// Answers a request about the builds of one repository.
pub(super) async fn answer(
    hub: &Arc<Hub>,
    method: &str,
    name: &str,
    rest: &[&str],
    query: &str,
    body: &Value,
) -> Reply {
    match (method, rest) {
        ("POST", ["workflows", "ci.yml", "dispatches"]) => dispatch(hub, name, body).await,
        ("GET", ["runs"]) => hub.look(|state| list(state, name, query)),
        ("GET", ["runs", id]) => {
            hub.look(|state| of(state, name, id).map_or_else(missing, |run| (200, shapes::run(run))))
        }
        ("GET", ["runs", id, "attempts", attempt, "jobs"]) => hub.look(|state| jobs(state, name, id, attempt)),
        ("POST", ["runs", id, "rerun"]) => rerun(hub, name, id),
        ("POST", ["runs", id, "cancel"]) => hub.change(|state| cancel(state, name, id)),
        other => panic!("GitHub is asked {other:?}"),
    }
}

fn of<'a>(state: &'a State, name: &str, id: &str) -> Option<&'a Run> {
    state.run(id.parse().ok()?).filter(|run| run.repository == name)
}

fn list(state: &State, name: &str, query: &str) -> Reply {
    if !state.repositories.contains_key(name) {
        return missing();
    }
    let wanted = |key: &str| query.split('&').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
    let of_query = |run: &&Run| {
        run.repository == name
            && wanted("branch").is_none_or(|branch| branch == run.branch)
            && wanted("head_sha").is_none_or(|sha| sha == run.sha)
            && wanted("event").is_none_or(|event| event == "workflow_dispatch")
    };
    let shown = state.runs.iter().rev().filter(|_| state.manners.shows_runs).filter(of_query);
    let shown: Vec<_> = shown.map(shapes::run).collect();
    (200, json!({"total_count": shown.len(), "workflow_runs": shown}))
}

fn jobs(state: &State, name: &str, id: &str, attempt: &str) -> Reply {
    let Some(run) = of(state, name, id) else { return missing() };
    let Ok(attempt) = attempt.parse::<usize>() else { return missing() };
    let Some(jobs) = run.attempts.get(attempt - 1) else { return missing() };
    let jobs: Vec<_> = jobs.iter().map(|job| shapes::job(run, attempt, job)).collect();
    (200, json!({"total_count": jobs.len(), "jobs": jobs}))
}

async fn dispatch(hub: &Arc<Hub>, name: &str, body: &Value) -> Reply {
    let made = hub.change(|state| make(state, name, body));
    let id = match made {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    tokio::spawn(Build { hub: Arc::clone(hub), id, told: Vec::new() }.go());
    hub.until("that it may answer", |state| state.manners.answers_dispatches).await;
    if body["return_run_details"] == true {
        let url = format!("https://api.github.com/repos/acme/{name}/actions/runs/{id}");
        return (200, json!({"workflow_run_id": id, "run_url": url, "html_url": url}));
    }
    (204, Value::Null)
}

fn make(state: &mut State, name: &str, body: &Value) -> Result<u64, Reply> {
    let refused = |status: u16, why: String| Err((status, json!({"message": why, "status": status.to_string()})));
    if !state.manners.names_runs && !body["return_run_details"].is_null() {
        let why = "Invalid request.\n\n\"return_run_details\" is not a permitted key.";
        return refused(400, why.to_owned());
    }
    let branch = body["ref"].as_str().unwrap().to_owned();
    let Some(repository) = state.repositories.get(name) else { return Err(missing()) };
    let Some(sha) = repository.refs.get(&format!("refs/heads/{branch}")).cloned() else {
        return refused(422, format!("No ref found for: {branch}"));
    };
    let input = |name: &str| body["inputs"][name].as_str().map(str::to_owned);
    let (Some(creation), Some(key)) = (input("creation_id"), input("dispatch_key")) else {
        return refused(422, "Required input is not provided".to_owned());
    };
    let (id, title) = (state.next(), format!("ci {creation} {key}"));
    let attempts = vec![queued(state)];
    let repository = name.to_owned();
    let run = Run { id, repository, branch, sha, title, attempts, status: "queued", conclusion: None, cancelled: 0 };
    state.runs.push(run);
    Ok(id)
}

fn queued(state: &mut State) -> Vec<Job> {
    let job =
        |name| Job { id: state.next(), name, status: "queued", conclusion: None, started_at: None, completed_at: None };
    JOBS.map(job).into()
}

fn rerun(hub: &Arc<Hub>, name: &str, id: &str) -> Reply {
    let again = hub.change(|state| {
        let jobs = queued(state);
        let run = state.runs.iter_mut().find(|run| run.repository == name && run.id.to_string() == id)?;
        if run.status != "completed" {
            return None;
        }
        run.attempts.push(jobs);
        (run.status, run.conclusion) = ("queued", None);
        Some(run.id)
    });
    let Some(id) = again else {
        return (403, json!({"message": "This workflow run is already running", "status": "403"}));
    };
    tokio::spawn(Build { hub: Arc::clone(hub), id, told: Vec::new() }.go());
    (201, json!({}))
}

fn cancel(state: &mut State, name: &str, id: &str) -> Reply {
    let found = state.runs.iter_mut().find(|run| run.repository == name && run.id.to_string() == id);
    let Some(run) = found else { return missing() };
    if run.status == "completed" {
        return (409, json!({"message": "Cannot cancel a workflow run that is completed.", "status": "409"}));
    }
    run.cancelled += 1;
    (202, json!({}))
}

/// An attempt of a build that is under way.
struct Build {
    hub: Arc<Hub>,
    id: u64,
    /// What a storm says in the end.
    told: Vec<Webhook>,
}

impl Build {
    async fn go(mut self) {
        self.tell_of_run("requested").await;
        self.run(|run| run.status = "in_progress");
        let mut ended = "success";
        for number in 0..JOBS.len() {
            ended = self.job(number, ended).await;
        }
        self.run(|run| (run.status, run.conclusion) = ("completed", Some(ended)));
        self.tell_of_run("completed").await;
        self.hub.storm(std::mem::take(&mut self.told)).await;
    }

    /// Runs a job after others that ended like this; gives how they have ended now.
    async fn job(&mut self, number: usize, before: &'static str) -> &'static str {
        let begun = begin() + JOB * i32::try_from(number).unwrap();
        if before == "success" {
            self.tell_of_job("queued", number).await;
            self.change(number, |job| (job.status, job.started_at) = ("in_progress", Some(begun)));
            self.tell_of_job("in_progress", number).await;
            let id = self.id;
            let may_end = |state: &State| state.manners.builds || state.run(id).unwrap().cancelled > 0;
            self.hub.until("that builds may go on", may_end).await;
        }
        let (cancelled, first, fails) = self.hub.look(|state| {
            let run = state.run(self.id).unwrap();
            (run.cancelled > 0, run.attempts.len() == 1, state.manners.fails)
        });
        let conclusion = match before {
            "success" if cancelled => "cancelled",
            "success" if first && fails == Some(JOBS[number]) => "failure",
            "failure" => "skipped",
            other => other,
        };
        self.change(number, |job| {
            (job.status, job.conclusion) = ("completed", Some(conclusion));
            (job.started_at, job.completed_at) = (Some(begun), Some(begun + JOB));
        });
        self.tell_of_job("completed", number).await;
        if conclusion == "skipped" { before } else { conclusion }
    }

    fn run<T>(&self, change: impl FnOnce(&mut Run) -> T) -> T {
        self.hub.change(|state| change(state.runs.iter_mut().find(|run| run.id == self.id).unwrap()))
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Job)) {
        self.run(|run| change(&mut run.attempts.last_mut().unwrap()[number]));
    }

    async fn tell_of_run(&mut self, action: &'static str) {
        let body = self.hub.look(|state| shapes::of_run(action, state.run(self.id).unwrap(), state));
        self.tell(Webhook { event: "workflow_run", body }).await;
    }

    async fn tell_of_job(&mut self, action: &'static str, number: usize) {
        let body = self.hub.look(|state| {
            let run = state.run(self.id).unwrap();
            shapes::of_job(action, run, run.attempts.len(), number, state)
        });
        self.tell(Webhook { event: "workflow_job", body }).await;
    }

    async fn tell(&mut self, webhook: Webhook) {
        match self.hub.look(|state| state.manners.webhooks) {
            Webhooks::InOrder => self.hub.send(&webhook, Uuid::new_v4()).await,
            Webhooks::Storm => self.told.push(webhook),
            Webhooks::Never => {}
        }
    }
}

impl Hub {
    /// Tells again, as news, how every job of an attempt of a build ended, and the attempt itself.
    pub(crate) async fn repeat(&self, id: u64, attempt: usize) {
        let told = self.look(|state| {
            let mut then = state.run(id).unwrap().clone();
            then.attempts.truncate(attempt);
            let conclusions = then.attempts[attempt - 1].iter().map(|job| job.conclusion.unwrap());
            let ended = conclusions.into_iter().find(|conclusion| *conclusion != "success").unwrap_or("success");
            (then.status, then.conclusion) = ("completed", Some(ended));
            let jobs = (0..JOBS.len()).map(|number| {
                let body = shapes::of_job("completed", &then, attempt, number, state);
                Webhook { event: "workflow_job", body }
            });
            let run = Webhook { event: "workflow_run", body: shapes::of_run("completed", &then, state) };
            jobs.chain([run]).collect::<Vec<_>>()
        });
        for webhook in told {
            self.send(&webhook, Uuid::new_v4()).await;
        }
    }
}
