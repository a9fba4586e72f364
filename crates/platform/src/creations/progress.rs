//! What `creation-status` shows: five steps and a percentage (`REQUIREMENTS R67`).
//!
//! A pure view of the state, the build and the times at which steps began and ended. Each step is
//! worth 20 %; the build earns its share stage by stage, and a submitted handoff half of its own.
//! A creation that has stopped keeps the percentage of the place where it stopped.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ci::{Pipeline, StageView};
use super::state::{State, Status};

/// The five steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The request was made.
    Initiation,
    /// Genesis decides.
    GenesisValidation,
    /// The code is written and committed.
    CodeGeneration,
    /// The build runs.
    CicdPipeline,
    /// The service team takes over.
    Handoff,
}

impl Step {
    /// The steps in order.
    pub const ALL: [Self; 5] =
        [Self::Initiation, Self::GenesisValidation, Self::CodeGeneration, Self::CicdPipeline, Self::Handoff];

    /// The step that a creation of this status is in.
    pub const fn of(status: Status) -> Self {
        match status {
            Status::GenesisValidationPending | Status::GenesisRejected | Status::GenesisTimeout => {
                Self::GenesisValidation
            }
            Status::GenesisApproved | Status::CodeGeneration | Status::CodeGenerationFailed => Self::CodeGeneration,
            Status::CicdRunning | Status::CicdFailed => Self::CicdPipeline,
            Status::DeploymentReady | Status::HandoffPending | Status::HandoffComplete => Self::Handoff,
            Status::Cancelled => Self::Initiation,
        }
    }
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not reached.
    Pending,
    /// Being worked on, or waited for.
    Running,
    /// Done.
    Completed,
    /// Stopped: rejected, failed or timed out.
    Failed,
    /// Called off.
    Cancelled,
}

/// When a step began and ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, well or not.
    pub completed_at: Option<DateTime<Utc>>,
}

/// The times of the five steps, in the order of [`Step::ALL`].
pub type Timeline = [Times; 5];

/// The body of `GET /agents/{agent_id}/creation-status`, beside the ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The creation's status.
    pub status: Status,
    /// How much is done: 20 to 100.
    pub progress_percentage: u8,
    /// The step that it is in, or stopped in.
    pub current_stage: Step,
    /// The five steps, in order.
    pub stages: BTreeMap<Step, StepView>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// How it stands.
    pub status: StepStatus,
    /// When it began and ended.
    #[serde(flatten)]
    pub times: Times,
    /// Why it stopped, or was sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The stages of the build; only on [`Step::CicdPipeline`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageView>,
}

impl Progress {
    /// The view of a creation.
    pub fn of(state: &State, build: &Pipeline, times: &Timeline) -> Self {
        let place = place(state);
        let current = Step::of(place);
        let view = |step, times: &Times| StepView {
            status: step_status(step, state, current),
            times: *times,
            result: (step == current).then(|| result(state)).flatten(),
            stages: match step {
                Step::CicdPipeline => build.stages(),
                _ => Vec::new(),
            },
        };
        let steps = Step::ALL.into_iter().zip(times);
        Self {
            status: state.status(),
            progress_percentage: percentage(place, build),
            current_stage: current,
            stages: steps.map(|(step, times)| (step, view(step, times))).collect(),
        }
    }
}

/// The status that says where the creation is, or was when it was cancelled.
fn place(state: &State) -> Status {
    match state {
        State::Cancelled { at, .. } => *at,
        other => other.status(),
    }
}

fn step_status(step: Step, state: &State, current: Step) -> StepStatus {
    if step != current {
        return if step < current { StepStatus::Completed } else { StepStatus::Pending };
    }
    match state.status() {
        Status::GenesisRejected | Status::GenesisTimeout | Status::CodeGenerationFailed | Status::CicdFailed => {
            StepStatus::Failed
        }
        Status::HandoffComplete => StepStatus::Completed,
        Status::Cancelled => StepStatus::Cancelled,
        // Approved, and the code generation not begun: the next step is the one waited for.
        Status::GenesisApproved => StepStatus::Pending,
        Status::GenesisValidationPending
        | Status::CodeGeneration
        | Status::CicdRunning
        | Status::DeploymentReady
        | Status::HandoffPending => StepStatus::Running,
    }
}

fn percentage(place: Status, build: &Pipeline) -> u8 {
    match place {
        Status::GenesisValidationPending | Status::GenesisRejected | Status::GenesisTimeout => 20,
        Status::GenesisApproved | Status::CodeGeneration | Status::CodeGenerationFailed => 40,
        // At most five stages, so the sum is at most 80.
        Status::CicdRunning | Status::CicdFailed => 60 + 4 * build.passed() as u8,
        Status::DeploymentReady => 80,
        Status::HandoffPending => 90,
        Status::HandoffComplete => 100,
        Status::Cancelled => 0,
    }
}

fn result(state: &State) -> Option<String> {
    match state {
        State::GenesisRejected { reason } | State::Cancelled { reason, .. } => Some(reason.clone()),
        State::CodeGenerationFailed { error } => Some(error.clone()),
        State::CicdFailed { stage, .. } => Some(format!("the job {} did not pass", stage.job())),
        State::DeploymentReady { rejection } => rejection.clone(),
        State::GenesisTimeout => Some("Genesis did not answer in time".to_owned()),
        State::GenesisValidationPending
        | State::GenesisApproved { .. }
        | State::CodeGeneration
        | State::CicdRunning { .. }
        | State::HandoffPending { .. }
        | State::HandoffComplete { .. } => None,
    }
}

#[cfg(test)]
mod tests;
