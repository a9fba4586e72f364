//! A run's state, as one file that is replaced as a whole at each change.
//!
//! The webhooks of a change are part of the same file, so that state and news can never disagree:
//! whoever finds an unsent delivery sends it. A delivery keeps its id however often it is sent, so
//! that the receiver can drop repeats.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::payload;
use crate::forge::{Dispatch, Repository, STAGES};

/// Where a run or a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Queued,
    InProgress,
    Completed,
}

/// How a run or a job ended; the words are GitHub's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Conclusion {
    Success,
    Failure,
    TimedOut,
    Cancelled,
    Skipped,
}

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) repository: Repository,
    pub(super) dispatch: Dispatch,
    pub(super) attempt: u32,
    /// The keys of the re-runs, so that each counts once.
    pub(super) reruns: Vec<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) status: Status,
    pub(super) conclusion: Option<Conclusion>,
    pub(super) cancelling: bool,
    pub(super) jobs: Vec<Job>,
    pub(super) deliveries: Vec<Delivery>,
}

/// A stage of the run's current attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) conclusion: Option<Conclusion>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) completed_at: Option<DateTime<Utc>>,
    pub(super) steps: Vec<Step>,
}

/// A command of a stage that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) conclusion: Conclusion,
    pub(super) started_at: DateTime<Utc>,
    pub(super) completed_at: DateTime<Utc>,
}

/// A webhook: sent in order, kept after that as the run's history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: Uuid,
    pub(super) event: String,
    pub(super) body: String,
    pub(super) done: bool,
}

/// What delivery ids are made in; drawn once for this purpose.
const DELIVERIES: Uuid = Uuid::from_u128(0x0b0c_6c1e_58a4_4b0e_9d8e_3f6f_2a0b_7c15);

/// The same number for the same parts, small enough for every JSON reader.
pub(super) fn number(parts: &[&str]) -> u64 {
    let digest = Sha256::digest(parts.join("\0"));
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(head) >> 12
}

impl Record {
    /// A run that is about to start.
    pub(super) fn new(id: u64, repository: &Repository, dispatch: &Dispatch, now: DateTime<Utc>) -> Self {
        Self {
            id,
            repository: repository.clone(),
            dispatch: dispatch.clone(),
            attempt: 0,
            reruns: Vec::new(),
            created_at: now,
            started_at: now,
            updated_at: now,
            status: Status::Completed,
            conclusion: None,
            cancelling: false,
            jobs: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    /// Queues the next attempt.
    pub(super) fn begin(&mut self, now: DateTime<Utc>) {
        self.attempt += 1;
        (self.status, self.conclusion, self.cancelling) = (Status::Queued, None, false);
        (self.started_at, self.updated_at) = (now, now);
        self.jobs.clear();
        self.tell_run("requested");
    }

    /// The stage to do now: the first that has not ended.
    pub(super) fn next_stage(&self) -> Option<&'static str> {
        let ended = |name: &str| self.jobs.iter().any(|job| job.name == name && job.status == Status::Completed);
        STAGES.into_iter().find(|name| !ended(name))
    }

    /// Queues and starts a stage; one that a crash interrupted stays started.
    pub(super) fn start(&mut self, stage: &str, now: DateTime<Utc>) {
        if self.status == Status::Queued {
            (self.status, self.updated_at) = (Status::InProgress, now);
            self.tell_run("in_progress");
        }
        if let Some(job) = self.jobs.iter_mut().find(|job| job.name == stage) {
            job.steps.clear();
            return;
        }
        self.jobs.push(Job::queued(stage, now));
        self.tell_job(stage, "queued");
        if let Some(job) = self.jobs.last_mut() {
            (job.status, job.started_at) = (Status::InProgress, Some(now));
        }
        self.tell_job(stage, "in_progress");
    }

    /// Ends a stage that is in progress.
    pub(super) fn complete(&mut self, stage: &str, conclusion: Conclusion, now: DateTime<Utc>) {
        if !self.jobs.iter().any(|job| job.name == stage) {
            self.jobs.push(Job::queued(stage, now));
        }
        for job in self.jobs.iter_mut().filter(|job| job.name == stage) {
            (job.status, job.conclusion) = (Status::Completed, Some(conclusion));
            job.started_at.get_or_insert(now);
            job.completed_at = Some(now);
        }
        self.updated_at = now;
        self.tell_job(stage, "completed");
    }

    /// Ends the run; stages that never began end as `rest`.
    pub(super) fn finish(&mut self, conclusion: Conclusion, rest: Conclusion, now: DateTime<Utc>) {
        while let Some(stage) = self.next_stage() {
            self.complete(stage, rest, now);
        }
        (self.status, self.conclusion, self.updated_at) = (Status::Completed, Some(conclusion), now);
        self.tell_run("completed");
    }

    /// Whether there is nothing left to do and to tell.
    pub(super) fn is_settled(&self) -> bool {
        self.status == Status::Completed && self.unsent().is_none()
    }

    /// The next webhook to send.
    pub(super) fn unsent(&self) -> Option<&Delivery> {
        self.deliveries.iter().find(|delivery| !delivery.done)
    }

    /// Remembers that a webhook need not be sent again.
    pub(super) fn sent(&mut self, id: Uuid) {
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.id == id) {
            delivery.done = true;
        }
    }

