//! The manifest: the whole declaration that an agent is judged, built and run by.
//!
//! A pure function of the creation request. What the request leaves out is filled in by denying
//! (`REQUIREMENTS A24`); what it says is kept as said, because Genesis judges proposals and never
//! mends them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::parts::{
    ApprovalGate, Approver, Audit, Autonomy, Beneficiary, Boundaries, Capability, DataAccess, EffectKind,
    ExternalEffect, Frequency, Industry, OnTimeout, Persona, Tool,
};
use super::request::CreationRequest;
use crate::sla::Targets;

/// The first version of every agent.
const FIRST_VERSION: &str = "1.0.0";

/// When an agent stops and asks a person, unless its request says otherwise.
const ESCALATION_TRIGGERS: [&str; 3] = ["request_outside_boundaries", "approval_denied", "three_consecutive_errors"];

/// Everything that is declared about an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name.
    pub agent_name: String,
    /// Semantic version of the agent.
    pub version: String,
    /// The industry it is for.
    pub industry: Industry,
    /// What it is good at.
    pub specialty: String,
    /// Its price in whole rupees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_monthly: Option<u32>,
    /// Whom it serves.
    pub beneficiary: Beneficiary,
    /// How it presents itself.
    pub persona: Persona,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The only tools it may use.
    pub tools: Vec<Tool>,
    /// The only data it may touch.
    pub data: DataAccess,
    /// What it does by itself.
    pub autonomy: Autonomy,
    /// What it may bring about outside.
    pub external_effects: Vec<ExternalEffect>,
    /// Who approves that.
    pub approval_gates: Vec<ApprovalGate>,
    /// Its scope.
    pub boundaries: Boundaries,
    /// When it must stop and ask.
    pub escalation_triggers: Vec<String>,
    /// What is recorded.
    pub audit: Audit,
    /// What it promises.
    pub sla_targets: Targets,
}

impl Manifest {
    /// SHA-256 of the manifest's JSON, in hex: what a verdict was given on.
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).expect("invariant: a manifest is plain JSON");
        hex::encode(Sha256::digest(json))
    }
}

impl From<CreationRequest> for Manifest {
    fn from(request: CreationRequest) -> Self {
        let gates = request.approval_gates;
        let boundaries = request.boundaries.unwrap_or_else(|| Boundaries {
            can_do: request.capabilities.iter().map(|c| c.name.clone()).collect(),
            cannot_do: Vec::new(),
        });
        Self {
            approval_gates: gates.unwrap_or_else(|| request.external_effects.iter().map(strictest_gate).collect()),
            agent_name: request.agent_name,
            version: FIRST_VERSION.to_owned(),
            industry: request.industry,
            specialty: request.specialty,
            pricing_monthly: request.pricing_monthly,
            beneficiary: request.beneficiary,
            persona: request.persona,
            capabilities: request.capabilities,
            tools: request.tools,
            data: request.data,
            autonomy: request.autonomy,
            external_effects: request.external_effects,
            boundaries,
            escalation_triggers: request
                .escalation_triggers
                .unwrap_or_else(|| ESCALATION_TRIGGERS.map(str::to_owned).to_vec()),
            audit: request.audit,
            sla_targets: request.sla_targets,
        }
    }
}

/// The customer approves every occurrence, and silence denies.
fn strictest_gate(effect: &ExternalEffect) -> ApprovalGate {
    ApprovalGate {
        effect: effect.name.clone(),
        approver: Approver::Customer,
        frequency: Frequency::EveryTime,
        on_timeout: OnTimeout::Deny,
        timeout_minutes: match effect.kind {
            EffectKind::Communication => 60,
            EffectKind::Execution => 120,
        },
    }
}
