//! The names of the states and events, and what follows from a name alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Event, State};

/// A state without its data: the `status` column and the `status` field of every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the state of the same name")]
pub enum Status {
    GenesisValidationPending,
    GenesisApproved,
    GenesisRejected,
    GenesisTimeout,
    CodeGeneration,
    CodeGenerationFailed,
    CicdRunning,
    CicdFailed,
    DeploymentReady,
    HandoffPending,
    HandoffComplete,
    Cancelled,
}

impl Status {
    /// Every status, in the order of the happy path, each detour after the state it leaves.
    pub const ALL: [Self; 12] = [
        Self::GenesisValidationPending,
        Self::GenesisApproved,
        Self::GenesisRejected,
        Self::GenesisTimeout,
        Self::CodeGeneration,
        Self::CodeGenerationFailed,
        Self::CicdRunning,
        Self::CicdFailed,
        Self::DeploymentReady,
        Self::HandoffPending,
        Self::HandoffComplete,
        Self::Cancelled,
    ];

    /// The name in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenesisValidationPending => "genesis_validation_pending",
            Self::GenesisApproved => "genesis_approved",
            Self::GenesisRejected => "genesis_rejected",
            Self::GenesisTimeout => "genesis_timeout",
            Self::CodeGeneration => "code_generation",
            Self::CodeGenerationFailed => "code_generation_failed",
            Self::CicdRunning => "cicd_running",
            Self::CicdFailed => "cicd_failed",
            Self::DeploymentReady => "deployment_ready",
            Self::HandoffPending => "handoff_pending",
            Self::HandoffComplete => "handoff_complete",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing can happen any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::GenesisRejected | Self::HandoffComplete | Self::Cancelled)
    }

    /// Whether the agent's name is still taken by this creation (`REQUIREMENTS A25, A26`):
    /// it is open, or it succeeded.
    pub const fn holds_name(self) -> bool {
        !matches!(self, Self::GenesisRejected | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl State {
    /// The state's name.
    pub const fn status(&self) -> Status {
        match self {
            Self::GenesisValidationPending => Status::GenesisValidationPending,
            Self::GenesisApproved { .. } => Status::GenesisApproved,
            Self::GenesisRejected { .. } => Status::GenesisRejected,
            Self::GenesisTimeout => Status::GenesisTimeout,
            Self::CodeGeneration => Status::CodeGeneration,
            Self::CodeGenerationFailed { .. } => Status::CodeGenerationFailed,
            Self::CicdRunning { .. } => Status::CicdRunning,
            Self::CicdFailed { .. } => Status::CicdFailed,
            Self::DeploymentReady { .. } => Status::DeploymentReady,
            Self::HandoffPending { .. } => Status::HandoffPending,
            Self::HandoffComplete { .. } => Status::HandoffComplete,
            Self::Cancelled { .. } => Status::Cancelled,
        }
    }
}

impl Event {
    /// The event's name, as in the audit log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::GenesisApproved { .. } => "genesis_approved",
            Self::GenesisRejected { .. } => "genesis_rejected",
            Self::GenesisTimedOut => "genesis_timed_out",
            Self::GenesisRetried => "genesis_retried",
            Self::CodeGenerationStarted => "code_generation_started",
            Self::CodeGenerationFailed { .. } => "code_generation_failed",
            Self::CodeGenerationRetried => "code_generation_retried",
            Self::CodeGenerated { .. } => "code_generated",
            Self::CicdFailed { .. } => "cicd_failed",
            Self::CicdRetried => "cicd_retried",
            Self::CicdPassed => "cicd_passed",
            Self::HandoffSubmitted { .. } => "handoff_submitted",
            Self::HandoffRejected { .. } => "handoff_rejected",
            Self::HandoffAccepted => "handoff_accepted",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}
