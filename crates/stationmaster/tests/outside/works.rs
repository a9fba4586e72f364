//! A service as it is deployed: processes of the binary, against GitHub, a registry and a mail server that the tests play.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    harness::{Caller, Service, Site},
    hub::{Hub, JOBS, Manners, OWNER, SECRET, TOKEN},
    post::Post,
};

/// The service and its surroundings.
pub(crate) struct Works {
    pub(crate) site: Site,
    pub(crate) hub: Arc<Hub>,
    pub(crate) post: Post,
    pub(crate) service: Service,
    pub(crate) orchestrator: Caller,
    pub(crate) engineer: Caller,
    pub(crate) admin: Caller,
}

/// A creation that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) agent: String,
    pub(crate) creation: String,
    pub(crate) run: String,
}

impl Asked {
    /// Where it stands.
    pub(crate) fn status(&self) -> String {
        format!("/pp/v1/agents/{}/creation-status", self.agent)
    }

    /// Something that is done to its agent.
    pub(crate) fn act(&self, what: &str) -> String {
        format!("/pp/v1/agents/{}/{what}", self.agent)
    }

    /// The branch of its code.
    pub(crate) fn branch(&self) -> String {
        format!("agent/{}", self.creation)
    }
}

impl Works {
    /// Starts a service with more options, on a database of its own.
    pub(crate) async fn open(manners: Manners, more: &[&str]) -> Self {
        let (site, hub, post) = (Site::new(), Hub::open(manners).await, Post::open().await);
        let service = Service::start(command(&site, &hub, &post, "dev", more)).await;
        hub.send_webhooks_to(&service.api);
        let orchestrator = site.caller(&service, "orchestrator@waooaw.com", "agent_orchestrator").await;
        let engineer = site.caller(&service, "engineer@waooaw.com", "infrastructure_engineer").await;
        let admin = site.caller(&service, "admin@waooaw.com", "admin").await;
        Self { site, hub, post, service, orchestrator, engineer, admin }
    }

    /// `kill -9` of the service, and another one in its place.
    pub(crate) async fn crash(self, more: &[&str]) -> Self {
        let Self { site, hub, post, service, orchestrator, engineer, admin } = self;
        service.kill().await;
        let service = Service::start(command(&site, &hub, &post, "dev", more)).await;
        hub.send_webhooks_to(&service.api);
        let at = |caller: &Caller| caller.at(&service);
        let (orchestrator, engineer, admin) = (at(&orchestrator), at(&engineer), at(&admin));
        Self { site, hub, post, service, orchestrator, engineer, admin }
    }

    /// Asks for an agent of this name.
    pub(crate) async fn ask(&self, name: &str) -> Asked {
        let request = json!({"agent_name": name, "industry": "education", "specialty": "Sums"});
        let asked = self.orchestrator.post("/pp/v1/agents/create", &request).await;
        let word = |member: &str| asked[member].as_str().unwrap().to_owned();
        Asked { agent: word("agent_id"), creation: word("creation_id"), run: word("run_id") }
    }

    /// Waits until a creation has this status.
    pub(crate) async fn until(&self, asked: &Asked, status: &str) -> Value {
        self.orchestrator.until(&asked.status(), |now| now["status"] == status).await
    }

    /// Hands an agent over that is ready, and accepts it.
    pub(crate) async fn hand_over(&self, asked: &Asked) -> Value {
        let ready = self.until(asked, "deployment_ready").await;
        let sla = json!({"agent_id": asked.agent, "sla_type": "standard", "effective_date": "2026-01-01"});
        let sla = self.orchestrator.post("/pp/v1/sla-definitions", &sla).await;
        let checklist = self.checklist(&ready["code"], &sla["sla_id"]);
        let submission = json!({"agent_id": asked.agent, "handoff_checklist": checklist});
        let handoff = self.orchestrator.post("/pp/v1/agent-handoff", &submission).await;
        let accept = format!("/pp/v1/agent-handoff/{}/accept", handoff["handoff_id"].as_str().unwrap());
        let acceptance = json!({"production_ready": true, "acceptance_notes": "looks good"});
        self.engineer.post(&accept, &acceptance).await;
        self.until(asked, "handoff_complete").await
    }

