//! Three machines as `docker-compose.yml` sets them up: an API and two workers, each with a data directory of its own, on one
//! PostgreSQL and one forge directory, with a login that owns nothing. One of them dies.

use cluster::testing::TestDatabase;
use futures::future::join;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use tokio::process::Command;

use crate::{
    harness::{Caller, Service, Site, finish},
    restart::{STAGES, hand_over, json_file},
};

/// The login of the services, as `docker/roles.sh` makes it.
const SERVICE: &str = "
    do $$ begin create role fleet login noinherit; exception when duplicate_object then null; end $$;
    grant stationmaster_app, stationmaster_worker to fleet;
    grant select on all tables in schema public to fleet;
";

struct Fleet {
    site: Site,
    database: TestDatabase,
}

impl Fleet {
    async fn new() -> Self {
        let database = TestDatabase::create("fleet", async |_| Ok::<_, sqlx::Error>(())).await.unwrap();
        let site = Site::new();
        let made = site.run(&["token"]).await; // makes the signing secret
        assert!(made.status.success(), "{made:?}");
        let mut migrate = site.command(&["migrate"]);
        migrate.env("DATABASE_URL", database.url());
        let migrated = finish(migrate).await;
        assert!(migrated.status.success(), "{migrated:?}");
        sqlx::raw_sql(SERVICE).execute(database.pool()).await.unwrap();
        Self { site, database }
    }

    /// A verb on a machine: nothing but the database, the forge's directory and the signing secret is shared.
    fn on(&self, machine: &str, arguments: &[&str]) -> Command {
        let own = self.site.path(machine);
        std::fs::create_dir_all(own.join("tmp")).unwrap();
        let mut login = self.database.connect_options().username("fleet").to_url_lossy();
        login.set_query(None);
        let mut command = self.site.command(arguments);
        command.env("DATABASE_URL", login.as_str()).env("STATIONMASTER_DATA", own.join("data"));
        command.env("TMPDIR", own.join("tmp")).env("STATIONMASTER_FORGE", self.site.data().join("forge"));
        let secret = self.site.data().join("secrets/jwt");
        command.env("STATIONMASTER_JWT_SECRET", format!("file:{}", secret.display())).env("RUST_LOG", "warn");
        command
    }

    async fn worker(&self, machine: &str, api: &Service) -> Service {
        let mut command = self.on(machine, &["--json", "work"]);
        command.env("STATIONMASTER_API", &api.api);
        Service::start(command).await
    }
}

/// Creates an agent and has it taken over.
async fn created(site: &Site, orchestrator: &Caller, engineer: &Caller, agent: &Value) -> Value {
    let agent = format!("/pp/v1/agents/{}", agent["agent_id"].as_str().unwrap());
    let (status, pipeline) = (format!("{agent}/creation-status"), format!("{agent}/cicd-pipeline"));
    for stage in 0..STAGES.len() {
        orchestrator.until(&pipeline, |pipeline| pipeline["stages"][stage]["status"] == "passed").await;
    }
    let ready = orchestrator.until(&status, |status| status["status"] == "deployment_ready").await;
    assert_eq!(ready["github_actions_url"], Value::Null, "the local forge has no page");
    let handoff = hand_over(site, orchestrator, &ready).await;
    let acceptance = json!({ "production_ready": true, "acceptance_notes": "looks good" });
    engineer.post(&format!("/pp/v1/agent-handoff/{handoff}/accept"), &acceptance).await;
    orchestrator.until(&status, |status| status["status"] == "handoff_complete").await
}

#[tokio::test]
async fn creations_on_several_machines_end_in_production_though_one_dies() {
    let fleet = Fleet::new().await;
    let site = &fleet.site;
    let api = Service::start(fleet.on("api", &["--json", "serve"])).await;
    let (one, two) = join(fleet.worker("one", &api), fleet.worker("two", &api)).await;
    let orchestrator = site.caller(&api, "orchestrator@waooaw.com", "agent_orchestrator").await;
    let engineer = site.caller(&api, "engineer@waooaw.com", "infrastructure_engineer").await;
    let admin = site.caller(&api, "admin@waooaw.com", "admin").await;
    admin.at(&one).get("/health/ready").await;

    let request = |name: &str| json!({ "agent_name": name, "industry": "education", "specialty": "Sums" });
    let (ada, bob) = (request("Ada"), request("Bob"));
    let create = "/pp/v1/agents/create";
    let (ada, bob) = join(orchestrator.post(create, &ada), orchestrator.post(create, &bob)).await;
    let pipeline = format!("/pp/v1/agents/{}/cicd-pipeline", ada["agent_id"].as_str().unwrap());
    orchestrator.until(&pipeline, |pipeline| pipeline["stages"][0]["status"] == "passed").await;
    two.kill().await;

    let done = join(created(site, &orchestrator, &engineer, &ada), created(site, &orchestrator, &engineer, &bob)).await;
    for done in [done.0, done.1] {
        recorded_once(&admin, &done).await;
        built_once(site, &done).await;
    }
    let metrics = reqwest::get(format!("{}/metrics", one.api)).await.unwrap();
    assert!(metrics.text().await.unwrap().contains("stationmaster_claims_total"));
    join(one.stop(), api.stop()).await;
    assert_eq!(site.processes(), Vec::<String>::new());
}

async fn recorded_once(admin: &Caller, done: &Value) {
    let run = done["run_id"].as_str().unwrap();
    admin.until(&format!("/runs/{run}"), |run| run["phase"] == "completed").await;
    admin.facts(run).await;
    let children = admin.get(&format!("/runs?parent={run}")).await;
    for child in children["runs"].as_array().unwrap() {
        admin.facts(child["id"].as_str().unwrap()).await;
    }
}

/// One commit, one pipeline, and each stage of it told once.
async fn built_once(site: &Site, done: &Value) {
    let (repository, commit) = (done["code"]["repository"].as_str().unwrap(), done["code"]["commit"].as_str().unwrap());
    let forge = site.data().join("forge");
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(forge.join(format!("repositories/{repository}.git"))).args(["rev-list", "--all"]);
    assert_eq!(String::from_utf8(git.output().await.unwrap().stdout).unwrap().lines().collect::<Vec<_>>(), [commit]);

    let runs =
        std::fs::read_dir(forge.join("runs")).unwrap().map(|run| json_file(&run.unwrap().path().join("run.json")));
    let mut runs: Vec<_> = runs.filter(|run| run["repository"] == repository).collect();
    let run = runs.pop().unwrap();
    assert!(runs.is_empty(), "a second pipeline: {runs:?}");
    assert_eq!((&run["attempt"], &run["conclusion"]), (&1.into(), &"success".into()));
    let ended: Vec<_> = run["deliveries"].as_array().unwrap().iter().filter_map(stage_ended).collect();
    assert_eq!(ended, STAGES);
}

/// The stage whose end a webhook told.
fn stage_ended(delivery: &Value) -> Option<String> {
    let body: Value = serde_json::from_str(delivery["body"].as_str()?).unwrap();
    let ended = body["action"] == "completed";
    body["workflow_job"]["name"].as_str().filter(|_| ended).map(str::to_owned)
}
