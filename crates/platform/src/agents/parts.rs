//! The parts that a creation request and a manifest have in common.
//!
//! The shape is wide enough to declare what Genesis must refuse (an agent that serves the platform,
//! a gate that approves itself), so that overreach is answered with a verdict that names the rule
//! and not with "malformed request".

use serde::{Deserialize, Serialize};

/// The industries that agents are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the industry of that name")]
pub enum Industry {
    Marketing,
    Education,
    Sales,
}

/// Whom an agent serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beneficiary {
    /// The customer who hires it.
    #[default]
    Customer,
    /// The platform's owner.
    Platform,
    /// Somebody else.
    ThirdParty,
}

/// How an agent presents itself; raw material for code generation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backstory: Option<String>,
    /// Sampling temperature of its model, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// Something an agent can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "CapabilityForm")]
pub struct Capability {
    /// Its name, unique in the manifest.
    pub name: String,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The tools it uses.
    pub tools: Vec<String>,
    /// The data scopes it uses.
    pub data: Vec<String>,
}

/// A capability as it may be written: its name alone, or in full.
#[derive(Deserialize)]
#[serde(untagged)]
enum CapabilityForm {
    Name(String),
    #[serde(rename_all = "snake_case")]
    Full {
        name: String,
        #[serde(default)]
        description: Option<String>,
        #[serde(default)]
        tools: Vec<String>,
        #[serde(default)]
        data: Vec<String>,
    },
}

impl From<CapabilityForm> for Capability {
    fn from(form: CapabilityForm) -> Self {
        match form {
            CapabilityForm::Name(name) => Self { name, description: None, tools: Vec::new(), data: Vec::new() },
            CapabilityForm::Full { name, description, tools, data } => Self { name, description, tools, data },
        }
    }
}

/// A tool on the allow-list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name, unique in the manifest.
    pub name: String,
    /// The verbs that it may be used for.
    pub permissions: Vec<String>,
}

/// The data an agent may touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataAccess {
    /// What it asks for.
    pub scopes: Vec<DataScope>,
    /// What the customer consented to.
    pub consented: Vec<String>,
}

/// One kind of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataScope {
    /// Its name, unique in the manifest.
    pub name: String,
    /// Read or write.
    pub access: Access,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// How data is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Access {
    Read,
    Write,
}

/// What an agent does by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// It proposes; people act.
    #[default]
    Propose,
    /// It acts once a gate has been passed.
    ActWhenApproved,
    /// It acts.
    Act,
}

/// Something an agent may bring about outside the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalEffect {
    /// Its name, unique in the manifest.
    pub name: String,
    /// What kind it is.
    pub kind: EffectKind,
    /// The tool that brings it about.
    pub tool: String,
    /// The verb it needs of that tool.
    pub permission: String,
}

/// The kinds of external effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Something is said to somebody.
    Communication,
    /// Something is done.
    Execution,
}

/// The approval that an external effect needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalGate {
    /// The effect that it guards.
    pub effect: String,
    /// Who approves.
    #[serde(default)]
    pub approver: Approver,
    /// Before every occurrence, or once.
    #[serde(default)]
    pub frequency: Frequency,
    /// What happens when nobody answers.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// How long an answer is waited for, in minutes.
    #[serde(default = "an_hour")]
    pub timeout_minutes: u32,
}

const fn an_hour() -> u32 {
    60
}

/// Who approves an effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// The customer whom the agent serves.
    #[default]
    Customer,
    /// The platform's staff.
    Platform,
    /// The agent itself.
    Agent,
}

/// How often an approval is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Before every occurrence.
    #[default]
    EveryTime,
    /// Before the first one only.
    Once,
}

/// What an unanswered approval means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// No.
    #[default]
    Deny,
    /// Not yet.
    Defer,
    /// Yes.
    Approve,
}

/// What the agent is for, and what it must leave alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boundaries {
    /// In scope.
    pub can_do: Vec<String>,
    /// Out of scope.
    pub cannot_do: Vec<String>,
}

/// What is recorded of the agent's actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether anything is.
    pub enabled: bool,
    /// For how long, in days.
    pub log_retention_days: u32,
    /// Actions that are left out.
    pub unlogged_actions: Vec<String>,
}

impl Default for Audit {
    /// Everything, for the six months of `REQUIREMENTS A15`.
    fn default() -> Self {
        Self { enabled: true, log_retention_days: 180, unlogged_actions: Vec::new() }
    }
}
