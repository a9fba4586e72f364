//! The build of an agent: five stages, folded from GitHub's job webhooks (`REQUIREMENTS 1.4, R68`).
//!
//! Webhooks are repeated and arrive out of order, so [`Pipeline::observe`] is a join: it keeps, for
//! each stage, the greatest observation by (run, attempt, progress). Any order and any number of
//! repetitions of the same observations give the same pipeline. Only `success` passes a stage
//! (`REQUIREMENTS A31`).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A stage of the build, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Style and static checks.
    Lint,
    /// Unit tests.
    UnitTests,
    /// Building the image.
    BuildImage,
    /// Integration tests.
    IntegrationTests,
    /// Pushing the image to the registry.
    PushToRegistry,
}

impl Stage {
    /// The stages in order.
    pub const ALL: [Self; 5] =
        [Self::Lint, Self::UnitTests, Self::BuildImage, Self::IntegrationTests, Self::PushToRegistry];

    /// The job of the generated workflow that is this stage (`REQUIREMENTS A29`).
    pub const fn job(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::UnitTests => "unit-tests",
            Self::BuildImage => "build",
            Self::IntegrationTests => "integration-tests",
            Self::PushToRegistry => "push",
        }
    }

    /// The stage that a job of this name is, if any.
    pub fn of_job(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.job() == name)
    }

    /// How long the stage should take, in seconds; together 35 minutes.
    pub const fn budget_seconds(self) -> i64 {
        60 * match self {
            Self::Lint => 2,
            Self::UnitTests => 8,
            Self::BuildImage => 10,
            Self::IntegrationTests => 12,
            Self::PushToRegistry => 3,
        }
    }
}

/// How far a job has come. The order is the order of progress; a failure outranks a success, so
/// that contradictory reports of one job fail safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Not started.
    Pending,
    /// Started.
    Running,
    /// Finished with the conclusion `success`.
    Passed,
    /// Finished with any other conclusion.
    Failed,
}

impl StageStatus {
    /// Reads GitHub's `status` and `conclusion` of a job.
    pub fn from_github(status: &str, conclusion: Option<&str>) -> Self {
        match (status, conclusion) {
            ("completed", Some("success")) => Self::Passed,
            ("completed", _) => Self::Failed,
            ("in_progress", _) => Self::Running,
            _ => Self::Pending,
        }
    }
}

/// What one webhook says about one stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Observation {
    /// GitHub's id of the workflow run; a later run has a greater one.
    pub run_id: i64,
    /// The attempt within the run, from 1.
    pub attempt: i64,
    /// How far the job is.
    pub status: StageStatus,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
}

/// What is known of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline([Option<Observation>; 5]);

/// The result of a build so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stages are still to come.
    Running,
    /// All five passed.
    Passed,
    /// This one is the first that failed.
    Failed(Stage),
}

impl Pipeline {
    /// Takes note of one webhook.
    pub fn observe(&mut self, stage: Stage, observation: Observation) {
        let known = &mut self.0[stage as usize];
        if known.as_ref().is_none_or(|known| *known < observation) {
            *known = Some(observation);
        }
    }

    /// How far one stage is.
    pub fn status(&self, stage: Stage) -> StageStatus {
        self.0[stage as usize].as_ref().map_or(StageStatus::Pending, |known| known.status)
    }

    /// The result so far: a failure as soon as one stage failed.
    pub fn outcome(&self) -> Outcome {
        let failed = |stage: &Stage| self.status(*stage) == StageStatus::Failed;
        match Stage::ALL.into_iter().find(failed) {
            Some(stage) => Outcome::Failed(stage),
            None if self.passed() == Stage::ALL.len() => Outcome::Passed,
            None => Outcome::Running,
        }
    }

    /// How many stages passed.
    pub fn passed(&self) -> usize {
        let passed = |stage: &Stage| self.status(*stage) == StageStatus::Passed;
        Stage::ALL.into_iter().filter(passed).count()
    }

    /// The table that `cicd-pipeline` shows.
    pub fn stages(&self) -> Vec<StageView> {
        let view = |stage: Stage| {
            let known = self.0[stage as usize].as_ref();
            let started_at = known.and_then(|known| known.started_at);
            let completed_at = known.and_then(|known| known.completed_at);
            StageView {
                stage,
                status: self.status(stage),
                duration_seconds: started_at.zip(completed_at).map(|(start, end)| (end - start).num_seconds()),
                budget_seconds: stage.budget_seconds(),
                started_at,
                completed_at,
            }
        };
        Stage::ALL.into_iter().map(view).collect()
    }
}

