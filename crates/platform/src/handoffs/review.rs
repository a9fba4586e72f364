//! What the service team sends: the bodies of `accept` and `reject` (`REQUIREMENTS A8`).

use std::sync::LazyLock;

use serde::Deserialize;

use super::state::Decision;
use crate::input::{Input, Schema};

/// The body of `POST /pp/v1/agent-handoff/{handoff_id}/accept` (endpoint 36).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// What the service team has to say; at most 2000 characters.
    pub acceptance_notes: Option<String>,
    /// Required, and required to be true: see [`Decision::Accept`].
    pub production_ready: bool,
}

/// The body of `POST /pp/v1/agent-handoff/{handoff_id}/reject`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// What is to be fixed; at most 2000 characters.
    pub reason: String,
}

impl Input for Acceptance {
    fn schema() -> &'static Schema {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::compile(include_str!("../../schemas/handoff-acceptance.json")));
        &SCHEMA
    }
}

impl Input for Rejection {
    fn schema() -> &'static Schema {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::compile(include_str!("../../schemas/handoff-rejection.json")));
        &SCHEMA
    }
}

impl From<&Acceptance> for Decision {
    fn from(acceptance: &Acceptance) -> Self {
        Self::Accept { production_ready: acceptance.production_ready }
    }
}

impl From<Rejection> for Decision {
    fn from(rejection: Rejection) -> Self {
        Self::Reject { reason: rejection.reason }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::input::{Invalid, parse};

    fn rules(invalid: Invalid) -> Vec<String> {
        invalid.0.into_iter().map(|v| format!("{} {}", v.path, v.rule)).collect()
    }

    #[test]
    fn an_acceptance_says_whether_the_agent_is_ready() {
        let acceptance: Acceptance = parse(json!({"production_ready": true})).unwrap();
        assert_eq!(Decision::from(&acceptance), Decision::Accept { production_ready: true });
        let not_ready: Acceptance = parse(json!({"production_ready": false})).unwrap();
        assert_eq!(Decision::from(&not_ready), Decision::Accept { production_ready: false });
        let body = json!({"production_ready": "yes", "notes": "x", "acceptance_notes": "n".repeat(2001)});
        assert_eq!(
            rules(parse::<Acceptance>(body).unwrap_err()),
            ["/acceptance_notes maxLength", "/notes unknown_field", "/production_ready type"]
        );
        assert_eq!(rules(parse::<Acceptance>(json!({})).unwrap_err()), ["/production_ready required"]);
    }

    #[test]
    fn a_rejection_has_a_reason() {
        let rejection: Rejection = parse(json!({"reason": "No runbook.\nNo dashboard."})).unwrap();
        assert!(matches!(Decision::from(rejection), Decision::Reject { .. }));
        for body in [json!({}), json!({"reason": " "}), json!({"reason": null}), Value::Null] {
            assert!(parse::<Rejection>(body.clone()).is_err(), "{body}");
        }
    }
}
