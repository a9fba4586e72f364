//! What the forge has reported about the builds of one creation, and what follows from it (`REQUIREMENTS 1.4, A29, A31`).
//!
//! A [`Builds`] is a join: for each attempt of each build, and each stage of it, it keeps the furthest report. So reports
//! may be repeated, late or out of order, and the end is the same. What counts is the current attempt: of earlier ones of
//! the same build only the stages that passed, because a forge that runs failed jobs again does not repeat the others.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ci::{Observation, Pipeline, Stage, StageStatus};
use super::reports::{About, Report};

/// One attempt of one build, later ones greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// The forge's identifier of the build.
    pub(crate) run_id: i64,
    /// From 1.
    pub(crate) attempt: i64,
}

/// The build that the creation waits for, as its dispatch said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dispatched {
    /// The build; unknown where the forge does not tell, then whatever reports first is taken for it.
    pub(crate) run_id: Option<i64>,
    /// Its attempt; reports of earlier ones do not decide any more.
    pub(crate) attempt: i64,
    /// Where people can look at it.
    pub(crate) url: Option<String>,
}

/// How far something has come. The order is that of progress, so that the greatest of two reports is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) status: StageStatus,
    pub(crate) conclusion: Option<String>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
    pub(crate) url: Option<String>,
}

/// Everything that was reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Builds {
    pub(crate) runs: BTreeMap<Attempt, Seen>,
    pub(crate) stages: BTreeMap<(Attempt, Stage), Seen>,
}

/// What the reports amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Something is still to come.
    Running,
    /// The build and all of its stages succeeded.
    Passed,
    /// It did not.
    #[serde(rename_all = "camelCase")]
    Failed { failed_stage: Stage, conclusion: String },
}

impl Builds {
    /// Takes note of a report. Returns whether it says anything new.
    pub(crate) fn take(&mut self, report: Report) -> bool {
        match report.about {
            About::Run => further(&mut self.runs, report.attempt, report.seen),
            About::Stage(stage) => further(&mut self.stages, (report.attempt, stage), report.seen),
        }
    }

    /// The attempt that counts: the dispatched one, unless a later one of the same build has reported.
    pub(crate) fn current(&self, dispatched: &Dispatched) -> Option<Attempt> {
        let reported = self.runs.keys().chain(self.stages.keys().map(|(attempt, _)| attempt));
        let ours = reported.filter(|seen| dispatched.run_id.is_none_or(|run_id| seen.run_id == run_id)).max().copied();
        let expected = dispatched.run_id.map(|run_id| Attempt { run_id, attempt: dispatched.attempt });
        ours.max(expected)
    }

    /// How a stage stands in an attempt.
    fn stage(&self, current: Attempt, stage: Stage) -> Option<&Seen> {
        let carried = || {
            (1..current.attempt)
                .rev()
                .filter_map(|attempt| self.stages.get(&(Attempt { attempt, ..current }, stage)))
                .find(|seen| seen.status == StageStatus::Passed)
        };
        self.stages.get(&(current, stage)).or_else(carried)
    }

    /// The five stages, as they are shown.
    pub(crate) fn pipeline(&self, dispatched: &Dispatched) -> Pipeline {
        let mut pipeline = Pipeline::default();
        let Some(current) = self.current(dispatched) else { return pipeline };
        for stage in Stage::ALL {
            if let Some(seen) = self.stage(current, stage) {
                let observation = Observation {
                    run_id: current.run_id,
                    attempt: current.attempt,
                    status: seen.status,
                    started_at: seen.started_at,
                    completed_at: seen.completed_at,
                };
                pipeline.observe(stage, observation);
            }
        }
        pipeline
    }

    /// What follows from everything that was reported.
    ///
    /// A stage that was skipped is a failure (`REQUIREMENTS A31`), but it names the one that caused it only when nothing
    /// else is known to have failed. A build that failed without a word about a stage is waited for: the reports are late.
    pub(crate) fn verdict(&self, dispatched: &Dispatched) -> Verdict {
        let Some(current) = self.current(dispatched) else { return Verdict::Running };
        let stages = Stage::ALL.map(|stage| (stage, self.stage(current, stage)));
        let status = |seen: Option<&Seen>| seen.map_or(StageStatus::Pending, |seen| seen.status);
        let failed = |skipped: bool| {
            stages.iter().find_map(|(stage, seen)| {
                let seen = seen.filter(|seen| seen.status == StageStatus::Failed)?;
                let conclusion = seen.conclusion.as_deref().unwrap_or("unknown");
                ((conclusion == "skipped") == skipped).then(|| failure(*stage, conclusion))
            })
        };
        if let Some(failure) = failed(false) {
            return failure;
        }
        let Some(build) = self.runs.get(&current).and_then(|seen| seen.conclusion.as_deref()) else {
            return Verdict::Running;
        };
        if let Some(failure) = failed(true).filter(|_| build == "success") {
            return failure;
        }
        let unpassed = stages.iter().find(|(_, seen)| status(*seen) != StageStatus::Passed).map(|(stage, _)| *stage);
        let all_ended = stages.iter().all(|(_, seen)| status(*seen) >= StageStatus::Passed);
        match (build, unpassed) {
            ("success", None) => Verdict::Passed,
            ("success", Some(_)) => Verdict::Running,
            ("failure", _) if !all_ended => Verdict::Running,
            (conclusion, stage) => failure(stage.unwrap_or(Stage::PushToRegistry), conclusion),
        }
    }
}

fn failure(failed_stage: Stage, conclusion: &str) -> Verdict {
    Verdict::Failed { failed_stage, conclusion: conclusion.to_owned() }
}

fn further<K: Ord>(known: &mut BTreeMap<K, Seen>, key: K, seen: Seen) -> bool {
    match known.get_mut(&key) {
        Some(known) if *known >= seen => false,
        Some(known) => {
            *known = seen;
            true
        }
        None => {
            known.insert(key, seen);
            true
        }
    }
}

#[cfg(test)]
mod tests;
