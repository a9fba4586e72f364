//! Every permission there is, named once.
//!
//! A name is `resource:action`. The action `read` is what the Viewer's `*:read` covers, so what a
//! Viewer must not see (forensics, exports, logs, queues, alerts, users, the audit log) has another
//! action: see `REQUIREMENTS A6`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

macro_rules! permissions {
    ($($variant:ident = $name:literal, $what:literal;)+) => {
        /// One thing a caller may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $(#[doc = $what] $variant,)+
        }

        impl Permission {
            /// Every permission, grouped by resource.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name used in tokens, logs and answers: `resource:action`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the permission lets its holder do, as a phrase.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $what,)+ }
            }
        }
    };
}

permissions! {
    ManageUsers = "users:manage", "add users and change their roles";
    InspectAudit = "audit:inspect", "read, export and verify the audit log";
    ReadGates = "gates:read", "see what waits for a decision";
    DecideGates = "gates:decide", "approve or reject a gate of any kind";
    ReadRuns = "runs:read", "list runs and see how they stand";
    InspectHistory = "runs:inspect", "read the history of a run with its data";
    StartRuns = "runs:start", "start a run of any definition";
    ControlRuns = "runs:control", "cancel, pause, resume and retry runs";
    PublishEvents = "events:publish", "publish events to runs";
    CreateAgents = "agent_orchestration:create", "start the creation of an agent";
    ReadCreations = "agent_orchestration:read", "follow the creation of an agent";
    ReadCi = "cicd:read", "follow the build of an agent";
    RetryCi = "cicd:retry", "run a failed build again";
    SubmitHandoffs = "agent_handoff:submit", "hand an agent over to the service team";
    DecideHandoffs = "agent_handoff:decide", "accept or reject a handoff";
    DefineSlas = "sla:define", "define an agent's service levels";
    ReadSlas = "sla:read", "read how an agent keeps its service levels";
    DefineOlas = "ola:define", "define what teams promise each other";
    ReadKnowledge = "industry_knowledge:read", "list, compare and search industry knowledge";
    WriteKnowledge = "industry_knowledge:write", "change industry knowledge";
    CreateSources = "knowledge_sources:create", "add a knowledge source";
    ManageSources = "knowledge_sources:manage", "change, pause and scrape a knowledge source";
    InitiateRetunings = "agent_retuning:initiate", "start the retuning of an agent";
    ApproveRetunings = "agent_retuning:approve", "approve or reject a retuning";
    ReadHelpdesk = "helpdesk:read", "look at the helpdesk";
    WriteHelpdesk = "helpdesk:write", "work at the helpdesk";
    ReadTickets = "tickets:read", "read tickets";
    CreateTickets = "tickets:create", "open a ticket";
    AssignTickets = "tickets:assign", "assign a ticket";
    UpdateTickets = "tickets:update", "change, comment and escalate a ticket";
    CloseTickets = "tickets:close", "close a ticket";
    ReadHealth = "health_monitoring:read", "read the health of the services";
    WriteHealth = "health_monitoring:write", "change alert thresholds";
    ReadInfrastructure = "infrastructure:read", "read the state of the infrastructure";
    WriteInfrastructure = "infrastructure:write", "change the infrastructure";
    InspectQueues = "queues:inspect", "look into the work queues";
    InspectAlerts = "alerts:inspect", "look at alerts";
    QueryLogs = "logs:query", "search the logs";
    ReadSubscriptions = "subscription_management:read", "list and read subscriptions";
    WriteSubscriptions = "subscription_management:write", "annotate subscriptions";
    ExportSubscriptions = "subscription_management:export", "export the runs of a subscription";
    CancelSubscriptions = "subscription_management:force_cancel", "cancel a subscription by force";
    InspectRuns = "agent_runs:forensics", "look into the runs of a customer's agent";
    CreateIncidents = "incidents:create", "open an incident";
    ManageIncidents = "incidents:manage", "work on incidents";
    PauseAgents = "agents:pause", "pause an agent by force";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A permission name that does not exist. Nobody holds it, not even an Admin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission {0:?}: expected resource:action, such as agent_orchestration:create")]
pub struct UnknownPermission(pub String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(name: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == name)
            .ok_or_else(|| UnknownPermission(name.to_owned()))
    }
}
