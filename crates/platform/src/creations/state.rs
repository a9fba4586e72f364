//! The states of a creation and the one function that moves between them (`REQUIREMENTS 1.2`).
//!
//! ```text
//! genesis_validation_pending ──▶ genesis_approved ──▶ code_generation ──▶ cicd_running ──▶ deployment_ready
//!    │   ▲        │                                     │    ▲              │   ▲            │   ▲
//!    ▼   │ retry  ▼                                     ▼    │ retry        ▼   │ retry      ▼   │ rejected
//! genesis_timeout genesis_rejected ▪           code_generation_failed     cicd_failed      handoff_pending
//!                                                                                            │
//! every state before handoff_complete that is not final ──▶ cancelled ▪                      ▼
//!                                                                                    handoff_complete ▪
//! ```
//!
//! Nobody's role is an argument here: code is generated only after [`Event::GenesisApproved`],
//! whoever asks, and `genesis_rejected` is final. A timeout of Genesis is neither verdict
//! (`REQUIREMENTS A11`), and an answer that comes after it is illegal, so it is recorded by the
//! caller and ignored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ci::Stage;

/// Where a creation stands, with what is known only there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum State {
    /// Genesis has been asked and has not answered.
    GenesisValidationPending,
    /// Genesis approved under this set of policies.
    GenesisApproved {
        /// Hash of the policies, as in the verdict.
        policy_hash: String,
    },
    /// Genesis rejected: final. A new request may name this one in `supersedes`.
    GenesisRejected {
        /// The verdict's reason.
        reason: String,
    },
    /// Genesis did not answer in time: parked until somebody asks again.
    GenesisTimeout,
    /// The agent's code is being written.
    CodeGeneration,
    /// Writing the code failed: parked until somebody retries.
    CodeGenerationFailed {
        /// What went wrong.
        error: String,
    },
    /// The build runs on this branch.
    CicdRunning {
        /// `agent/<creation_id>`.
        branch: String,
    },
    /// A stage of the build failed: parked until somebody retries.
    CicdFailed {
        /// The branch that was built.
        branch: String,
        /// The first stage that did not pass.
        stage: Stage,
    },
    /// Built and published: the checklist can be filled in.
    DeploymentReady {
        /// Why the service team sent the last handoff back, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rejection: Option<String>,
    },
    /// The service team is reviewing.
    HandoffPending {
        /// The handoff under review.
        handoff_id: Uuid,
        /// When the review should be done; a miss changes nothing here (`REQUIREMENTS A40`).
        ola_deadline: DateTime<Utc>,
    },
    /// Accepted: the agent is `production_ready`. Final.
    HandoffComplete {
        /// The handoff that was accepted.
        handoff_id: Uuid,
    },
    /// Called off. Final.
    Cancelled {
        /// Where it stood.
        at: Status,
        /// Why.
        reason: String,
    },
}

/// What can happen to a creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Genesis says go.
    GenesisApproved {
        /// Hash of the policies it decided under.
        policy_hash: String,
    },
    /// Genesis says no.
    GenesisRejected {
        /// Its reason.
        reason: String,
    },
    /// Genesis did not answer within the hard limit.
    GenesisTimedOut,
    /// Genesis was asked again.
    GenesisRetried,
    /// Code generation began.
    CodeGenerationStarted,
    /// Code generation failed.
    CodeGenerationFailed {
        /// What went wrong.
        error: String,
    },
    /// Code generation was begun again.
    CodeGenerationRetried,
    /// The code was committed to this branch and the build dispatched.
    CodeGenerated {
        /// `agent/<creation_id>`.
        branch: String,
    },
    /// A stage of the build failed.
    CicdFailed {
        /// The first stage that did not pass.
        stage: Stage,
    },
    /// The build was dispatched again.
    CicdRetried,
    /// All five stages passed.
    CicdPassed,
    /// A handoff with a complete checklist was submitted.
    HandoffSubmitted {
        /// The new handoff.
        handoff_id: Uuid,
        /// When its review should be done.
        ola_deadline: DateTime<Utc>,
    },
    /// The service team sent the handoff back.
    HandoffRejected {
        /// Its reason.
        reason: String,
    },
    /// The service team took the agent over.
    HandoffAccepted,
    /// Somebody called the creation off.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// An event that cannot happen in this state; the state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a creation that is {status} cannot take {event}")]
pub struct IllegalTransition {
    /// Where the creation stands.
    pub status: Status,
    /// The event's name.
    pub event: &'static str,
}

impl State {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] for every pair that the diagram above does not show.
    pub fn apply(&self, event: Event) -> Result<Self, IllegalTransition> {
        use Event as E;
        use State as S;
        Ok(match (self, event) {
            (S::GenesisValidationPending, E::GenesisApproved { policy_hash }) => S::GenesisApproved { policy_hash },
            (S::GenesisValidationPending, E::GenesisRejected { reason }) => S::GenesisRejected { reason },
            (S::GenesisValidationPending, E::GenesisTimedOut) => S::GenesisTimeout,
            (S::GenesisTimeout, E::GenesisRetried) => S::GenesisValidationPending,
            (S::GenesisApproved { .. }, E::CodeGenerationStarted)
            | (S::CodeGenerationFailed { .. }, E::CodeGenerationRetried) => S::CodeGeneration,
            (S::CodeGeneration, E::CodeGenerationFailed { error }) => S::CodeGenerationFailed { error },
            (S::CodeGeneration, E::CodeGenerated { branch }) => S::CicdRunning { branch },
            (S::CicdRunning { branch }, E::CicdFailed { stage }) => S::CicdFailed { branch: branch.clone(), stage },
            (S::CicdFailed { branch, .. }, E::CicdRetried) => S::CicdRunning { branch: branch.clone() },
            (S::CicdRunning { .. }, E::CicdPassed) => S::DeploymentReady { rejection: None },
            (S::DeploymentReady { .. }, E::HandoffSubmitted { handoff_id, ola_deadline }) => {
                S::HandoffPending { handoff_id, ola_deadline }
            }
            (S::HandoffPending { .. }, E::HandoffRejected { reason }) => S::DeploymentReady { rejection: Some(reason) },
            (S::HandoffPending { handoff_id, .. }, E::HandoffAccepted) => {
                S::HandoffComplete { handoff_id: *handoff_id }
            }
            (state, E::Cancelled { reason }) if !state.status().is_final() => {
                S::Cancelled { at: state.status(), reason }
            }
            (state, event) => {
                return Err(IllegalTransition { status: state.status(), event: event.name() });
            }
        })
    }
}

mod names;

pub use names::Status;

#[cfg(test)]
mod tests;
