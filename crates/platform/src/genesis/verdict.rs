//! What Genesis answers, in the fixed layout of `REQUIREMENTS 1.3`: a summary of the blueprint, the
//! interfaces it requires, the governance and ethics check, the risk assessment, go or no-go.

use serde::{Deserialize, Serialize};

use crate::agents::Manifest;
use crate::agents::parts::{Access, Autonomy, EffectKind, Industry};
use crate::input::Violation;

/// Yes or no. There is no third: what could not be decided is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Status {
    Approved,
    Rejected,
}

/// How much could go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Risk {
    Low,
    Medium,
    High,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The check's name, such as `data_privacy`.
    pub name: String,
    /// Whether it found nothing.
    pub passed: bool,
    /// What it found, sorted.
    pub violations: Vec<Violation>,
}

/// A verdict on one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Approved if and only if every check passed.
    pub status: Status,
    /// Why, in one sentence.
    pub reason: String,
    /// The greatest risk below.
    pub risk_level: Risk,
    /// What is to be built.
    pub blueprint_summary: Blueprint,
    /// What it has to be connected to.
    pub required_interfaces: Vec<Interface>,
    /// The governance and ethics check: each check with what it found.
    pub checks: Vec<Check>,
    /// What could go wrong, and how badly.
    pub risk_assessment: Vec<RiskFactor>,
    /// `go` or `no_go`.
    pub recommendation: Recommendation,
    /// Which policies decided: SHA-256 of their files.
    pub policy_hash: String,
    /// What was decided on: SHA-256 of the manifest.
    pub manifest_hash: String,
}

/// What is to be built, in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    /// The agent's name.
    pub agent_name: String,
    /// Its industry.
    pub industry: Industry,
    /// What it is good at.
    pub specialty: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// What it does by itself.
    pub autonomy: Autonomy,
}

/// A tool or a kind of data that the agent has to be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Tool or data.
    pub kind: InterfaceKind,
    /// Its name.
    pub name: String,
    /// What the agent may do with it.
    pub permissions: Vec<String>,
}

/// The kinds of interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum InterfaceKind {
    Tool,
    Data,
}

/// One thing that could go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskFactor {
    /// How badly.
    pub level: Risk,
    /// What.
    pub message: String,
}

/// The last line of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Recommendation {
    Go,
    NoGo,
}

impl Verdict {
    /// The verdict that follows from what the checks found. No checks is no approval.
    pub(super) fn from_checks(manifest: &Manifest, checks: Vec<Check>, policy_hash: &str) -> Self {
        let approved = !checks.is_empty() && checks.iter().all(|check| check.passed);
        let risks = risks(manifest, approved);
        Self {
            status: if approved { Status::Approved } else { Status::Rejected },
            reason: reason(&checks),
            risk_level: risks.iter().map(|risk| risk.level).max().unwrap_or(Risk::Low),
            blueprint_summary: Blueprint {
                agent_name: manifest.agent_name.clone(),
                industry: manifest.industry,
                specialty: manifest.specialty.clone(),
                capabilities: manifest.capabilities.iter().map(|c| c.name.clone()).collect(),
                autonomy: manifest.autonomy,
            },
            required_interfaces: interfaces(manifest),
            checks,
            risk_assessment: risks,
            recommendation: if approved { Recommendation::Go } else { Recommendation::NoGo },
            policy_hash: policy_hash.to_owned(),
            manifest_hash: manifest.hash(),
        }
    }
}

/// `all 4 checks passed`, or each failed check with the rules that failed it.
fn reason(checks: &[Check]) -> String {
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| {
            let mut rules: Vec<_> = check.violations.iter().map(|v| v.rule.as_str()).collect();
            rules.dedup();
            format!("{} ({})", check.name, rules.join(", "))
        })
        .collect();
    match failed.as_slice() {
        [] => format!("all {} checks passed", checks.len()),
        failed => format!("rejected by {}", failed.join(", ")),
    }
}

fn interfaces(manifest: &Manifest) -> Vec<Interface> {
    let tools = manifest.tools.iter().map(|tool| Interface {
        kind: InterfaceKind::Tool,
        name: tool.name.clone(),
        permissions: tool.permissions.clone(),
    });
    let data = manifest.data.scopes.iter().map(|scope| Interface {
        kind: InterfaceKind::Data,
        name: scope.name.clone(),
        permissions: vec![access(scope.access).to_owned()],
    });
    tools.chain(data).collect()
}

const fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
    }
}

fn risks(manifest: &Manifest, approved: bool) -> Vec<RiskFactor> {
    let mut found = Vec::new();
    let mut note = |level, message: String| found.push(RiskFactor { level, message });
    if !approved {
        note(Risk::High, "the proposal breaks the charter".to_owned());
    }
    for effect in &manifest.external_effects {
        let what = match effect.kind {
            EffectKind::Communication => "says something to people outside",
            EffectKind::Execution => "changes something outside",
        };
        note(Risk::Medium, format!("{} {what}", effect.name));
    }
    for scope in &manifest.data.scopes {
        match scope.access {
            Access::Write => note(Risk::Medium, format!("changes the customer's {}", scope.name)),
            Access::Read => note(Risk::Low, format!("reads the customer's {}", scope.name)),
        }
    }
    found
}
