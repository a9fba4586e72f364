//! The agent that the pipeline built, running: installed from the artifact registry into a virtual environment of its own.
//!
//! Its pages (runbook, dashboard, load test) are served from the repository's commit, as a forge would show them.

use std::{net::Ipv4Addr, path::Path, process::Stdio, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path as Segment, State},
    http::StatusCode,
    routing::get,
};
use functions::forge::{Forge, Local, Repository};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    task::JoinHandle,
};

use super::text_of;
use crate::output::{Failure, Output};

/// How long the agent may take to answer its health check.
const PATIENCE: Duration = Duration::from_secs(60);

/// The page of the report that the integration tests left.
const LOAD_TEST: &str = "reports/load-test.json";

/// A running agent and its pages.
pub(super) struct Staged {
    process: Child,
    pages: JoinHandle<()>,
    image: String,
    agent: String,
    site: String,
}

/// Where pages are read from.
struct Source {
    forge: Arc<Local>,
    repository: Repository,
    commit: String,
    /// The digest of the load test's report.
    load_test: Option<String>,
}

impl Staged {
    /// Installs and starts what the pipeline pushed.
    pub(super) async fn start(
        output: Output,
        forge: &Arc<Local>,
        data: &Path,
        status: &Value,
    ) -> Result<Self, Failure> {
        let repository = Repository::try_from(text_of(&status["code"]["repository"]))?;
        let commit = text_of(&status["code"]["commit"]);
        let artifact = forge.artifacts().find(&repository, &commit).await?;
        let artifact =
            artifact.ok_or_else(|| Failure::new(format!("nothing was pushed for {repository} at {commit}")))?;
        let home = data.join("demo").join(&commit);
        let python = install(&home, &forge.artifacts().path(&artifact.digest)?, &artifact.file).await?;
        let port = free_port().await?;
        let process = Command::new(python)
            .args(["-m", "agent"])
            .env("AGENT_HOST", "127.0.0.1")
            .env("AGENT_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let agent = format!("http://127.0.0.1:{port}");
        wait_for(&format!("{agent}/health")).await?;
        output.line(|| format!("   the agent runs on {agent}, from {} ({})", artifact.file, artifact.digest));
        let image = format!("{repository}@{}", artifact.digest);
        let (pages, site) =
            serve(Source { forge: Arc::clone(forge), repository, commit, load_test: artifact.load_test }).await?;
        Ok(Self { process, pages, image, agent, site })
    }

    /// The eight items, each with evidence that can be looked at now.
    pub(super) fn checklist(&self, sla: &Value) -> Value {
        let page = |path: &str| json!({ "status": true, "evidence": { "url": format!("{}/{path}", self.site) } });
        json!({
            "docker_image_built_and_pushed": { "status": true, "evidence": { "image": self.image } },
            "runbook_documented": page("docs/runbook.md"),
            "health_check_endpoint_working":
                { "status": true, "evidence": { "url": format!("{}/health", self.agent) } },
            "monitoring_dashboard_created": page("ops/dashboard.json"),
            "alert_thresholds_configured": { "status": true, "evidence": { "details": "ops/alerts.yaml" } },
            "oncall_engineer_assigned": { "status": true, "evidence": { "engineer": "engineer@waooaw.com" } },
            "sla_defined_and_agreed": { "status": true, "evidence": { "sla_id": sla } },
            "load_testing_completed": page(LOAD_TEST),
        })
    }

    /// Stops the agent and its pages.
    pub(super) async fn stop(mut self) {
        self.pages.abort();
        if let Err(error) = self.process.kill().await {
            tracing::warn!(%error, "the demonstration's agent was not stopped");
        }
    }
}

/// Installs a wheel; gives the environment's Python.
async fn install(home: &Path, artifact: &Path, name: &str) -> Result<std::path::PathBuf, Failure> {
    tokio::fs::create_dir_all(home).await?;
    let wheel = home.join(name);
    tokio::fs::copy(artifact, &wheel).await?;
    run(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv"))).await?;
    let python = home.join("venv/bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).arg(&wheel))
        .await?;
    Ok(python)
}

async fn run(command: &mut Command) -> Result<(), Failure> {
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    if done.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{:?} failed: {}", command.as_std(), String::from_utf8_lossy(&done.stderr).trim())))
}

async fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

async fn wait_for(url: &str) -> Result<(), Failure> {
    let http = reqwest::Client::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let asking = async {
        loop {
            ticks.tick().await;
            if http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    answered.map_err(|_| Failure::new(format!("the agent did not answer on {url} within {PATIENCE:?}")))
}

async fn serve(source: Source) -> Result<(JoinHandle<()>, String), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let site = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/{*path}", get(page)).with_state(Arc::new(source));
    let pages = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "the demonstration's pages are gone");
        }
    });
    Ok((pages, site))
}

async fn page(State(source): State<Arc<Source>>, Segment(path): Segment<String>) -> Result<Vec<u8>, StatusCode> {
    if path == LOAD_TEST {
        let digest = source.load_test.as_ref().ok_or(StatusCode::NOT_FOUND)?;
        let file = source.forge.artifacts().path(digest).map_err(|_| StatusCode::NOT_FOUND)?;
        return tokio::fs::read(file).await.map_err(|_| StatusCode::NOT_FOUND);
    }
    match source.forge.read(&source.repository, &source.commit, &path).await {
        Ok(Some(contents)) => Ok(contents),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(_) => Err(StatusCode::BAD_GATEWAY),
    }
}
