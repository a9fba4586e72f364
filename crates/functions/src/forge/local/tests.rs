//! The runner with real git, real processes and a real webhook receiver. Python is a script that
//! takes note of its arguments, so that each way a stage can go is quick and certain;
//! `tests/agent.rs` of this crate runs the real one.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use chrono::DateTime;

use super::*;
use crate::generate::GeneratedFile;

mod shared;

struct Told {
    id: String,
    text: String,
}

#[derive(Clone)]
struct Receiver {
    told: UnboundedSender<Told>,
    /// How many deliveries it refuses before it takes one.
    refuse: Arc<AtomicU32>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let body: Value = serde_json::from_slice(&body).expect("json");
    let run = &body["workflow_run"];
    let job = &body["workflow_job"];
    let about = if run.is_null() { job } else { run };
    assert_eq!(header("x-github-event"), if run.is_null() { "workflow_job" } else { "workflow_run" });
    assert!(header("x-hub-signature-256").starts_with("sha256="));
    assert_eq!(body["repository"]["full_name"], "acme/ada");
    assert_eq!(about["head_branch"], "agent/c1");
    let words = [about["name"].as_str(), body["action"].as_str(), about["conclusion"].as_str()];
    let text = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    receiver.told.send(Told { id: header("x-github-delivery"), text }).expect("the test listens");
    let left = receiver.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    match left {
        Err(_) => StatusCode::OK,
        Ok(1) => StatusCode::BAD_GATEWAY,
        Ok(_) => StatusCode::UNAUTHORIZED,
    }
}

/// A forge whose Python does what files in `control` say.
struct Stand {
    dir: tempfile::TempDir,
    config: Config,
    told: UnboundedReceiver<Told>,
    refuse: Arc<AtomicU32>,
}

const PYTHON: &str = r#"#!/bin/sh
control="CONTROL"
echo "$*" >> "$control/calls"
last=; wheels=; before=
for arg; do
  [ "$before" = --wheel-dir ] && wheels="$arg"
  before="$arg"; last="$arg"
done
case "$*" in
  *"-m venv"*) mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
  *"pip wheel"*) name=build; echo wheel > "$wheels/ada-1.0.0-py3-none-any.whl" ;;
  *"tests/unit"*) name=unit ;;
  *) name=other ;;