    fn checklist(&self, code: &Value, sla: &Value) -> Value {
        let (repository, commit) = (code["repository"].as_str().unwrap(), code["commit"].as_str().unwrap());
        let page = json!({"url": format!("http://{}/pages/ada", self.hub.address)});
        let evidence = [
            ("docker_image_built_and_pushed", json!({"image": format!("{}/{repository}:{commit}", self.hub.address)})),
            ("runbook_documented", page.clone()),
            ("health_check_endpoint_working", page.clone()),
            ("monitoring_dashboard_created", page.clone()),
            ("alert_thresholds_configured", json!({"details": "ops/alerts.yaml"})),
            ("oncall_engineer_assigned", json!({"engineer": "engineer@waooaw.com"})),
            ("sla_defined_and_agreed", json!({"sla_id": sla})),
            ("load_testing_completed", page),
        ];
        let items = evidence.map(|(item, evidence)| (item.to_owned(), json!({"status": true, "evidence": evidence})));
        Value::Object(items.into_iter().collect())
    }

    /// That GitHub has one repository, one commit and one build for a creation, and the run each step once.
    pub(crate) async fn made_once(&self, asked: &Asked, done: &Value) {
        let repository = done["code"]["repository"].as_str().unwrap().strip_prefix(&format!("{OWNER}/")).unwrap();
        self.hub.look(|state| {
            let of_branch: Vec<_> = state.runs.iter().filter(|run| run.branch == asked.branch()).collect();
            assert_eq!(of_branch.len(), 1, "one dispatch: {of_branch:#?}");
            assert_eq!(of_branch[0].repository, repository);
            let commits: Vec<_> = state.repositories[repository].commits.keys().collect();
            assert_eq!(commits, [of_branch[0].sha.as_str()], "one commit");
            assert_eq!(done["code"]["commit"], of_branch[0].sha.as_str());
        });
        self.admin.until(&format!("/runs/{}", asked.run), |run| run["phase"] == "completed").await;
        self.admin.facts(&asked.run).await;
    }

    /// That each of the five stages passed and says how long it took.
    pub(crate) async fn five_stages(&self, asked: &Asked) {
        let pipeline = self.orchestrator.get(&asked.act("cicd-pipeline")).await;
        let stages = pipeline["stages"].as_array().unwrap();
        assert_eq!(stages.len(), JOBS.len(), "{pipeline:#}");
        for stage in stages {
            assert_eq!((&stage["status"], &stage["duration"]), (&json!("passed"), &json!(63)), "{pipeline:#}");
        }
    }

    /// Stops the service, whose audit trail must hold, and of which nothing stays behind.
    pub(crate) async fn close(self) {
        self.service.stop().await;
        let refused = self.hub.look(|state| state.deliveries.iter().filter(|status| **status >= 300).count());
        assert_eq!(refused, 0, "webhooks were refused");
        let audit = self.site.audit().await;
        assert_eq!((&audit["intact"], &audit["unsealed"]), (&json!(true), &json!(0)), "{audit}");
        assert_eq!(self.site.processes(), Vec::<String>::new());
    }
}

fn command(site: &Site, hub: &Hub, post: &Post, verb: &str, more: &[&str]) -> Command {
    let mut command = site.command(&["--json", verb]);
    command.args(more);
    command.env("STATIONMASTER_GITHUB_OWNER", OWNER).env("STATIONMASTER_GITHUB_TOKEN", "env:TOKEN_OF_THE_TESTS");
    command.env("STATIONMASTER_GITHUB_API", format!("http://{}", hub.address)).env("TOKEN_OF_THE_TESTS", TOKEN);
    command.env("STATIONMASTER_GITHUB_WEBHOOK_SECRET", SECRET);
    command.env("STATIONMASTER_SMTP", format!("smtp://{}", post.address));
    command
}
