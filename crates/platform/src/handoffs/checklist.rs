//! The operational readiness checklist: exactly eight items, each with its evidence
//! (`REQUIREMENTS 1.5, A1`).
//!
//! [`Checklist`] is complete by construction: the schema refuses an unknown item, a missing one and
//! one whose status is not true, each by name, and evidence of another shape than the item asks for.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::input::{Input, Schema};

/// The body of `POST /pp/v1/agent-handoff` (endpoint 35).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The agent that is handed over.
    pub agent_id: Uuid,
    /// The eight items.
    pub handoff_checklist: Checklist,
    /// What the creation team has to say; at most 2000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_team_notes: Option<String>,
}

impl Input for Submission {
    fn schema() -> &'static Schema {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::compile(include_str!("../../schemas/handoff-submission.json")));
        &SCHEMA
    }
}

/// The eight items, all done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// The image is in the registry.
    pub docker_image_built_and_pushed: Item<Image>,
    /// The runbook is written.
    pub runbook_documented: Item<Link>,
    /// The health endpoint answers.
    pub health_check_endpoint_working: Item<Link>,
    /// The dashboard shows.
    pub monitoring_dashboard_created: Item<Link>,
    /// The alerts are set.
    pub alert_thresholds_configured: Item<Details>,
    /// Somebody is on call.
    pub oncall_engineer_assigned: Item<Engineer>,
    /// The service levels are agreed.
    pub sla_defined_and_agreed: Item<SlaReference>,
    /// The load test was run.
    pub load_testing_completed: Item<Link>,
}

impl Checklist {
    /// Whether every item is done; what a stored checklist is asked once more before an agent is accepted.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.docker_image_built_and_pushed.status
            && self.runbook_documented.status
            && self.health_check_endpoint_working.status
            && self.monitoring_dashboard_created.status
            && self.alert_thresholds_configured.status
            && self.oncall_engineer_assigned.status
            && self.sla_defined_and_agreed.status
            && self.load_testing_completed.status
    }
}

/// One item that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item<E> {
    /// Always true: an item that is not done does not parse.
    pub status: bool,
    /// What shows that it is.
    pub evidence: E,
}

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its reference, with tag or digest.
    pub image: String,
}

/// A page that can be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its address; `https`, or `http` within the platform.
    pub url: String,
}

/// A description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// In words.
    pub details: String,
}

/// Who is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engineer {
    /// Name or address.
    pub engineer: String,
}

/// The agreement that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlaReference {
    /// An SLA definition.
    pub sla_id: Uuid,
}

/// Who has to do an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Team {
    CreationTeam,
    ServiceTeam,
}

/// What an item asks for, for people and for the console's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The item's key in the checklist.
    pub item: &'static str,
    /// Who has to do it.
    pub owner: Team,
    /// The member of `evidence`.
    pub evidence: &'static str,
    /// What the evidence has to show.
    pub shows: &'static str,
}

/// The eight items in order.
pub const ITEMS: [Requirement; 8] = [
    item("docker_image_built_and_pushed", Team::CreationTeam, "image", "the tag exists in the registry"),
    item("runbook_documented", Team::CreationTeam, "url", "the runbook can be read"),
    item("health_check_endpoint_working", Team::CreationTeam, "url", "GET answers 200"),
    item("monitoring_dashboard_created", Team::CreationTeam, "url", "the dashboard can be opened"),
    item("alert_thresholds_configured", Team::CreationTeam, "details", "alert rules exist"),
    item("oncall_engineer_assigned", Team::ServiceTeam, "engineer", "somebody is on the pager schedule"),
    item("sla_defined_and_agreed", Team::CreationTeam, "sla_id", "the agent has this SLA definition"),
    item("load_testing_completed", Team::CreationTeam, "url", "the report shows acceptable performance"),
];

const fn item(item: &'static str, owner: Team, evidence: &'static str, shows: &'static str) -> Requirement {
    Requirement { item, owner, evidence, shows }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::input::parse;

    pub(crate) fn complete() -> Value {
        let agent = Uuid::from_u128(1);
        json!({
            "agent_id": agent,
            "creation_team_notes": "Ready.",
            "handoff_checklist": {
                "docker_image_built_and_pushed":
                    {"status": true, "evidence": {"image": "registry.local/agents/ada:1.0.0"}},
                "runbook_documented":
                    {"status": true, "evidence": {"url": "https://docs.local/ada/runbook"}},
                "health_check_endpoint_working":
                    {"status": true, "evidence": {"url": "http://ada.local/health"}},
                "monitoring_dashboard_created":
                    {"status": true, "evidence": {"url": "https://dashboards.local/ada"}},
                "alert_thresholds_configured":
                    {"status": true, "evidence": {"details": "error rate > 1 %, p95 > 2 s"}},
                "oncall_engineer_assigned":
                    {"status": true, "evidence": {"engineer": "grace@example.com"}},
                "sla_defined_and_agreed":
                    {"status": true, "evidence": {"sla_id": agent}},
                "load_testing_completed":
                    {"status": true, "evidence": {"url": "https://reports.local/ada/load"}},
            },
        })
    }

    fn violations(body: Value) -> Vec<String> {
        let invalid = parse::<Submission>(body).unwrap_err();
        invalid.0.into_iter().map(|v| format!("{} {}", v.path, v.rule)).collect()
    }

    #[test]
    fn a_complete_checklist_is_taken_as_it_is() {
        let submission: Submission = parse(complete()).unwrap();
        assert_eq!(serde_json::to_value(submission).unwrap(), complete());
    }

    #[test]
    fn each_of_the_eight_is_required_to_be_there_and_true() {
        for Requirement { item, .. } in ITEMS {
            let mut missing = complete();
            missing["handoff_checklist"].as_object_mut().unwrap().remove(item);
            assert_eq!(violations(missing), [format!("/handoff_checklist/{item} required")]);
            let mut undone = complete();
            undone["handoff_checklist"][item]["status"] = json!(false);
            assert_eq!(violations(undone), [format!("/handoff_checklist/{item}/status const")]);
        }
    }

    #[test]
    fn each_item_asks_for_its_own_evidence() {
        for Requirement { item, evidence, .. } in ITEMS {
            let mut bare = complete();
            bare["handoff_checklist"][item]["evidence"] = json!({});
            assert_eq!(violations(bare), [format!("/handoff_checklist/{item}/evidence/{evidence} required")]);
        }
        let mut body = complete();
        body["handoff_checklist"]["runbook_documented"]["evidence"]["url"] = json!("javascript:alert(1)");
        body["handoff_checklist"]["sla_defined_and_agreed"]["evidence"]["sla_id"] = json!("gold");
        assert_eq!(
            violations(body),
            [
                "/handoff_checklist/runbook_documented/evidence/url pattern",
                "/handoff_checklist/sla_defined_and_agreed/evidence/sla_id format",
            ]
        );
    }

    #[test]
    fn unknown_items_and_all_that_is_missing_are_listed_together() {
        let mut body = complete();
        body["handoff_checklist"] = json!({
            "runbook_documented": {"status": false, "evidence": {"url": "https://docs.local"}},
            "coffee_machine_filled": {"status": true, "evidence": {}},
        });
        let found = violations(body);
        assert_eq!(found.len(), 1 + 1 + 7, "{found:#?}");
        assert!(found.contains(&"/handoff_checklist/coffee_machine_filled unknown_field".to_owned()));
    }
}
