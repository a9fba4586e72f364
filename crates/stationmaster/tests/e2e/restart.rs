//! `kill -9` of the service, wherever it hurts, and what the next one makes of it: nothing lost, nothing twice.

use std::path::{Path, PathBuf};

use axum::Router;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Caller, PATIENCE, Service, Site, kill};

pub(crate) const STAGES: [&str; 5] = ["lint", "unit-tests", "build", "integration-tests", "push"];

/// A `git` that moves a branch, says so and hangs: between a side effect and its record.
struct Trap {
    directory: PathBuf,
}

impl Trap {
    fn set(site: &Site) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = site.path("trap");
        std::fs::create_dir(&directory).unwrap();
        mknodat(CWD, directory.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let git = std::env::split_paths(&path).map(|path| path.join("git")).find(|git| git.is_file()).unwrap();
        let (git, fifo) = (git.display(), directory.join("fifo"));
        let fifo = fifo.display();
        let script = format!(
            "#!/bin/sh\n'{git}' \"$@\" || exit\ncase \" $* \" in *' update-ref '*) echo $$ >'{fifo}'; read -r _ <'{fifo}' ;; esac\n"
        );
        std::fs::write(directory.join("git"), script).unwrap();
        std::fs::set_permissions(directory.join("git"), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    async fn start(&self, site: &Site) -> Service {
        let old = std::env::var_os("PATH").unwrap();
        let path = std::iter::once(self.directory.clone()).chain(std::env::split_paths(&old));
        let mut command = site.command(&["--json", "dev"]);
        command.env("PATH", std::env::join_paths(path).unwrap());
        Service::start(command).await
    }

    /// Waits until a branch was moved; gives the process that hangs.
    async fn sprung(&self) -> i32 {
        let read = tokio::fs::read_to_string(self.directory.join("fifo"));
        let pid = tokio::time::timeout(PATIENCE, read).await.expect("a branch is moved").unwrap();
        pid.trim().parse().unwrap()
    }
}

pub(crate) fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Hands an agent over, with pages that answer, and the artifact that its build left.
pub(crate) async fn hand_over(site: &Site, caller: &Caller, ready: &Value) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = json!({ "url": format!("http://{}/page", listener.local_addr().unwrap()) });
    let pages = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async || "here")).await });

    let (repository, commit) =
        (ready["code"]["repository"].as_str().unwrap(), ready["code"]["commit"].as_str().unwrap());
    let artifact = json_file(&site.data().join(format!("forge/registry/index/{repository}/{commit}.json")));
    let image = format!("{repository}@{}", artifact["digest"].as_str().unwrap());
    let sla = json!({ "agent_id": ready["agent_id"], "sla_type": "standard", "effective_date": "2026-01-01" });
    let sla = caller.post("/pp/v1/sla-definitions", &sla).await;
    let evidence = [
        ("docker_image_built_and_pushed", json!({ "image": image })),
        ("runbook_documented", page.clone()),
        ("health_check_endpoint_working", page.clone()),
        ("monitoring_dashboard_created", page.clone()),
        ("alert_thresholds_configured", json!({ "details": "ops/alerts.yaml" })),
        ("oncall_engineer_assigned", json!({ "engineer": "engineer@waooaw.com" })),
        ("sla_defined_and_agreed", json!({ "sla_id": sla["sla_id"] })),
        ("load_testing_completed", page),
    ];
    let items = evidence.map(|(item, evidence)| (item.to_owned(), json!({ "status": true, "evidence": evidence })));
    let checklist = Value::Object(items.into_iter().collect());
    let submission = json!({ "agent_id": ready["agent_id"], "handoff_checklist": checklist });
    let handoff = caller.post("/pp/v1/agent-handoff", &submission).await;
    pages.abort();
    handoff["handoff_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_creation_outlives_every_kill() {
    let site = Site::new();
    let service = site.start().await;
    let orchestrator = site.caller(&service, "orchestrator@waooaw.com", "agent_orchestrator").await;
    let engineer = site.caller(&service, "engineer@waooaw.com", "infrastructure_engineer").await;
    let request = json!({ "agent_name": "Ada", "industry": "education", "specialty": "Sums" });
    let requested = orchestrator.post("/pp/v1/agents/create", &request).await;
    let status = format!("/pp/v1/agents/{}/creation-status", requested["agent_id"].as_str().unwrap());
    let pipeline = format!("/pp/v1/agents/{}/cicd-pipeline", requested["agent_id"].as_str().unwrap());
    service.kill().await; // right after the answer

    let trap = Trap::set(&site);
    let service = trap.start(&site).await;
    let git = trap.sprung().await;
    service.kill().await; // the commit is made, and no fact says so
    kill(git);

    let service = site.start().await;
    let caller = orchestrator.at(&service);
    caller.until(&pipeline, |pipeline| pipeline["stages"][1]["status"] == "passed").await;
    service.kill().await; // between two stages

    let service = site.start().await;
    let caller = orchestrator.at(&service);
    let ready = caller.until(&status, |status| status["status"] == "deployment_ready").await;
    let handoff = hand_over(&site, &caller, &ready).await;
    service.kill().await; // while a person is waited for

    let service = site.start().await;
    let (orchestrator, engineer) = (orchestrator.at(&service), engineer.at(&service));
    let acceptance = json!({ "production_ready": true, "acceptance_notes": "looks good" });
    engineer.post(&format!("/pp/v1/agent-handoff/{handoff}/accept"), &acceptance).await;
    let done = orchestrator.until(&status, |status| status["status"] == "handoff_complete").await;
    assert_eq!(done["progress_percentage"], 100, "{done:#}");

    let admin = site.caller(&service, "admin@waooaw.com", "admin").await;
    nothing_lost_or_doubled(&site, &admin, &done).await;
    service.stop().await;
    let audit = site.audit().await;
    assert_eq!((&audit["intact"], &audit["unsealed"]), (&true.into(), &0.into()), "{audit}");
    assert_eq!(site.processes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_creation_outlives_power_cuts() {
    let site = Site::new();
    let service = site.start().await;
    let orchestrator = site.caller(&service, "orchestrator@waooaw.com", "agent_orchestrator").await;
    let request = json!({ "agent_name": "Ada", "industry": "education", "specialty": "Sums" });
    let requested = orchestrator.post("/pp/v1/agents/create", &request).await;
    let status = format!("/pp/v1/agents/{}/creation-status", requested["agent_id"].as_str().unwrap());
    let pipeline = format!("/pp/v1/agents/{}/cicd-pipeline", requested["agent_id"].as_str().unwrap());
    site.cut_power(service).await; // right after the answer

    let service = site.start().await;
    let caller = orchestrator.at(&service);
    caller.until(&pipeline, |pipeline| pipeline["stages"][0]["status"] == "passed").await;
    kill(site.postmaster());
    service.kill().await; // between two stages, while the rest of the database still goes down

    let service = site.start().await;
    let caller = orchestrator.at(&service);
    caller.until(&pipeline, |pipeline| pipeline["stages"][1]["status"] == "passed").await;
    let run = caller.get(&status).await["run_id"].as_str().unwrap().to_owned();
    let admin = site.caller(&service, "admin@waooaw.com", "admin").await;
    admin.facts(&run).await;
    service.stop().await;
    let audit = site.audit().await;
    assert_eq!((&audit["intact"], &audit["unsealed"]), (&true.into(), &0.into()), "{audit}");
    assert_eq!(site.processes(), Vec::<String>::new());
}

async fn nothing_lost_or_doubled(site: &Site, admin: &Caller, done: &Value) {
    let run = done["run_id"].as_str().unwrap();
    admin.until(&format!("/runs/{run}"), |run| run["phase"] == "completed").await;
    admin.facts(run).await;
    let children = admin.get(&format!("/runs?parent={run}")).await;
    let mut names = Vec::new();
    for child in children["runs"].as_array().unwrap() {
        assert_eq!(child["phase"], "completed", "{child:#}");
        names.push(child["definition"]["name"].as_str().unwrap().to_owned());
        admin.facts(child["id"].as_str().unwrap()).await;
    }
    assert_eq!(names, ["agent-handoff"]);

    let repository = done["code"]["repository"].as_str().unwrap();
    let directory = site.data().join(format!("forge/repositories/{repository}.git"));
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(directory).args(["rev-list", "--all"]);
    let commits = String::from_utf8(git.output().await.unwrap().stdout).unwrap();
    assert_eq!(commits.lines().collect::<Vec<_>>(), [done["code"]["commit"].as_str().unwrap()]);

    let builds: Vec<_> = std::fs::read_dir(site.data().join("forge/runs")).unwrap().map(Result::unwrap).collect();
    assert_eq!(builds.len(), 1, "{builds:?}");
    let build = json_file(&builds[0].path().join("run.json"));
    assert_eq!((&build["attempt"], &build["conclusion"]), (&1.into(), &"success".into()));
    let told = build["deliveries"].as_array().unwrap().iter();
    let told = told.map(|delivery| serde_json::from_str::<Value>(delivery["body"].as_str().unwrap()).unwrap());
    let ended: Vec<_> = told.filter(|body| body["action"] == "completed" && body["workflow_job"].is_object()).collect();
    let ended: Vec<_> = ended.iter().map(|body| body["workflow_job"]["name"].as_str().unwrap()).collect();
    assert_eq!(ended, STAGES, "each stage ends once");
}
