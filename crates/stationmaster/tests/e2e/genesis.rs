//! `kill -9` of the service while Genesis is asked, and while its answer is awaited: one question, one verdict.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use chrono::{DateTime, Utc};
use platform::genesis::signature::Secret;
use reqwest::{Method, header::CONTENT_TYPE};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tokio::{
    fs::OpenOptions,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};

use crate::harness::{Caller, PATIENCE, Service, Site, shipped};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A Genesis elsewhere, which keeps what it was asked and says nothing until it is told to.
struct Remote {
    address: SocketAddr,
    questions: UnboundedReceiver<Question>,
    speaks: watch::Sender<bool>,
}

/// What it was asked, and under which key.
#[derive(Debug, PartialEq)]
struct Question {
    key: String,
    body: Value,
}

#[derive(Clone)]
struct Ear {
    asked: UnboundedSender<Question>,
    speaks: watch::Sender<bool>,
}

async fn take(State(ear): State<Ear>, headers: HeaderMap, body: String) -> (StatusCode, &'static str) {
    let key = headers["webhook-id"].to_str().unwrap().to_owned();
    ear.asked.send(Question { key, body: serde_json::from_str(&body).unwrap() }).unwrap();
    ear.speaks.subscribe().wait_for(|speaks| *speaks).await.unwrap();
    (StatusCode::ACCEPTED, r#"{"status": "in_progress"}"#)
}

impl Remote {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, questions) = unbounded_channel();
        let speaks = watch::Sender::new(false);
        let router = Router::new().route("/validate", post(take)).with_state(Ear { asked, speaks: speaks.clone() });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, questions, speaks }
    }

    /// A service that asks this Genesis.
    async fn serve(&self, site: &Site) -> Service {
        let mut command = site.command(&["--json", "dev"]);
        command.env("STATIONMASTER_GENESIS", format!("http://{}/validate", self.address));
        command.env("STATIONMASTER_GENESIS_KEY", "env:GENESIS_KEY").env("GENESIS_KEY", "the-key");
        command.env("STATIONMASTER_GENESIS_SECRET", "env:GENESIS_SECRET").env("GENESIS_SECRET", SECRET);
        command.env("STATIONMASTER_GENESIS_WEBHOOK_SECRET", SECRET);
        Service::start(command).await
    }

    async fn question(&mut self) -> Question {
        tokio::time::timeout(PATIENCE, self.questions.recv()).await.expect("Genesis is asked").unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "a signature is of the machine's time")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Calls back with an approval; gives what it was told.
async fn approve(service: &Service, question: &Question) -> StatusCode {
    let body = json!({
        "validation_id": question.body["validation_id"], "status": "approved", "reason": "as the rules say",
        "risk_level": "low", "validation_details": {
            "constitutional_alignment": true, "customer_sovereignty_check": true,
            "deny_by_default_enforced": true, "approval_gates_present": true } })
    .to_string();
    let headers = Secret::parse(SECRET).unwrap().sign("msg_approval", now(), body.as_bytes());
    let request = reqwest::Client::new()
        .request(Method::POST, format!("{}/pp/v1/webhooks/genesis", service.api))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", headers.id)
        .header("webhook-timestamp", headers.timestamp)
        .header("webhook-signature", headers.signature);
    request.body(body).send().await.unwrap().status()
}

/// Asks for an agent; gives the path of its status.
async fn create(caller: &Caller) -> String {
    let request = json!({ "agent_name": "Ada", "industry": "education", "specialty": "Sums" });
    let requested = caller.post("/pp/v1/agents/create", &request).await;
    format!("/pp/v1/agents/{}/creation-status", requested["agent_id"].as_str().unwrap())
}

/// Waits until the creation has gone on to its build; gives its facts.
async fn gone_on(site: &Site, service: &Service, caller: &Caller, status: &str) -> Vec<Value> {
    let built = |status: &Value| status["status"] == "cicd_running" || status["status"] == "deployment_ready";
    let goes_on = caller.until(status, built).await;
    assert_eq!(goes_on["verdict"]["status"], "approved", "{goes_on:#}");
    let admin = site.caller(service, "admin@waooaw.com", "admin").await;
    admin.facts(goes_on["run_id"].as_str().unwrap()).await
}

