//! What an agent is to be: the part of a creation's request that code is made from.
//!
//! Lenient in what may be missing (REQUIREMENTS A24: what is not declared is not allowed),
//! strict in what is there.

use serde::{Deserialize, Serialize};

use super::Error;

/// An agent's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The agent's name, of 1 to 100 characters (REQUIREMENTS 1.1, row 32).
    pub agent_name: String,
    /// Its semantic version.
    #[serde(default = "first_version")]
    pub version: String,
    /// The trade that it knows.
    pub industry: Industry,
    /// What it is good at, of 1 to 200 characters.
    pub specialty: String,
    /// What it can do; the specialty alone where none is given.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The tools that it may use: none where none is given.
    #[serde(default, alias = "tool_authorizations")]
    pub tools: Vec<Tool>,
    /// What it promises.
    #[serde(default, alias = "sla_targets")]
    pub sla: Sla,
}

/// The industries that there is built-in logic for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Industry {
    /// Campaigns and budgets.
    Marketing,
    /// Learners and levels.
    Education,
    /// Leads and grades.
    Sales,
}

impl Industry {
    /// The word used in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Education => "education",
            Self::Sales => "sales",
        }
    }
}

/// One thing that an agent can do; a plain string is its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "CapabilityForm")]
pub struct Capability {
    /// What it is called.
    pub name: String,
    /// What it does.
    pub description: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`capabilities[]` must be a name or {name, description}")]
enum CapabilityForm {
    Name(String),
    Full {
        #[serde(alias = "skill_name")]
        name: String,
        #[serde(default)]
        description: Option<String>,
    },
}

impl From<CapabilityForm> for Capability {
    fn from(form: CapabilityForm) -> Self {
        match form {
            CapabilityForm::Name(name) => Self { name, description: String::new() },
            CapabilityForm::Full { name, description } => Self { name, description: description.unwrap_or_default() },
        }
    }
}

/// A tool, and what may be done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// The tool's name.
    #[serde(alias = "name")]
    pub tool: String,
    /// Verbs such as `read`; none grants nothing.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// The service level, with the defaults of REQUIREMENTS 1.7; its numbers may also stand below
/// `metrics`, as an SLA definition has them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "SlaForm")]
pub struct Sla {
    /// 95 of 100 answers take less, in milliseconds.
    pub response_time_p95_ms: f64,
    /// At least this share of the time, in percent.
    pub uptime_percent: f64,
    /// Fewer errors than this, in percent.
    pub error_rate_percent: f64,
}

#[derive(Deserialize)]
struct SlaForm {
    metrics: Option<Metrics>,
    #[serde(flatten)]
    flat: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    response_time_p95_ms: Option<f64>,
    uptime_percent: Option<f64>,
    error_rate_percent: Option<f64>,
}

impl From<SlaForm> for Sla {
    fn from(SlaForm { metrics, flat }: SlaForm) -> Self {
        let (given, usual) = (metrics.unwrap_or(flat), Self::default());
        Self {
            response_time_p95_ms: given.response_time_p95_ms.unwrap_or(usual.response_time_p95_ms),
            uptime_percent: given.uptime_percent.unwrap_or(usual.uptime_percent),
            error_rate_percent: given.error_rate_percent.unwrap_or(usual.error_rate_percent),
        }
    }
}

impl Default for Sla {
    fn default() -> Self {
        Self { response_time_p95_ms: 2000.0, uptime_percent: 99.9, error_rate_percent: 1.0 }
    }
}

fn first_version() -> String {
    "1.0.0".to_owned()
}

const MAX_ITEMS: usize = 50;

impl Manifest {
    /// Reads a manifest from JSON; unknown members are left alone.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the member and the rule.
    pub fn from_json(value: serde_json::Value) -> Result<Self, Error> {
        let manifest: Self = serde_json::from_value(value).map_err(|error| Error::Manifest(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The capabilities to build: those given, or the specialty as the only one.
    #[must_use]
    pub fn effective_capabilities(&self) -> Vec<Capability> {
        if self.capabilities.is_empty() {
            return vec![Capability { name: self.specialty.clone(), description: String::new() }];
        }
        self.capabilities.clone()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        text("agent_name", &self.agent_name, 100)?;
        text("specialty", &self.specialty, 200)?;
        let version = self.version.split('.').map(|part| part.parse::<u32>());
        if version.clone().count() != 3 || version.clone().any(|part| part.is_err()) {
            return Err(Error::Manifest("version must be MAJOR.MINOR.PATCH".to_owned()));
        }
        few("capabilities", self.capabilities.len())?;
        for capability in &self.capabilities {
            text("capabilities[].name", &capability.name, 100)?;
            at_most("capabilities[].description", &capability.description, 2000)?;
        }
        few("tools", self.tools.len())?;
        for tool in &self.tools {
            text("tools[].tool", &tool.tool, 100)?;
            few("tools[].permissions", tool.permissions.len())?;
            for permission in &tool.permissions {
                text("tools[].permissions[]", permission, 100)?;
            }
        }
        positive("sla.response_time_p95_ms", self.sla.response_time_p95_ms, f64::MAX)?;
        positive("sla.uptime_percent", self.sla.uptime_percent, 100.0)?;
        positive("sla.error_rate_percent", self.sla.error_rate_percent, 100.0)
    }
}

fn text(field: &str, value: &str, max: usize) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::Manifest(format!("{field} must not be empty")));
    }
    at_most(field, value, max)
}

fn at_most(field: &str, value: &str, max: usize) -> Result<(), Error> {
    if value.chars().count() > max {
        return Err(Error::Manifest(format!("{field} has over {max} characters")));
    }
    Ok(())
}

fn few(field: &str, count: usize) -> Result<(), Error> {
    if count > MAX_ITEMS {
        return Err(Error::Manifest(format!("{field} has over {MAX_ITEMS} items")));
    }
    Ok(())
}

fn positive(field: &str, value: f64, max: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 && value <= max {
        return Ok(());
    }
    Err(Error::Manifest(format!("{field} must be above 0 and at most {max}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_manifest_is_filled_with_denials_and_defaults() {
        let manifest = Manifest::from_json(json!({
            "agent_name": "Ada", "industry": "sales", "specialty": "Lead scoring", "other": 1
        }))
        .expect("valid");
        assert_eq!(manifest.version, "1.0.0");
        assert!(manifest.tools.is_empty());
        assert_eq!(manifest.sla, Sla::default());
        assert_eq!(manifest.effective_capabilities()[0].name, "Lead scoring");
    }

    #[test]
    fn capabilities_may_be_names_or_objects() {
        let manifest = Manifest::from_json(json!({
            "agent_name": "Ada", "industry": "education", "specialty": "Maths",
            "capabilities": ["Quiz", {"name": "Plan", "description": "a week"}],
            "tools": [{"name": "crm"}], "sla_targets": {"metrics": {"uptime_percent": 99.5}}
        }))
        .expect("valid");
        assert_eq!(manifest.capabilities[1].description, "a week");
        assert_eq!(manifest.tools[0].permissions, Vec::<String>::new());
        assert!((manifest.sla.uptime_percent - 99.5).abs() < f64::EPSILON);
        assert!((manifest.sla.response_time_p95_ms - 2000.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_broken_rule_names_its_field() {
        for (change, field) in [
            (json!({"agent_name": " "}), "agent_name"),
            (json!({"agent_name": "x".repeat(101)}), "agent_name"),
            (json!({"specialty": "x".repeat(201)}), "specialty"),
            (json!({"version": "1.0"}), "version"),
            (json!({"industry": "mining"}), "mining"),
            (json!({"tools": [{"tool": ""}]}), "tools[].tool"),
            (json!({"sla": {"uptime_percent": 101}}), "sla.uptime_percent"),
            (json!({"capabilities": vec!["x"; 51]}), "capabilities"),
        ] {
            let mut value = json!({"agent_name": "A", "industry": "sales", "specialty": "S"});
            for (key, part) in change.as_object().expect("object") {
                value[key] = part.clone();
            }
            let error = Manifest::from_json(value).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
