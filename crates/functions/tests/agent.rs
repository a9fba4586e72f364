//! Generated agents really built and tested by the local forge: Python, pip and git are needed,
//! and a package index that pip can reach. Where one is missing the test fails and names it.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use functions::forge::local::{Config, Local, Webhook};
use functions::forge::{Commit, Dispatch, Forge, Repository, RunStatus, STAGES};
use functions::generate::{CodeGenerator, Generated, Manifest};
use functions::secrets::Reference;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;

fn manifest(industry: &str) -> Manifest {
    Manifest::from_json(json!({
        "agent_name": format!("Ada for \"{industry}\""),
        "industry": industry,
        "specialty": "Growth of small firms, with a specialty text that is longer than one line of Python may be",
        "capabilities": [
            {"name": "Lead scoring", "description": "Weighs \"leads\" by budget and need"},
            "Weekly planning",
            {"name": "Import", "description": "x".repeat(60)},
            "A capability whose name is far longer than any reasonable name of a capability should be",
        ],
        "tools": [{"tool": "crm", "permissions": ["read", "write"]}],
    }))
    .expect("a valid manifest")
}

/// A forge in `root`, and a signal at the end of each run.
#[expect(clippy::disallowed_methods, reason = "the test is the outermost caller: it owns the clock")]
async fn forge(root: &Path) -> (Local, watch::Receiver<u32>) {
    let (tell, ended) = watch::channel(0);
    let tell = Arc::new(tell);
    let receive = move |body: axum::Json<Value>| async move {
        if body["action"] == "completed" && body["workflow_run"].is_object() {
            tell.send_modify(|count| *count += 1);
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(receive))).await });
    std::fs::write(root.join("secret"), "hunter2").expect("write");
    let url = format!("http://{address}/").parse().expect("url");
    let webhook = Webhook { url, secret: Reference::File(root.join("secret")) };
    let mut config = Config::new(root.join("forge"), webhook, Arc::new(chrono::Utc::now));
    config.containers = false;
    (Local::open(config).await.expect("opened"), ended)
}

/// Commits and runs `made`; gives the run when it has ended.
async fn run(forge: &Local, mut ended: watch::Receiver<u32>, made: Generated, key: &str) -> (RunStatus, String) {
    let repository = Repository::try_from(format!("acme/{key}")).expect("name");
    forge.create_repository(&repository).await.expect("created");
    let commit = Commit {
        branch: "agent/c1".to_owned(),
        message: "Make Ada".to_owned(),
        files: made.files,
        idempotency_key: format!("{key}/commit"),
    };
    let dispatch = Dispatch {
        workflow: "ci.yml".to_owned(),
        branch: commit.branch.clone(),
        sha: forge.commit(&repository, &commit).await.expect("committed"),
        creation_id: "c1".to_owned(),
        idempotency_key: format!("{key}/dispatch"),
        at: chrono::DateTime::UNIX_EPOCH,
    };
    let id = forge.dispatch(&repository, &dispatch).await.expect("dispatched");
    while forge.status(&repository, id).await.expect("known").status != "completed" {
        ended.changed().await.expect("the receiver is up");
    }
    let mut logs = String::new();
    for stage in STAGES {
        logs += &forge.log(id, stage).await.expect("known").unwrap_or_default();
    }
    (forge.status(&repository, id).await.expect("known"), logs)
}

fn conclusions(status: &RunStatus) -> Vec<&str> {
    status.jobs.iter().map(|job| job["conclusion"].as_str().unwrap_or("none")).collect()
}

#[tokio::test]
async fn a_generated_agent_passes_and_a_broken_one_does_not() {
    let root = tempfile::tempdir().expect("dir");
    let (forge, ended) = forge(root.path()).await;
    let passing = ["sales", "marketing", "education"].map(|industry| passes(&forge, &ended, industry));
    let failing = [
        ("scoring", "src/agent/scoring.py", "/ total", "/ (total + 1)"),
        ("policy", "src/agent/policy.py", "if tool not in allowed", "if False"),
        ("industry", "src/agent/industry.py", "score >= HOT_FROM", "score > HOT_FROM + 15"),
    ]
    .map(|breakage| fails(&forge, &ended, breakage));
    tokio::join!(join_all(passing), join_all(failing));
}

async fn passes(forge: &Local, ended: &watch::Receiver<u32>, industry: &str) {
    let made = CodeGenerator::Templates.generate(&manifest(industry)).await.expect("generated");
    let (status, logs) = run(forge, ended.clone(), made, industry).await;
    assert_eq!(conclusions(&status), ["success"; 5], "{logs}");
    let repository = Repository::try_from(format!("acme/{industry}")).expect("name");
    let sha = status.workflow_run["head_sha"].as_str().expect("sha");
    let artifact = forge.artifacts().find(&repository, sha).await.expect("read").expect("pushed");
    let report = artifact.load_test.expect("a report was made");
    let report = std::fs::read(forge.artifacts().path(&report).expect("digest")).expect("kept");
    let report: Value = serde_json::from_slice(&report).expect("json");
    assert_eq!((&report["passed"], &report["errors"]), (&json!(true), &json!(0)), "{report}");
}

async fn fails(forge: &Local, ended: &watch::Receiver<u32>, breakage: (&str, &str, &str, &str)) {
    let (name, path, from, to) = breakage;
    let mut made = CodeGenerator::Templates.generate(&manifest("sales")).await.expect("generated");
    let file = made.files.iter_mut().find(|file| file.path == path).expect(path);
    assert!(file.contents.contains(from), "{path} has changed");
    file.contents = file.contents.replace(from, to);
    let (status, logs) = run(forge, ended.clone(), made, name).await;
    let expected = ["success", "failure", "skipped", "skipped", "skipped"];
    assert_eq!(conclusions(&status), expected, "{name}: {logs}");
}
