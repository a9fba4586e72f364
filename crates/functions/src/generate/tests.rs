//! What is generated, as text; `tests/agent.rs` of this crate runs it.

use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::egress::{Egress, Policy};

fn manifest(industry: &str, capability: &str) -> Manifest {
    Manifest::from_json(json!({
        "agent_name": "Ada \"the\" agent\n{{ 1 }}",
        "industry": industry,
        "specialty": "Growth: 'more' \\ # \u{7f}",
        "capabilities": [{"name": capability, "description": "Finds \"quoted\" things"}],
        "tools": [{"tool": "crm", "permissions": ["read", "write"]}],
    }))
    .expect("valid")
}

fn text<'a>(made: &'a Generated, path: &str) -> &'a str {
    &made.files.iter().find(|file| file.path == path).expect(path).contents
}

#[tokio::test]
async fn each_industry_has_its_own_logic() {
    let mut logic = Vec::new();
    for industry in ["marketing", "education", "sales"] {
        let made = CodeGenerator::Templates.generate(&manifest(industry, "Plan")).await;
        let made = made.expect("generated");
        assert_eq!(made.generator, "templates");
        logic.push(text(&made, "src/agent/industry.py").to_owned());
    }
    logic.dedup();
    assert_eq!(logic.len(), 3);
}

#[tokio::test]
async fn the_same_manifest_gives_the_same_files() {
    let one = CodeGenerator::Templates.generate(&manifest("sales", "Plan")).await.expect("made");
    let two = CodeGenerator::Templates.generate(&manifest("sales", "Plan")).await.expect("made");
    assert_eq!(one, two);
    let other = CodeGenerator::Templates.generate(&manifest("sales", "Call")).await.expect("made");
    assert_ne!(one, other);
}

#[tokio::test]
async fn texts_of_the_manifest_stay_data() {
    let made = CodeGenerator::Templates.generate(&manifest("sales", "Plan")).await.expect("made");
    let data: Value = serde_json::from_str(text(&made, "src/agent/manifest.json")).expect("json");
    assert_eq!(data["agent_name"], "Ada \"the\" agent {{ 1 }}");
    assert_eq!(data["capabilities"][0]["id"], "plan");
    let _: Value = serde_json::from_str(text(&made, "ops/dashboard.json")).expect("json");
    let project = text(&made, "pyproject.toml");
    assert!(project.contains(r#"name = "agent-ada-the-agent-1""#), "{project}");
    assert!(project.contains(r#"description = "Growth: 'more' \\ #""#), "{project}");
}

#[tokio::test]
async fn the_pipeline_has_the_five_jobs_of_the_requirements() {
    let made = CodeGenerator::Templates.generate(&manifest("sales", "Plan")).await.expect("made");
    let pipeline = text(&made, ".github/workflows/ci.yml");
    for job in ["lint", "unit-tests", "build", "integration-tests", "push"] {
        assert!(pipeline.contains(&format!("\n    name: {job}\n")), "{job}");
    }
}

async fn model(status: u16, answer: Value) -> CodeGenerator {
    let reply = move |Json(asked): Json<Value>| async move {
        assert_eq!(asked["model"], "gpt-x");
        assert!(asked["messages"][1]["content"].as_str().expect("text").contains("manifest"));
        (axum::http::StatusCode::from_u16(status).unwrap(), [("retry-after", "7")], Json(answer))
    };
    let address = crate::testing::serve(Router::new().route("/v1/chat/completions", post(reply))).await;
    let egress = Egress::new(Policy::default().with_loopback()).expect("client");
    let base = format!("http://{address}/v1/").parse().expect("url");
    CodeGenerator::Model(Box::new(Model::new(&base, "gpt-x", None, egress).expect("model")))
}

fn completion(content: &str) -> Value {
    json!({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
}

#[tokio::test]
async fn a_model_changes_files_and_keeps_the_rest() {
    let files = json!({"files": [{"path": "src/agent/industry.py", "contents": "X = 1\n"}]});
    let generator = model(200, completion(&format!("```json\n{files}\n```"))).await;
    let made = generator.generate(&manifest("sales", "Plan")).await.expect("generated");
    assert_eq!(made.generator, "gpt-x");
    assert_eq!(text(&made, "src/agent/industry.py"), "X = 1\n");
    assert!(text(&made, "Dockerfile").starts_with("FROM"));
}

#[tokio::test]
async fn a_bad_answer_is_refused() {
    let file = |path: &str| completion(&json!({"files": [{"path": path, "contents": ""}]}).to_string());
    let cut = json!({"choices": [{"message": {"content": "{"}, "finish_reason": "length"}]});
    for (answer, word) in [
        (file("../../etc/passwd"), "relative"),
        (file(".github/workflows/ci.yml"), "not the model's"),
        (completion("Sure! Here it is."), "files"),
        (json!({"choices": []}), "no choice"),
        (json!("?"), "no chat completion"),
        (cut, "length limit"),
    ] {
        let error = model(200, answer).await.generate(&manifest("sales", "Plan")).await;
        let error = error.expect_err(word);
        assert!(matches!(error, Error::Files(_)), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn refusals_are_told_from_outages() {
    let asked = model(429, json!({})).await.generate(&manifest("sales", "Plan")).await;
    let Err(Error::Unavailable { after, .. }) = asked else { panic!("{asked:?}") };
    assert_eq!(after, Some(Duration::from_secs(7)));
    let asked = model(503, json!({})).await.generate(&manifest("sales", "Plan")).await;
    assert!(matches!(asked, Err(Error::Unavailable { .. })), "{asked:?}");
    let asked = model(401, json!({})).await.generate(&manifest("sales", "Plan")).await;
    assert!(matches!(asked, Err(Error::Refused { status: Some(401), .. })), "{asked:?}");
}
