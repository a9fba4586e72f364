//! The body of `POST /pp/v1/agents/create` (`REQUIREMENTS R60, A24`).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use uuid::Uuid;

use super::parts::{
    ApprovalGate, Audit, Autonomy, Beneficiary, Boundaries, Capability, DataAccess, ExternalEffect, Industry, Persona,
    Tool,
};
use crate::input::{Input, Schema, Violation};
use crate::sla::Targets;

/// What somebody asks for. `None` means that nothing was said.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreationRequest {
    /// 1 to 100 characters; unique among live agents of the industry.
    pub agent_name: String,
    /// The industry it is for.
    pub industry: Industry,
    /// What it is good at; 1 to 200 characters.
    pub specialty: String,
    /// The rejected creation that this one replaces (`REQUIREMENTS A41`).
    pub supersedes: Option<Uuid>,
    /// Its price in whole rupees.
    pub pricing_monthly: Option<u32>,
    /// Whom it serves.
    #[serde(default)]
    pub beneficiary: Beneficiary,
    /// How it presents itself.
    #[serde(default)]
    pub persona: Persona,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Its tools.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Its data.
    #[serde(default)]
    pub data: DataAccess,
    /// What it does by itself.
    #[serde(default)]
    pub autonomy: Autonomy,
    /// What it may bring about outside.
    #[serde(default)]
    pub external_effects: Vec<ExternalEffect>,
    /// Who approves that. Left out, every effect gets the strictest gate.
    pub approval_gates: Option<Vec<ApprovalGate>>,
    /// Its scope. Left out, it is the capabilities.
    pub boundaries: Option<Boundaries>,
    /// When it must stop and ask.
    pub escalation_triggers: Option<Vec<String>>,
    /// What is recorded.
    #[serde(default)]
    pub audit: Audit,
    /// What it promises.
    #[serde(default)]
    pub sla_targets: Targets,
}

impl Input for CreationRequest {
    fn schema() -> &'static Schema {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::compile(include_str!("../../schemas/creation-request.json")));
        &SCHEMA
    }

    fn conflicts(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        unique("/capabilities", self.capabilities.iter().map(|c| &c.name), &mut found);
        unique("/tools", self.tools.iter().map(|t| &t.name), &mut found);
        unique("/data/scopes", self.data.scopes.iter().map(|s| &s.name), &mut found);
        unique("/external_effects", self.external_effects.iter().map(|e| &e.name), &mut found);
        let gates = self.approval_gates.iter().flatten().enumerate();
        found.extend(gates.filter(|(_, gate)| !self.external_effects.iter().any(|e| e.name == gate.effect)).map(
            |(index, gate)| {
                Violation::new(
                    "known_effect",
                    format!("/approval_gates/{index}/effect"),
                    format!("no external effect is called {:?}", gate.effect),
                )
            },
        ));
        found
    }
}

fn unique<'a>(path: &str, names: impl Iterator<Item = &'a String>, found: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let message = format!("the name {name:?} is used twice");
            found.push(Violation::new("unique_name", format!("{path}/{index}"), message));
        }
    }
}

#[cfg(test)]
mod tests;