/// One row of `cicd-pipeline` (endpoint 34 of `REQUIREMENTS 1.1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageView {
    /// Which stage.
    pub stage: Stage,
    /// How far it is.
    pub status: StageStatus,
    /// How long it took, once it has ended.
    #[serde(rename = "duration")]
    pub duration_seconds: Option<i64>,
    /// How long it should take.
    #[serde(rename = "budget")]
    pub budget_seconds: i64,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(second, 0)
    }

    fn seen(run_id: i64, attempt: i64, status: StageStatus) -> Observation {
        Observation {
            run_id,
            attempt,
            status,
            started_at: at(100),
            completed_at: (status >= StageStatus::Passed).then(|| at(163)).flatten(),
        }
    }

    /// Every order of four observations, each delivered twice, gives the same pipeline.
    #[test]
    fn order_and_repetition_do_not_matter() {
        let observations = [
            seen(1, 1, StageStatus::Pending),
            seen(1, 1, StageStatus::Running),
            seen(1, 1, StageStatus::Failed),
            seen(1, 2, StageStatus::Passed),
        ];
        let mut orders = 0;
        for code in 0..256_usize {
            let order: Vec<_> = (0..4).map(|i| code >> (2 * i) & 3).collect();
            if (0..4).any(|i| !order.contains(&i)) {
                continue;
            }
            orders += 1;
            let mut pipeline = Pipeline::default();
            for i in order.iter().chain(&order) {
                pipeline.observe(Stage::Lint, observations[*i].clone());
            }
            assert_eq!(pipeline.status(Stage::Lint), StageStatus::Passed, "{order:?}");
        }
        assert_eq!(orders, 24);
    }

    #[test]
    fn the_outcome_names_the_first_failed_stage_until_it_is_run_again() {
        let mut pipeline = Pipeline::default();
        assert_eq!(pipeline.outcome(), Outcome::Running);
        pipeline.observe(Stage::Lint, seen(1, 1, StageStatus::Passed));
        pipeline.observe(Stage::UnitTests, seen(1, 1, StageStatus::Failed));
        pipeline.observe(Stage::PushToRegistry, seen(1, 1, StageStatus::Failed));
        assert_eq!(pipeline.outcome(), Outcome::Failed(Stage::UnitTests));
        for stage in [Stage::UnitTests, Stage::BuildImage, Stage::IntegrationTests] {
            pipeline.observe(stage, seen(1, 2, StageStatus::Passed));
        }
        pipeline.observe(Stage::PushToRegistry, seen(1, 2, StageStatus::Running));
        assert_eq!(pipeline.outcome(), Outcome::Running);
        pipeline.observe(Stage::PushToRegistry, seen(1, 2, StageStatus::Passed));
        assert_eq!(pipeline.outcome(), Outcome::Passed);
    }

    #[test]
    fn only_success_passes() {
        for conclusion in
            ["failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale", "startup_failure"]
        {
            let status = StageStatus::from_github("completed", Some(conclusion));
            assert_eq!(status, StageStatus::Failed, "{conclusion}");
        }
        assert_eq!(StageStatus::from_github("completed", None), StageStatus::Failed);
        let passed = StageStatus::from_github("completed", Some("success"));
        assert_eq!(passed, StageStatus::Passed);
        assert_eq!(StageStatus::from_github("in_progress", None), StageStatus::Running);
        assert_eq!(StageStatus::from_github("queued", None), StageStatus::Pending);
    }

    #[test]
    fn the_table_shows_durations_and_budgets() {
        let mut pipeline = Pipeline::default();
        pipeline.observe(Stage::Lint, seen(1, 1, StageStatus::Passed));
        let stages = pipeline.stages();
        assert_eq!(stages[0].duration_seconds, Some(63));
        assert_eq!(stages[1].duration_seconds, None);
        let budget: i64 = stages.iter().map(|stage| stage.budget_seconds).sum();
        assert_eq!(budget, 35 * 60);
        let json = serde_json::to_value(&stages[4]).unwrap();
        assert_eq!(json["stage"], "push_to_registry");
        assert_eq!(json["status"], "pending");
    }

    #[test]
    fn jobs_map_to_stages_and_others_to_none() {
        for stage in Stage::ALL {
            assert_eq!(Stage::of_job(stage.job()), Some(stage));
        }
        assert_eq!(Stage::of_job("deploy"), None);
    }
}
