//! A Genesis elsewhere: what it is asked and what it answers (`REQUIREMENTS 1.3`).
//!
//! It is asked by POST and answers at once, or later through the callback
//! `POST /pp/v1/webhooks/genesis`. The callback's body is believed only after
//! the API has verified its signature; that it belongs to a validation that is still waited for is
//! for the creation's state machine to say.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::verdict::Risk;
use crate::agents::Manifest;
use crate::agents::parts::{Autonomy, Industry, Tool};

/// The version of the code that generated agents are based on.
const BASE_AGENT_CORE_VERSION: &str = "1.0.0";

/// The question about a creation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question<'a> {
    /// Always `agent_creation`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The creation, by which the answer is matched.
    pub validation_id: Uuid,
    /// The agent's name.
    pub agent_name: &'a str,
    /// Its industry.
    pub industry: Industry,
    /// What it is good at.
    pub specialty: &'a str,
    /// What its code is based on.
    pub base_agent_core_version: &'static str,
    /// Its capabilities.
    pub skills: Vec<Skill<'a>>,
    /// Its allow-list.
    pub tool_authorizations: Vec<Authorization<'a>>,
    /// Its scope.
    pub task_boundaries: TaskBoundaries<'a>,
    /// The whole declaration, for a Genesis that looks closer.
    pub manifest: &'a Manifest,
}

/// A capability, as the question names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skill<'a> {
    /// The capability's name.
    pub skill_id: &'a str,
    /// What it does, or its name.
    pub skill_name: &'a str,
    /// What the agent does by itself.
    pub autonomy_level: Autonomy,
}

/// A tool, as the question names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authorization<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// The verbs that it may be used for.
    pub permissions: &'a [String],
}

/// The scope, as the question names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskBoundaries<'a> {
    /// In scope.
    pub can_do: &'a [String],
    /// Out of scope.
    pub cannot_do: &'a [String],
}

impl<'a> Question<'a> {
    /// The question whether `manifest` may be built, for the creation `validation_id`.
    pub fn new(validation_id: Uuid, manifest: &'a Manifest) -> Self {
        let skill = |capability: &'a crate::agents::parts::Capability| Skill {
            skill_id: &capability.name,
            skill_name: capability.description.as_deref().unwrap_or(&capability.name),
            autonomy_level: manifest.autonomy,
        };
        let authorization = |tool: &'a Tool| Authorization { tool: &tool.name, permissions: &tool.permissions };
        Self {
            kind: "agent_creation",
            validation_id,
            agent_name: &manifest.agent_name,
            industry: manifest.industry,
            specialty: &manifest.specialty,
            base_agent_core_version: BASE_AGENT_CORE_VERSION,
            skills: manifest.capabilities.iter().map(skill).collect(),
            tool_authorizations: manifest.tools.iter().map(authorization).collect(),
            task_boundaries: TaskBoundaries {
                can_do: &manifest.boundaries.can_do,
                cannot_do: &manifest.boundaries.cannot_do,
            },
            manifest,
        }
    }
}

/// What a remote Genesis says, at once or by callback. Members that it adds are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Answer {
    /// It is still thinking; the callback will follow.
    InProgress {
        /// Where to look meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        progress_url: Option<String>,
    },
    /// It says go.
    Approved(Judgement),
    /// It says no.
    Rejected(Judgement),
}

/// A decision and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Why.
    pub reason: String,
    /// How much could go wrong.
    pub risk_level: Risk,
    /// Check by check.
    pub validation_details: Details,
}

/// The checks of a remote Genesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the four named results of a foreign message")]
pub struct Details {
    /// The agent keeps the constitution.
    pub constitutional_alignment: bool,
    /// It serves the customer.
    pub customer_sovereignty_check: bool,
    /// It can do only what it was allowed.
    pub deny_by_default_enforced: bool,
    /// What it does outside is approved first.
    pub approval_gates_present: bool,
}

/// The body of the callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The creation that was asked about.
    pub validation_id: Uuid,
    /// What is said about it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// An answer that is none.
#[derive(Debug, thiserror::Error)]
pub enum BadAnswer {
    /// It cannot be read.
    #[error("the answer of Genesis cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It approves, and says that a check failed.
    #[error("Genesis approves, but its own check {0} failed: that is no approval")]
    Contradiction(&'static str),
    /// It rejects without a word.
    #[error("Genesis gives no reason")]
    NoReason,
}

impl Answer {
    /// Reads an immediate answer.
    ///
    /// # Errors
    /// [`BadAnswer`]; whatever is unclear is no approval.
    pub fn parse(body: &[u8]) -> Result<Self, BadAnswer> {
        serde_json::from_slice::<Self>(body)?.examine()
    }

