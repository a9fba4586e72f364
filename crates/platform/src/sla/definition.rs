//! The body of `POST /pp/v1/sla-definitions` (endpoint 37) and the default targets.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::input::{Input, Schema};

/// What an agent promises; what is left out is the standard promise.
///
/// Compliant means: uptime at least its target, p95 and error rate strictly below theirs
/// (`REQUIREMENTS A22`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Targets {
    /// What is measured.
    pub metrics: Metrics,
    /// What support promises.
    pub support_sla: Support,
}

/// What kind of agreement it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "labels of the agreement; the numbers say the rest")]
pub enum Tier {
    #[default]
    Standard,
    Premium,
    Custom,
}

impl Tier {
    /// The name in the database and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Custom => "custom",
        }
    }
}

/// The measured part of an agreement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// 95th percentile of response times, in milliseconds.
    pub response_time_p95_ms: u32,
    /// Uptime, in percent.
    pub uptime_percent: f64,
    /// Failed requests, in percent.
    pub error_rate_percent: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { response_time_p95_ms: 2000, uptime_percent: 99.9, error_rate_percent: 1.0 }
    }
}

/// The promised part of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Support {
    /// First answer, in hours.
    pub response_hours: u32,
    /// Resolution, in hours.
    pub resolution_hours: u32,
    /// Resolution of a critical incident, in hours.
    pub critical_resolution_hours: u32,
}

impl Default for Support {
    fn default() -> Self {
        Self { response_hours: 4, resolution_hours: 24, critical_resolution_hours: 4 }
    }
}

/// A service level agreement for one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The agent.
    pub agent_id: Uuid,
    /// What kind of agreement.
    #[serde(default)]
    pub sla_type: Tier,
    /// What it promises.
    #[serde(flatten)]
    pub targets: Targets,
    /// From which day on it holds.
    pub effective_date: NaiveDate,
}

impl Input for Definition {
    fn schema() -> &'static Schema {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::compile(include_str!("../../schemas/sla-definition.json")));
        &SCHEMA
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::parse;
    use serde_json::json;

    #[test]
    fn what_is_left_out_is_the_standard_agreement() {
        let agent_id = Uuid::from_u128(7);
        let body = json!({"agent_id": agent_id, "effective_date": "2026-12-01"});
        let definition: Definition = parse(body).unwrap();
        assert_eq!(
            serde_json::to_value(definition).unwrap(),
            json!({
                "agent_id": agent_id,
                "sla_type": "standard",
                "metrics": {
                    "response_time_p95_ms": 2000, "uptime_percent": 99.9, "error_rate_percent": 1.0,
                },
                "support_sla": {
                    "response_hours": 4, "resolution_hours": 24, "critical_resolution_hours": 4,
                },
                "effective_date": "2026-12-01",
            })
        );
    }

    #[test]
    fn every_mistake_is_named() {
        let body = json!({
            "agent_id": "seven",
            "sla_type": "gold",
            "metrics": {"uptime_percent": 100.1, "response_time_p95_ms": 0, "latency": 3},
            "effective_date": "2026-02-30",
        });
        let found: Vec<_> = parse::<Definition>(body)
            .unwrap_err()
            .0
            .into_iter()
            .map(|violation| format!("{} {}", violation.path, violation.rule))
            .collect();
        assert_eq!(
            found,
            [
                "/agent_id format",
                "/effective_date format",
                "/metrics/latency unknown_field",
                "/metrics/response_time_p95_ms minimum",
                "/metrics/uptime_percent maximum",
                "/sla_type enum",
            ]
        );
    }
}
