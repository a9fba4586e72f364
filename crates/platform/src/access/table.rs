//! The access policy as data: which role holds which permission (`REQUIREMENTS 1.10`).
//!
//! One row grants one thing to one role. What no row grants is denied.

use super::Permission::{self, *};
use super::Role::{self, *};

/// What one row of the table grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// `*:*`
    Everything,
    /// `*:read`: every permission whose action is `read`.
    AllReads,
    /// Exactly this one.
    One(Permission),
}

impl Grant {
    pub(super) fn covers(self, permission: Permission) -> bool {
        match self {
            Self::Everything => true,
            Self::AllReads => permission.as_str().ends_with(":read"),
            Self::One(one) => one == permission,
        }
    }
}

/// The whole policy. Viewer is one row (`REQUIREMENTS A6`): replace it by single grants to narrow it.
#[rustfmt::skip]
pub const GRANTS: &[(Role, Grant)] = &[
    (Admin, Grant::Everything),

    (SubscriptionManager, Grant::One(ReadSubscriptions)),
    (SubscriptionManager, Grant::One(WriteSubscriptions)),
    (SubscriptionManager, Grant::One(ExportSubscriptions)),
    (SubscriptionManager, Grant::One(InspectRuns)),
    (SubscriptionManager, Grant::One(CreateIncidents)),
    (SubscriptionManager, Grant::One(ManageIncidents)),

    (AgentOrchestrator, Grant::One(CreateAgents)),
    (AgentOrchestrator, Grant::One(ReadCreations)),
    (AgentOrchestrator, Grant::One(ReadCi)),
    (AgentOrchestrator, Grant::One(RetryCi)),
    (AgentOrchestrator, Grant::One(SubmitHandoffs)),
    (AgentOrchestrator, Grant::One(DefineSlas)),
    (AgentOrchestrator, Grant::One(ReadSlas)),
    (AgentOrchestrator, Grant::One(InitiateRetunings)),
    (AgentOrchestrator, Grant::One(ReadGates)),
    (AgentOrchestrator, Grant::One(ReadRuns)),

    (InfrastructureEngineer, Grant::One(DecideHandoffs)),
    (InfrastructureEngineer, Grant::One(ReadGates)),
    (InfrastructureEngineer, Grant::One(ReadRuns)),
    (InfrastructureEngineer, Grant::One(InspectHistory)),
    (InfrastructureEngineer, Grant::One(StartRuns)),
    (InfrastructureEngineer, Grant::One(ControlRuns)),
    (InfrastructureEngineer, Grant::One(PublishEvents)),
    (InfrastructureEngineer, Grant::One(ReadSlas)),
    (InfrastructureEngineer, Grant::One(DefineOlas)),
    (InfrastructureEngineer, Grant::One(ReadTickets)),
    (InfrastructureEngineer, Grant::One(CreateTickets)),
    (InfrastructureEngineer, Grant::One(AssignTickets)),
    (InfrastructureEngineer, Grant::One(UpdateTickets)),
    (InfrastructureEngineer, Grant::One(CloseTickets)),
    (InfrastructureEngineer, Grant::One(ReadHealth)),
    (InfrastructureEngineer, Grant::One(WriteHealth)),
    (InfrastructureEngineer, Grant::One(ReadInfrastructure)),
    (InfrastructureEngineer, Grant::One(WriteInfrastructure)),
    (InfrastructureEngineer, Grant::One(InspectQueues)),
    (InfrastructureEngineer, Grant::One(InspectAlerts)),
    (InfrastructureEngineer, Grant::One(QueryLogs)),
    (InfrastructureEngineer, Grant::One(CreateIncidents)),
    (InfrastructureEngineer, Grant::One(ManageIncidents)),

    (HelpdeskAgent, Grant::One(ReadHelpdesk)),
    (HelpdeskAgent, Grant::One(WriteHelpdesk)),
    (HelpdeskAgent, Grant::One(ReadTickets)),
    (HelpdeskAgent, Grant::One(CreateTickets)),
    (HelpdeskAgent, Grant::One(AssignTickets)),
    (HelpdeskAgent, Grant::One(UpdateTickets)),
    (HelpdeskAgent, Grant::One(CloseTickets)),

    (IndustryManager, Grant::One(ReadKnowledge)),
    (IndustryManager, Grant::One(WriteKnowledge)),
    (IndustryManager, Grant::One(CreateSources)),
    (IndustryManager, Grant::One(ManageSources)),
    (IndustryManager, Grant::One(InitiateRetunings)),
    (IndustryManager, Grant::One(ReadGates)),

    (Viewer, Grant::AllReads),
];