esac
[ -e "$control/hold-$name" ] && sleep 600
[ -e "$control/fail-$name" ] && { echo "it fails"; exit 1; }
exit 0
"#;

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let (told, received) = unbounded_channel();
        let refuse = Arc::new(AtomicU32::new(0));
        let receiver = Receiver { told, refuse: Arc::clone(&refuse) };
        let router = Router::new().route("/hook", post(receive)).with_state(receiver);
        let address = crate::testing::serve(router).await;
        let python = dir.path().join("python");
        std::fs::write(&python, PYTHON.replace("CONTROL", &dir.path().display().to_string())).expect("write");
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).expect("mode");
        std::fs::write(dir.path().join("secret"), "hunter2").expect("write");
        let webhook = Webhook {
            url: format!("http://{address}/hook").parse().expect("url"),
            secret: crate::secrets::Reference::File(dir.path().join("secret")),
        };
        let mut config = Config::new(dir.path().join("forge"), webhook, Arc::new(|| DateTime::UNIX_EPOCH));
        config.python = python.into();
        config.containers = false;
        config.sweep = Duration::from_millis(100);
        Self { dir, config, told: received, refuse }
    }

    async fn open(&self) -> Local {
        Local::open(self.config.clone()).await.expect("opened")
    }

    async fn dispatched(&self, forge: &Local) -> (Repository, Dispatch, u64) {
        let (repository, dispatch) = self.committed(forge).await;
        let run = forge.dispatch(&repository, &dispatch).await.expect("dispatched");
        (repository, dispatch, run)
    }

    async fn committed(&self, forge: &Local) -> (Repository, Dispatch) {
        let repository = Repository::try_from("acme/ada".to_owned()).expect("name");
        forge.create_repository(&repository).await.expect("created");
        let file = GeneratedFile { path: "a".into(), contents: "1".into(), executable: false };
        let commit = Commit {
            branch: "agent/c1".to_owned(),
            message: "Make Ada".to_owned(),
            files: vec![file],
            idempotency_key: "r/commit/1".to_owned(),
        };
        let dispatch = Dispatch {
            workflow: "ci.yml".to_owned(),
            branch: commit.branch.clone(),
            sha: forge.commit(&repository, &commit).await.expect("committed"),
            creation_id: "c1".to_owned(),
            idempotency_key: "r/dispatch/1".to_owned(),
            at: chrono::DateTime::UNIX_EPOCH,
        };
        (repository, dispatch)
    }

    fn put(&self, name: &str) {
        std::fs::write(self.dir.path().join(name), "").expect("write");
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.dir.path().join(name)).expect("remove");
    }

    fn calls(&self, part: &str) -> usize {
        let calls = std::fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        calls.lines().filter(|line| line.contains(part)).count()
    }

    /// Waits until no run has a mark any more.
    async fn settled(&self) {
        let open = self.config.root.join("open");
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        let wait = async {
            while std::fs::read_dir(&open).expect("there").next().is_some() {
                ticks.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("every run is settled");
    }

    /// What was told until `last`, that included.
    async fn until(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().is_none_or(|text| text != last) {
            let next = tokio::time::timeout(Duration::from_secs(60), self.told.recv()).await;
            all.push(next.unwrap_or_else(|_| panic!("{last} is never told after {all:?}")).expect("open").text);
        }
        all
    }
}

#[tokio::test]
async fn a_run_tells_each_change_in_order_and_pushes_its_artifact() {
    let mut stand = Stand::new().await;
    let forge = stand.open().await;
    let (repository, dispatch, run) = stand.dispatched(&forge).await;
    assert_eq!(forge.dispatch(&repository, &dispatch).await.expect("the same"), run);
    let mut expected = vec!["ci requested".to_owned(), "ci in_progress".to_owned()];
    for stage in super::super::STAGES {
        expected.extend(["queued", "in_progress", "completed success"].map(|word| format!("{stage} {word}")));
    }
    expected.push("ci completed success".to_owned());
    assert_eq!(stand.until("ci completed success").await, expected);
    assert_eq!(stand.calls("tests/unit"), 1);
    let status = forge.status(&repository, run).await.expect("known");
    assert_eq!((status.status.as_str(), status.conclusion.as_deref()), ("completed", Some("success")));
    assert_eq!(status.jobs.len(), 5);
    assert_eq!(status.jobs[0]["steps"][0]["conclusion"], "success");
    let artifact = forge.artifacts().find(&repository, &dispatch.sha).await.expect("read").expect("pushed");
    assert!(forge.artifacts().holds(&artifact.digest).await.expect("checked"));
    let log = forge.log(run, "build").await.expect("known").expect("written");
    assert!(log.contains("building a wheel instead of an image"), "{log}");
    let next = Dispatch { idempotency_key: "r/dispatch/2".to_owned(), ..dispatch.clone() };
    assert!(forge.dispatch(&repository, &next).await.expect("another") > run);
    let other = Dispatch { sha: "0".repeat(40), ..dispatch };
    assert!(matches!(forge.dispatch(&repository, &other).await, Err(Error::Conflict(_))));
}

/// Stands in for a container engine: it takes note and makes the files that it is asked for.
const DOCKER: &str = r#"#!/bin/sh
echo "docker $*" >> "CONTROL/calls"
[ "$1" = save ] && echo image > "$3"
exit 0
"#;

#[tokio::test]
async fn where_an_engine_answers_an_image_is_built_tested_and_pushed() {
    let mut stand = Stand::new().await;
    let bin = stand.dir.path().join("bin");
    std::fs::create_dir(&bin).expect("dir");
    let docker = bin.join("docker");
    std::fs::write(&docker, DOCKER.replace("CONTROL", &stand.dir.path().display().to_string())).expect("write");
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let mut path = bin.into_os_string();
    path.push(":");
    path.push(&stand.config.path);
    stand.config.path = path;
    stand.config.containers = true;
    stand.config.image_registry = Some("registry.example".to_owned());
    let forge = stand.open().await;
    let (repository, dispatch, _) = stand.dispatched(&forge).await;
    stand.until("ci completed success").await;
    let sha = &dispatch.sha;
    for call in [
        format!("docker build --tag acme/ada:{sha} ."),
        "docker run --detach --rm".to_owned(),
        "docker rm --force".to_owned(),
        format!("docker push registry.example/acme/ada:{sha}"),
    ] {
        assert_eq!(stand.calls(&call), 1, "{call}");
    }
    let artifact = forge.artifacts().find(&repository, sha).await.expect("read").expect("pushed");
    assert_eq!((artifact.kind, artifact.file.as_str()), (Kind::Image, "image.tar"));
}

#[tokio::test]
async fn a_failure_skips_the_rest_and_a_rerun_begins_anew() {
    let mut stand = Stand::new().await;
    stand.put("fail-unit");
    let forge = stand.open().await;
    let (repository, _, run) = stand.dispatched(&forge).await;
    let told = stand.until("ci completed failure").await;
    assert!(told.contains(&"unit-tests completed failure".to_owned()), "{told:?}");
    assert!(told.contains(&"push completed skipped".to_owned()), "{told:?}");
    let log = forge.log(run, "unit-tests").await.expect("known").expect("written");
    assert!(log.contains("it fails") && log.contains("exit code 1"), "{log}");
    stand.remove("fail-unit");
    assert_eq!(forge.rerun(&repository, run, "r/rerun/1").await.expect("begun"), 2);
    stand.until("ci completed success").await;
    assert_eq!(forge.rerun(&repository, run, "r/rerun/1").await.expect("the same"), 2);
    assert_eq!(stand.calls("tests/unit"), 2);
}

#[tokio::test]
async fn a_crash_goes_on_from_the_interrupted_stage() {
    let mut stand = Stand::new().await;
    stand.put("hold-build");
    let forge = stand.open().await;
    let (repository, _, run) = stand.dispatched(&forge).await;
    stand.until("build in_progress").await;
    drop(forge);
    stand.remove("hold-build");
    let forge = stand.open().await;
    forge.start();
    let told = stand.until("ci completed success").await;
    assert!(!told.iter().any(|text| text.starts_with("unit-tests")), "{told:?}");
    assert_eq!((stand.calls("black"), stand.calls("tests/unit")), (1, 1));
    assert_eq!(forge.status(&repository, run).await.expect("known").attempt, 1);
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once_and_stays_so() {
    let mut stand = Stand::new().await;
    stand.put("hold-unit");
    let forge = stand.open().await;
    let (repository, _, run) = stand.dispatched(&forge).await;
    stand.until("unit-tests in_progress").await;
    let early = forge.rerun(&repository, run, "r/rerun/1").await;
    assert!(matches!(early, Err(Error::Conflict(_))), "{early:?}");
    assert_eq!(forge.running(&repository, "agent/c1").await.expect("listed"), [run]);
    assert_eq!(forge.running(&repository, "agent/c2").await.expect("listed"), [0; 0]);
    forge.cancel(&repository, run).await.expect("cancelled");
    let told = stand.until("ci completed cancelled").await;
    assert_eq!(told[0], "unit-tests completed cancelled");
    forge.cancel(&repository, run).await.expect("nothing to do");
    assert_eq!(forge.running(&repository, "agent/c1").await.expect("listed"), [0; 0]);
    stand.remove("hold-unit");
    forge.rerun(&repository, run, "r/rerun/1").await.expect("begun");
    stand.until("ci completed success").await;
}

#[tokio::test]
async fn a_webhook_is_repeated_under_its_id_until_it_is_taken() {
    let mut stand = Stand::new().await;
    stand.refuse.store(2, Ordering::SeqCst);
    let forge = stand.open().await;
    stand.dispatched(&forge).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let told = stand.told.recv().await.expect("told");
        ids.push((told.id, told.text));
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[1], ids[2]);
    assert_eq!(ids[3].1, "ci in_progress");
}

#[tokio::test]
async fn a_stage_has_a_time_limit() {
    let mut stand = Stand::new().await;
    stand.put("hold-other");
    stand.config.budget = Some(Duration::from_millis(100));
    let forge = stand.open().await;
    stand.dispatched(&forge).await;
    let told = stand.until("ci completed failure").await;
    assert!(told.contains(&"lint completed timed_out".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_missing_python_fails_the_stage_and_is_named() {
    let mut stand = Stand::new().await;
    stand.config.python = "no-such-python".into();
    let forge = stand.open().await;
    let (_, _, run) = stand.dispatched(&forge).await;
    stand.until("ci completed failure").await;
    let log = forge.log(run, "lint").await.expect("known").expect("written");
    assert!(log.contains("install no-such-python"), "{log}");
}

#[tokio::test]
async fn unknown_runs_and_repositories_are_not_there() {
    let stand = Stand::new().await;
    let forge = stand.open().await;
    let (_, dispatch, run) = stand.dispatched(&forge).await;
    let other = Repository::try_from("acme/bob".to_owned()).expect("name");
    assert!(matches!(forge.status(&other, run).await, Err(Error::NotFound(_))));
    assert!(matches!(forge.dispatch(&other, &dispatch).await, Err(Error::NotFound(_))));
    assert!(matches!(forge.log(run, "../run").await, Err(Error::NotFound(_))));
    forge.stop().await;
}