    fn examine(self) -> Result<Self, BadAnswer> {
        match &self {
            Self::InProgress { .. } => {}
            Self::Approved(judgement) => {
                if let Some(failed) = judgement.validation_details.first_failed() {
                    return Err(BadAnswer::Contradiction(failed));
                }
            }
            Self::Rejected(judgement) => {
                if judgement.reason.trim().is_empty() {
                    return Err(BadAnswer::NoReason);
                }
            }
        }
        Ok(self)
    }
}

impl Callback {
    /// Reads the body of a callback whose signature has been verified.
    ///
    /// # Errors
    /// [`BadAnswer`]; whatever is unclear is no approval.
    pub fn parse(body: &[u8]) -> Result<Self, BadAnswer> {
        let Self { validation_id, answer } = serde_json::from_slice(body)?;
        let answer = answer.examine()?;
        Ok(Self { validation_id, answer })
    }
}

impl Details {
    fn first_failed(self) -> Option<&'static str> {
        [
            ("constitutional_alignment", self.constitutional_alignment),
            ("customer_sovereignty_check", self.customer_sovereignty_check),
            ("deny_by_default_enforced", self.deny_by_default_enforced),
            ("approval_gates_present", self.approval_gates_present),
        ]
        .into_iter()
        .find_map(|(name, passed)| (!passed).then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::agents::CreationRequest;
    use crate::input;

    fn answer(status: &str) -> Value {
        json!({
            "validation_id": Uuid::from_u128(5),
            "status": status,
            "reason": "in order",
            "risk_level": "low",
            "validation_details": {
                "constitutional_alignment": true,
                "customer_sovereignty_check": true,
                "deny_by_default_enforced": true,
                "approval_gates_present": true,
            },
        })
    }

    fn callback(body: &Value) -> Result<Callback, BadAnswer> {
        Callback::parse(body.to_string().as_bytes())
    }

    #[test]
    fn the_question_has_the_agreed_members() {
        let request: CreationRequest = input::parse(json!({
            "agent_name": "Ada", "industry": "sales", "specialty": "Leads",
            "capabilities": [{"name": "qualify", "description": "Scores leads.", "tools": ["crm"]}, "rest"],
            "tools": [{"name": "crm", "permissions": ["read"]}],
        }))
        .unwrap();
        let manifest = request.into();
        let mut question = serde_json::to_value(Question::new(Uuid::from_u128(5), &manifest)).unwrap();
        question.as_object_mut().unwrap().remove("manifest").unwrap();
        assert_eq!(
            question,
            json!({
                "type": "agent_creation",
                "validation_id": Uuid::from_u128(5),
                "agent_name": "Ada",
                "industry": "sales",
                "specialty": "Leads",
                "base_agent_core_version": "1.0.0",
                "skills": [
                    {"skill_id": "qualify", "skill_name": "Scores leads.", "autonomy_level": "propose"},
                    {"skill_id": "rest", "skill_name": "rest", "autonomy_level": "propose"},
                ],
                "tool_authorizations": [{"tool": "crm", "permissions": ["read"]}],
                "task_boundaries": {"can_do": ["qualify", "rest"], "cannot_do": []},
            })
        );
    }

    #[test]
    fn the_three_answers_are_read() {
        let approved = callback(&answer("approved")).unwrap();
        assert_eq!(approved.validation_id, Uuid::from_u128(5));
        assert!(matches!(approved.answer, Answer::Approved(_)));
        assert!(matches!(callback(&answer("rejected")).unwrap().answer, Answer::Rejected(_)));
        let waiting = Answer::parse(br#"{"status": "in_progress"}"#).unwrap();
        assert_eq!(waiting, Answer::InProgress { progress_url: None });
    }

    #[test]
    fn an_approval_with_a_failed_check_is_none() {
        for check in [
            "constitutional_alignment",
            "customer_sovereignty_check",
            "deny_by_default_enforced",
            "approval_gates_present",
        ] {
            let mut body = answer("approved");
            body["validation_details"][check] = json!(false);
            let error = callback(&body).unwrap_err();
            assert!(matches!(error, BadAnswer::Contradiction(name) if name == check), "{error}");
            body["status"] = json!("rejected");
            assert!(callback(&body).is_ok());
        }
    }

    #[test]
    fn what_is_unclear_is_no_approval() {
        for (member, value) in [
            ("status", json!("APPROVED")),
            ("status", json!("needs_revision")),
            ("status", json!(null)),
            ("risk_level", json!("none")),
            ("validation_details", json!({})),
            ("validation_id", json!("5")),
        ] {
            let mut body = answer("approved");
            body[member] = value;
            assert!(matches!(callback(&body), Err(BadAnswer::Malformed(_))), "{body}");
        }
        let mut silent = answer("rejected");
        silent["reason"] = json!(" ");
        assert!(matches!(callback(&silent), Err(BadAnswer::NoReason)));
        assert!(Answer::parse(b"ok").is_err());
    }
}
