//! Bad input: a problem document that names the field and the rule, and nothing changed; a start that cannot be says why.

use std::process::Output;

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Site, finish, send};

const CREATE: &str = "/pp/v1/agents/create";

fn request(member: &str, value: impl Into<Value>) -> Value {
    let mut request = json!({ "agent_name": "Ada", "industry": "education", "specialty": "Sums" });
    request[member] = value.into();
    request
}

async fn create(caller: &Caller, body: &Value) -> Answer {
    send(caller.request(Method::POST, CREATE).json(body)).await
}

/// The status, and the field and rule of the only violation, if there is one.
fn summary(answer: &Answer) -> (u16, &str, &str) {
    assert_eq!(answer.content_type, "application/problem+json", "{answer:?}");
    let body = &answer.body;
    assert_eq!(body["status"], answer.status, "{body}");
    assert!(["type", "title", "detail", "instance"].iter().all(|member| body[member].is_string()), "{body}");
    let violations = body["violations"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(violations.len() < 2, "{body}");
    let word = |member: &str| violations.first().map_or("", |violation| violation[member].as_str().unwrap());
    (answer.status, word("field"), word("rule"))
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_is_told_which_and_changes_nothing() {
    let site = Site::new();
    let service = site.start().await;
    let caller = site.caller(&service, "orchestrator@waooaw.com", "agent_orchestrator").await;
    let before = site.audit().await;

    let refusals = [
        (request("nickname", "A"), (422, "/nickname", "unknown_field")),
        (request("agent_name", "a".repeat(101)), (422, "/agent_name", "maxLength")),
        (request("industry", "alchemy"), (422, "/industry", "enum")),
        (request("supersedes", "not-a-uuid"), (422, "/supersedes", "format")),
    ];
    for (body, expected) in refusals {
        assert_eq!(summary(&create(&caller, &body).await), expected, "{body}");
    }
    let status = send(caller.request(Method::GET, "/pp/v1/agents/not-a-uuid/creation-status")).await;
    assert_eq!(summary(&status), (404, "", ""), "what is no identifier names nothing");

    let text = request("agent_name", "Ada").to_string();
    let form = caller.request(Method::POST, CREATE).header(CONTENT_TYPE, "text/plain").body(text.clone());
    assert_eq!(summary(&send(form).await), (415, "", ""));
    let broken = caller.request(Method::POST, CREATE).header(CONTENT_TYPE, "application/json").body("{");
    assert_eq!(summary(&send(broken).await), (400, "", ""));
    assert_eq!(summary(&create(&caller, &request("specialty", "x".repeat(2 << 20))).await), (413, "", ""));

    let forged = caller.forged();
    assert_eq!(summary(&create(&forged, &request("agent_name", "Ada")).await), (401, "", ""));
    let reader = site.caller(&service, "engineer@waooaw.com", "infrastructure_engineer").await;
    assert_eq!(summary(&create(&reader, &request("agent_name", "Ada")).await), (403, "", ""));

    let runs = caller.get("/runs?definition=stationmaster/agent-creation").await;
    assert_eq!(runs["runs"], json!([]));
    let count = |audit: &Value| audit["sealed"].as_u64().unwrap() + audit["unsealed"].as_u64().unwrap();
    assert_eq!(count(&before), count(&site.audit().await), "a refusal left its mark");
    service.stop().await;
}

/// Fails with a message that has all of these words, and leaves nothing running.
fn refused(site: &Site, output: &Output, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(site.processes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let site = Site::new();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&site, &site.run(&["dev", "--listen", &address]).await, &[&address, "in use"]);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let site = Site::new();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("postgres://somebody:s3cret@{free}/nowhere");
    let output = site.run(&["serve", "--database-url", &url]).await;
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"), "a password was printed");
    refused(&site, &output, &[&free.to_string()]);
    refused(&site, &site.run(&["serve", "--database-url", "mysql://x"]).await, &["DATABASE_URL"]);
}

#[tokio::test]
async fn a_machine_without_postgres_is_told_what_to_do() {
    let site = Site::new();
    let nowhere = site.path("nothing").display().to_string();
    for verb in ["dev", "demo", "migrate"] {
        let output = site.run(&[verb, "--postgres", &nowhere]).await;
        refused(&site, &output, &["no PostgreSQL", &nowhere, "apt-get install postgresql", "DATABASE_URL"]);
    }
}

#[tokio::test]
async fn a_definition_that_is_refused_is_named_with_its_line() {
    let site = Site::with_workflows(&[("good", "  - a: {set: {b: 1}}".to_owned())]);
    std::fs::write(site.path("home/workflows/bad.yaml"), "document: {dsl: '1.0.3'}\ndo: []\n").unwrap();
    refused(&site, &site.run(&["dev"]).await, &["workflows/bad.yaml:1:", "namespace"]);
}

#[tokio::test]
async fn a_home_without_definitions_is_named() {
    let site = Site::new();
    std::fs::create_dir(site.path("home")).unwrap();
    refused(&site, &site.run(&["dev"]).await, &["home/workflows", "--home"]);
}

#[tokio::test]
async fn missing_tools_are_named_by_the_doctor() {
    let site = Site::new();
    let mut doctor = site.command(&["doctor"]);
    doctor.env("PATH", site.path("nothing"));
    let output = finish(doctor).await;
    assert_eq!(output.status.code(), Some(1));
    let found = String::from_utf8(output.stdout).unwrap();
    for tool in ["git", "python3"] {
        assert!(found.lines().any(|line| line.starts_with("WRONG") && line.contains(tool)), "no {tool} in:\n{found}");
    }
}