/// How many facts of a kind belong to a task of this name.
fn count(facts: &[Value], fact: &str, task: &str) -> usize {
    let of_task = |fact: &&Value| fact["step"].to_string().contains(&format!("/{task}"));
    facts.iter().filter(of_task).filter(|found| found["fact"] == fact).count()
}

#[tokio::test]
async fn a_question_that_was_never_answered_is_asked_again_and_answered_once() {
    let (site, mut remote) = (Site::new(), Remote::start().await);
    let service = remote.serve(&site).await;
    let orchestrator = site.caller(&service, "orchestrator@waooaw.com", "agent_orchestrator").await;
    let admin = site.caller(&service, "admin@waooaw.com", "admin").await;
    let status = create(&orchestrator).await;
    let first = remote.question().await;
    service.kill().await; // it was asked and has not answered

    remote.speaks.send_replace(true);
    let service = remote.serve(&site).await;
    assert_eq!(remote.question().await, first, "the same question, under the same key");
    let run = orchestrator.at(&service).get(&status).await["run_id"].as_str().unwrap().to_owned();
    let history = format!("/runs/{run}/history?limit=200");
    let thinking = |page: &Value| count(page["facts"].as_array().unwrap(), "call_completed", "request") == 1;
    admin.at(&service).until(&history, thinking).await;
    service.kill().await; // it is thinking

    let service = remote.serve(&site).await;
    assert_eq!(approve(&service, &first).await, StatusCode::ACCEPTED);
    service.kill().await; // its answer was taken, and nothing else has happened

    let service = remote.serve(&site).await;
    assert_eq!(approve(&service, &first).await, StatusCode::OK, "it is known already");
    let facts = gone_on(&site, &service, &orchestrator.at(&service), &status).await;
    assert_eq!(count(&facts, "call_completed", "request"), 1);
    assert_eq!(count(&facts, "event_received", "verdict"), 1);
    assert_eq!(count(&facts, "call_completed", "recordVerdict"), 1);
    assert!(remote.questions.try_recv().is_err(), "an answered question is not asked again");
    service.stop().await;
    assert_eq!(site.processes(), Vec::<String>::new());
}

/// A home whose Genesis cannot be read to its end, because one of its policies is a pipe.
fn trap(site: &Site) -> PathBuf {
    let policies = site.path("home/policies/genesis/creation");
    std::fs::create_dir_all(&policies).unwrap();
    for name in ["workflows", "functions", "webhooks"] {
        std::os::unix::fs::symlink(shipped().join(name), site.path("home").join(name)).unwrap();
    }
    for entry in std::fs::read_dir(shipped().join("policies/genesis/creation")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, policies.join(path.file_name().unwrap())).unwrap();
    }
    let pipe = policies.join("trap.rego");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    pipe
}

/// Waits until somebody reads the pipe, and does not let them get to its end.
async fn sprung(pipe: &Path) -> tokio::fs::File {
    let mut options = OpenOptions::new();
    let open = options.write(true).open(pipe);
    tokio::time::timeout(PATIENCE, open).await.expect("the policies are read").unwrap()
}

#[tokio::test]
async fn a_judgement_that_was_cut_off_is_made_again_and_recorded_once() {
    let site = Site::new();
    let pipe = trap(&site);
    let service = site.start().await;
    let orchestrator = site.caller(&service, "orchestrator@waooaw.com", "agent_orchestrator").await;
    let status = create(&orchestrator).await;
    let held = sprung(&pipe).await;
    service.kill().await; // Genesis is judging
    drop(held);
    std::fs::remove_file(&pipe).unwrap();

    let service = site.start().await;
    let facts = gone_on(&site, &service, &orchestrator.at(&service), &status).await;
    assert_eq!(count(&facts, "call_completed", "request"), 1);
    assert_eq!(count(&facts, "call_completed", "recordVerdict"), 1);
    service.stop().await;
    assert_eq!(site.processes(), Vec::<String>::new());
}
