//! The seven roles and the rules for holding several of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A role of the platform portal (`REQUIREMENTS R4`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds every permission; decides every gate.
    Admin,
    /// Looks after customers' subscriptions.
    SubscriptionManager,
    /// Launches agents, hands them over, retunes them.
    AgentOrchestrator,
    /// Runs the platform and accepts agents into service.
    InfrastructureEngineer,
    /// Works on tickets.
    HelpdeskAgent,
    /// Looks after industry knowledge.
    IndustryManager,
    /// Reads.
    Viewer,
}

impl Role {
    /// Every role, in the order in which they are listed everywhere.
    pub const ALL: [Self; 7] = [
        Self::Admin,
        Self::SubscriptionManager,
        Self::AgentOrchestrator,
        Self::InfrastructureEngineer,
        Self::HelpdeskAgent,
        Self::IndustryManager,
        Self::Viewer,
    ];

    /// The name used in tokens, tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::SubscriptionManager => "subscription_manager",
            Self::AgentOrchestrator => "agent_orchestrator",
            Self::InfrastructureEngineer => "infrastructure_engineer",
            Self::HelpdeskAgent => "helpdesk_agent",
            Self::IndustryManager => "industry_manager",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A role name that is none of the seven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}; the roles are {list}", list = Role::ALL.map(Role::as_str).join(", "))]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

/// Admin held together with another role (`REQUIREMENTS A5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the role admin is exclusive: it cannot be held together with {0}")]
pub struct RoleConflict(pub Role);

/// The roles of one user: any combination without Admin, or Admin alone, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<Role>", into = "BTreeSet<Role>")]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// The roles in the order of [`Role::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }

    /// Whether `role` is one of them.
    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self(BTreeSet::from([role]))
    }
}

impl TryFrom<BTreeSet<Role>> for Roles {
    type Error = RoleConflict;

    fn try_from(roles: BTreeSet<Role>) -> Result<Self, RoleConflict> {
        let other = roles.iter().copied().find(|role| *role != Role::Admin);
        match other {
            Some(other) if roles.contains(&Role::Admin) => Err(RoleConflict(other)),
            _ => Ok(Self(roles)),
        }
    }
}

impl From<Roles> for BTreeSet<Role> {
    fn from(roles: Roles) -> Self {
        roles.0
    }
}
