//! GitHub's `workflow_run` and `workflow_job` payloads, reduced to what a creation needs to know.
//!
//! What is neither, what names a job that is no stage of ours, and what lacks its identifiers is no report: it is ignored
//! (`REQUIREMENTS A29, A30`).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::builds::{Attempt, Seen};
use super::ci::{Stage, StageStatus};

/// Something the forge said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) attempt: Attempt,
    pub(crate) about: About,
    pub(crate) seen: Seen,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The build as a whole.
    Run,
    /// One of its five stages.
    Stage(Stage),
}

#[derive(Deserialize)]
struct Payload {
    workflow_run: Option<Run>,
    workflow_job: Option<Job>,
}

#[derive(Deserialize)]
struct Run {
    id: i64,
    #[serde(default = "first")]
    run_attempt: i64,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    run_started_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Job {
    run_id: i64,
    #[serde(default = "first")]
    run_attempt: i64,
    name: String,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

const fn first() -> i64 {
    1
}

impl Report {
    /// Reads a payload, where it is a report. A payload that speaks of both a job and its run is about the job.
    pub(crate) fn read(payload: &Value) -> Option<Self> {
        let Payload { workflow_run, workflow_job } = Payload::deserialize(payload).ok()?;
        let report = match (workflow_job, workflow_run) {
            (Some(job), _) => Self {
                attempt: Attempt { run_id: job.run_id, attempt: job.run_attempt },
                about: About::Stage(Stage::of_job(&job.name)?),
                seen: seen(&job.status, job.conclusion, job.started_at, job.completed_at, job.html_url),
            },
            (None, Some(run)) => Self {
                attempt: Attempt { run_id: run.id, attempt: run.run_attempt },
                about: About::Run,
                seen: seen(&run.status, run.conclusion, run.run_started_at, run.updated_at, run.html_url),
            },
            (None, None) => return None,
        };
        (report.attempt.run_id > 0 && report.attempt.attempt > 0).then_some(report)
    }
}

fn seen(
    status: &str,
    conclusion: Option<String>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    url: Option<String>,
) -> Seen {
    let status = StageStatus::from_github(status, conclusion.as_deref());
    let ended = status >= StageStatus::Passed;
    Seen {
        status,
        conclusion: ended.then(|| conclusion.unwrap_or_else(|| "unknown".to_owned())),
        started_at: started_at.filter(|_| status > StageStatus::Pending),
        completed_at: completed_at.filter(|_| ended),
        url,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_of_ours_is_a_report() {
        let payload = json!({"action": "completed", "workflow_job": {
            "run_id": 7, "run_attempt": 2, "name": "unit-tests", "status": "completed", "conclusion": "failure",
            "started_at": "2026-11-21T06:00:00Z", "completed_at": "2026-11-21T06:01:03Z"}});
        let report = Report::read(&payload).unwrap();
        assert_eq!(report.attempt, Attempt { run_id: 7, attempt: 2 });
        assert_eq!(report.about, About::Stage(Stage::UnitTests));
        assert_eq!(report.seen.conclusion.as_deref(), Some("failure"));
    }

    #[test]
    fn a_run_that_has_not_ended_has_no_end() {
        let payload = json!({"workflow_run": {"id": 7, "status": "in_progress", "conclusion": null,
            "run_started_at": "2026-11-21T06:00:00Z", "updated_at": "2026-11-21T06:01:03Z"}});
        let report = Report::read(&payload).unwrap();
        assert_eq!(report.about, About::Run);
        assert_eq!((report.seen.status, report.seen.completed_at), (StageStatus::Running, None));
    }

    #[test]
    fn what_is_no_report_is_ignored() {
        for payload in [
            json!(null),
            json!([]),
            json!({"zen": "Keep it logically awesome."}),
            json!({"workflow_job": {"run_id": 7, "name": "deploy", "status": "queued"}}),
            json!({"workflow_job": {"name": "lint", "status": "queued"}}),
            json!({"workflow_run": {"id": -1, "status": "queued"}}),
        ] {
            assert_eq!(Report::read(&payload), None, "{payload}");
        }
    }
}
