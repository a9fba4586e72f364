//! The bodies that the engine's own endpoints take, each with its JSON schema (`schemas/`), which is also what OpenAPI shows.

use std::sync::LazyLock;

use platform::{
    agents::CreationRequest,
    handoffs::{Acceptance, Rejection, Submission},
    input::{Input, Schema},
    sla,
};
use serde::Deserialize;
use serde_json::Value;

macro_rules! schema {
    ($file:literal) => {
        fn schema() -> &'static Schema {
            static SCHEMA: LazyLock<Schema> =
                LazyLock::new(|| Schema::compile(include_str!(concat!("../../schemas/", $file))));
            &SCHEMA
        }
    };
}

/// Every body that some endpoint takes, with the schema that it is checked against, by its name in OpenAPI.
pub(crate) fn schemas() -> [(&'static str, &'static Value); 8] {
    [
        ("StartRun", StartRun::schema().document()),
        ("Reason", Reason::schema().document()),
        ("Decision", Decision::schema().document()),
        ("CreationRequest", CreationRequest::schema().document()),
        ("HandoffSubmission", Submission::schema().document()),
        ("HandoffAcceptance", Acceptance::schema().document()),
        ("HandoffRejection", Rejection::schema().document()),
        ("SlaDefinitionRequest", sla::Definition::schema().document()),
    ]
}

/// The answers of services, whose types live below this crate.
pub(crate) fn answers() -> &'static Value {
    static ANSWERS: LazyLock<Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../schemas/answers.json")).expect("invariant: the file is JSON")
    });
    &ANSWERS
}

/// `POST /runs`.
#[derive(Debug, Deserialize)]
pub(crate) struct StartRun {
    pub(crate) definition: DefinitionName,
    #[serde(default)]
    pub(crate) input: Value,
    pub(crate) queue: Option<String>,
    #[serde(default)]
    pub(crate) priority: Priority,
}

/// What people call a definition.
#[derive(Debug, Deserialize)]
pub(crate) struct DefinitionName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
}

/// How soon.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Priority {
    Urgent,
    High,
    #[default]
    Normal,
    Low,
}

/// An action that needs a reason.
#[derive(Debug, Deserialize)]
pub(crate) struct Reason {
    pub(crate) reason: String,
}

/// An action that needs nothing said.
#[derive(Debug, Deserialize)]
pub(crate) struct Nothing {}

/// `POST /gates/{id}/decisions`.
#[derive(Debug, Deserialize)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    pub(crate) digest: Option<String>,
}

/// Approve or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Approve,
    Reject,
}

impl Input for StartRun {
    schema!("start-run.json");
}

impl Input for Reason {
    schema!("reason.json");
}

impl Input for Nothing {
    schema!("nothing.json");
}

impl Input for Decision {
    schema!("decision.json");

    fn conflicts(&self) -> Vec<platform::input::Violation> {
        let silent = self.verdict == Verdict::Reject && self.reason.is_none();
        let needed = || platform::input::Violation::new("required", "/reason", "is required to reject");
        if silent { vec![needed()] } else { Vec::new() }
    }
}

impl From<Priority> for store::runs::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Urgent => Self::Urgent,
            Priority::High => Self::High,
            Priority::Normal => Self::Normal,
            Priority::Low => Self::Low,
        }
    }
}