    fn tell_run(&mut self, action: &str) {
        let body = json!({"action": action, "workflow_run": payload::run(self)});
        self.tell("workflow_run", "", action, body);
    }

    fn tell_job(&mut self, stage: &str, action: &str) {
        let Some(job) = self.jobs.iter().find(|job| job.name == stage) else { return };
        let body = json!({"action": action, "workflow_job": payload::job(self, job)});
        self.tell("workflow_job", stage, action, body);
    }

    fn tell(&mut self, event: &str, stage: &str, action: &str, mut body: Value) {
        let name = format!("{}/{}/{event}/{stage}/{action}", self.id, self.attempt);
        let id = Uuid::new_v5(&DELIVERIES, name.as_bytes());
        body["repository"] = payload::repository(&self.repository);
        body["sender"] = payload::sender();
        self.deliveries.push(Delivery { id, event: event.to_owned(), body: body.to_string(), done: false });
    }
}

impl Job {
    fn queued(name: &str, now: DateTime<Utc>) -> Self {
        Self {
            name: name.to_owned(),
            status: Status::Queued,
            conclusion: None,
            created_at: now,
            started_at: None,
            completed_at: None,
            steps: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let dispatch = Dispatch {
            workflow: "ci.yml".to_owned(),
            branch: "agent/c1".to_owned(),
            sha: "abc".to_owned(),
            creation_id: "c1".to_owned(),
            idempotency_key: "k".to_owned(),
            at: chrono::DateTime::UNIX_EPOCH,
        };
        let repository = Repository::try_from("acme/ada".to_owned()).expect("name");
        Record::new(7, &repository, &dispatch, DateTime::UNIX_EPOCH)
    }

    fn told(record: &Record) -> Vec<String> {
        let tell = |delivery: &Delivery| {
            let body: Value = serde_json::from_str(&delivery.body).expect("json");
            let job = &body["workflow_job"];
            let about = if job.is_null() { &body["workflow_run"] } else { job };
            let name = job["name"].as_str().unwrap_or("run");
            format!("{name} {} {}", body["action"].as_str().expect("action"), about["conclusion"])
        };
        record.deliveries.iter().map(tell).collect()
    }

    #[test]
    fn a_failure_skips_the_rest() {
        let (mut record, now) = (record(), DateTime::UNIX_EPOCH);
        record.begin(now);
        record.start("lint", now);
        record.complete("lint", Conclusion::Failure, now);
        record.finish(Conclusion::Failure, Conclusion::Skipped, now);
        let expected = [
            "run requested null",
            "run in_progress null",
            "lint queued null",
            "lint in_progress null",
            "lint completed \"failure\"",
            "unit-tests completed \"skipped\"",
            "build completed \"skipped\"",
            "integration-tests completed \"skipped\"",
            "push completed \"skipped\"",
            "run completed \"failure\"",
        ];
        assert_eq!(told(&record), expected);
    }

    #[test]
    fn a_stage_started_again_after_a_crash_tells_nothing_twice() {
        let (mut record, now) = (record(), DateTime::UNIX_EPOCH);
        record.begin(now);
        record.start("lint", now);
        let before = record.deliveries.len();
        let text = serde_json::to_string(&record).expect("json");
        let mut record: Record = serde_json::from_str(&text).expect("json");
        record.start("lint", now);
        assert_eq!(record.deliveries.len(), before);
        assert_eq!(record.next_stage(), Some("lint"));
    }

    #[test]
    fn a_second_attempt_tells_everything_anew() {
        let (mut record, now) = (record(), DateTime::UNIX_EPOCH);
        for _ in 0..2 {
            record.begin(now);
            for stage in STAGES {
                record.start(stage, now);
                record.complete(stage, Conclusion::Success, now);
            }
            record.finish(Conclusion::Success, Conclusion::Skipped, now);
        }
        assert_eq!(record.attempt, 2);
        assert_eq!(record.deliveries.len(), 2 * (3 + 5 * 3));
    }
}
