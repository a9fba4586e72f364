//! Every pair of state and event, against the table of the legal ones.

use super::*;

fn states() -> Vec<State> {
    let branch = || "agent/c1".to_owned();
    let reason = || "because".to_owned();
    vec![
        State::GenesisValidationPending,
        State::GenesisApproved { policy_hash: "h".into() },
        State::GenesisRejected { reason: reason() },
        State::GenesisTimeout,
        State::CodeGeneration,
        State::CodeGenerationFailed { error: reason() },
        State::CicdRunning { branch: branch() },
        State::CicdFailed { branch: branch(), stage: Stage::UnitTests },
        State::DeploymentReady { rejection: None },
        State::HandoffPending { handoff_id: Uuid::nil(), ola_deadline: DateTime::UNIX_EPOCH },
        State::HandoffComplete { handoff_id: Uuid::nil() },
        State::Cancelled { at: Status::CicdFailed, reason: reason() },
    ]
}

fn events() -> Vec<Event> {
    let reason = || "because".to_owned();
    vec![
        Event::GenesisApproved { policy_hash: "h".into() },
        Event::GenesisRejected { reason: reason() },
        Event::GenesisTimedOut,
        Event::GenesisRetried,
        Event::CodeGenerationStarted,
        Event::CodeGenerationFailed { error: reason() },
        Event::CodeGenerationRetried,
        Event::CodeGenerated { branch: "agent/c1".into() },
        Event::CicdFailed { stage: Stage::UnitTests },
        Event::CicdRetried,
        Event::CicdPassed,
        Event::HandoffSubmitted { handoff_id: Uuid::nil(), ola_deadline: DateTime::UNIX_EPOCH },
        Event::HandoffRejected { reason: reason() },
        Event::HandoffAccepted,
        Event::Cancelled { reason: reason() },
    ]
}

/// Every legal pair. What is not here is illegal.
const LEGAL: &[(&str, &str, &str)] = &[
    ("genesis_validation_pending", "genesis_approved", "genesis_approved"),
    ("genesis_validation_pending", "genesis_rejected", "genesis_rejected"),
    ("genesis_validation_pending", "genesis_timed_out", "genesis_timeout"),
    ("genesis_validation_pending", "cancelled", "cancelled"),
    ("genesis_approved", "code_generation_started", "code_generation"),
    ("genesis_approved", "cancelled", "cancelled"),
    ("genesis_timeout", "genesis_retried", "genesis_validation_pending"),
    ("genesis_timeout", "cancelled", "cancelled"),
    ("code_generation", "code_generation_failed", "code_generation_failed"),
    ("code_generation", "code_generated", "cicd_running"),
    ("code_generation", "cancelled", "cancelled"),
    ("code_generation_failed", "code_generation_retried", "code_generation"),
    ("code_generation_failed", "cancelled", "cancelled"),
    ("cicd_running", "cicd_failed", "cicd_failed"),
    ("cicd_running", "cicd_passed", "deployment_ready"),
    ("cicd_running", "cancelled", "cancelled"),
    ("cicd_failed", "cicd_retried", "cicd_running"),
    ("cicd_failed", "cancelled", "cancelled"),
    ("deployment_ready", "handoff_submitted", "handoff_pending"),
    ("deployment_ready", "cancelled", "cancelled"),
    ("handoff_pending", "handoff_rejected", "deployment_ready"),
    ("handoff_pending", "handoff_accepted", "handoff_complete"),
    ("handoff_pending", "cancelled", "cancelled"),
];

#[test]
fn every_pair_of_state_and_event_is_legal_or_a_typed_error() {
    let mut seen = 0;
    for state in states() {
        for event in events() {
            let (from, name) = (state.status().as_str(), event.name());
            let expected = LEGAL.iter().find(|(f, e, _)| (*f, *e) == (from, name));
            match (state.apply(event), expected) {
                (Ok(next), Some((_, _, to))) => {
                    assert_eq!(next.status().as_str(), *to, "{from} + {name}");
                    seen += 1;
                }
                (Err(error), None) => {
                    assert_eq!((error.status.as_str(), error.event), (from, name));
                }
                (got, expected) => panic!("{from} + {name}: {got:?}, expected {expected:?}"),
            }
        }
    }
    assert_eq!(seen, LEGAL.len());
}

#[test]
fn the_lists_above_are_complete() {
    let statuses: Vec<_> = states().iter().map(State::status).collect();
    assert_eq!(statuses, Status::ALL);
    let mut names: Vec<_> = events().iter().map(Event::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 15);
}

#[test]
fn code_is_reached_only_through_an_approval() {
    // Breadth first over everything but the approval: nothing beyond Genesis can be reached.
    let mut reached = vec![State::GenesisValidationPending];
    let mut next = 0;
    while let Some(state) = reached.get(next).cloned() {
        next += 1;
        for event in events() {
            if matches!(event, Event::GenesisApproved { .. }) {
                continue;
            }
            if let Ok(state) = state.apply(event)
                && !reached.contains(&state)
            {
                reached.push(state);
            }
        }
    }
    let mut statuses: Vec<_> = reached.iter().map(State::status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(
        statuses,
        [Status::GenesisValidationPending, Status::GenesisRejected, Status::GenesisTimeout, Status::Cancelled,]
    );
}

#[test]
fn data_travels_with_the_state() {
    let running = State::CicdRunning { branch: "agent/c1".into() };
    let failed = running.apply(Event::CicdFailed { stage: Stage::BuildImage }).unwrap();
    assert_eq!(failed.apply(Event::CicdRetried).unwrap(), running);
    let sent_back = State::HandoffPending { handoff_id: Uuid::nil(), ola_deadline: DateTime::UNIX_EPOCH }
        .apply(Event::HandoffRejected { reason: "no runbook".into() })
        .unwrap();
    assert_eq!(
        serde_json::to_value(&sent_back).unwrap(),
        serde_json::json!({"status": "deployment_ready", "rejection": "no runbook"})
    );
    assert_eq!(
        failed.apply(Event::Cancelled { reason: "x".into() }).unwrap(),
        State::Cancelled { at: Status::CicdFailed, reason: "x".into() }
    );
}

#[test]
fn a_state_survives_its_json_and_is_tagged_by_its_status() {
    for state in states() {
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["status"], state.status().as_str());
        assert_eq!(serde_json::to_value(state.status()).unwrap(), state.status().as_str());
        assert_eq!(serde_json::from_value::<State>(json).unwrap(), state);
    }
}
