//! The percentage and the five steps of every state.

use uuid::Uuid;

use super::super::ci::{Observation, Stage, StageStatus};
use super::*;

fn view(state: &State, build: &Pipeline) -> Progress {
    Progress::of(state, build, &Timeline::default())
}

/// The five steps as one letter each: pending, Running, Completed, Failed, X cancelled.
fn letters(progress: &Progress) -> String {
    let letter = |step: &StepView| match step.status {
        StepStatus::Pending => 'p',
        StepStatus::Running => 'R',
        StepStatus::Completed => 'C',
        StepStatus::Failed => 'F',
        StepStatus::Cancelled => 'X',
    };
    progress.stages.values().map(letter).collect()
}

fn build_with(passed: usize) -> Pipeline {
    let mut build = Pipeline::default();
    for stage in Stage::ALL.into_iter().take(passed) {
        let observation =
            Observation { run_id: 1, attempt: 1, status: StageStatus::Passed, started_at: None, completed_at: None };
        build.observe(stage, observation);
    }
    build
}

#[test]
fn each_state_has_its_percentage_and_steps() {
    let branch = || "agent/c1".to_owned();
    let why = || "why".to_owned();
    let none = Pipeline::default();
    let two = build_with(2);
    let all = build_with(5);
    let handoff_id = Uuid::nil();
    let cancelled = State::Cancelled { at: Status::CicdFailed, reason: why() };
    let cases: Vec<(State, &Pipeline, u8, &str)> = vec![
        (State::GenesisValidationPending, &none, 20, "CRppp"),
        (State::GenesisRejected { reason: why() }, &none, 20, "CFppp"),
        (State::GenesisTimeout, &none, 20, "CFppp"),
        (State::GenesisApproved { policy_hash: why() }, &none, 40, "CCppp"),
        (State::CodeGeneration, &none, 40, "CCRpp"),
        (State::CodeGenerationFailed { error: why() }, &none, 40, "CCFpp"),
        (State::CicdRunning { branch: branch() }, &none, 60, "CCCRp"),
        (State::CicdRunning { branch: branch() }, &two, 68, "CCCRp"),
        (State::CicdFailed { branch: branch(), stage: Stage::BuildImage }, &two, 68, "CCCFp"),
        (State::DeploymentReady { rejection: None }, &all, 80, "CCCCR"),
        (State::HandoffPending { handoff_id, ola_deadline: DateTime::UNIX_EPOCH }, &all, 90, "CCCCR"),
        (State::HandoffComplete { handoff_id }, &all, 100, "CCCCC"),
        (cancelled, &two, 68, "CCCXp"),
    ];
    for (state, build, percentage, steps) in cases {
        let progress = view(&state, build);
        assert_eq!(progress.progress_percentage, percentage, "{state:?}");
        assert_eq!(letters(&progress), steps, "{state:?}");
        assert_eq!(progress.status, state.status());
    }
}

#[test]
fn the_reason_is_shown_on_the_step_that_stopped() {
    let rejected = State::GenesisRejected { reason: "data_privacy: core_data_is_never_read".into() };
    let json = serde_json::to_value(view(&rejected, &Pipeline::default())).unwrap();
    assert_eq!(json["status"], "genesis_rejected");
    assert_eq!(json["current_stage"], "genesis_validation");
    assert_eq!(json["stages"]["genesis_validation"]["status"], "failed");
    assert_eq!(json["stages"]["genesis_validation"]["result"], "data_privacy: core_data_is_never_read");
    assert!(json["stages"]["initiation"].get("result").is_none());
    assert_eq!(json["stages"]["cicd_pipeline"]["stages"].as_array().unwrap().len(), 5);
}
