//! The functions as the engine calls them.

use engine::{OrgId, RunId, Step, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::egress::Policy;
use crate::forge::local::{Config, Local, Webhook};
use crate::secrets::Reference;

async fn functions(root: &std::path::Path) -> Vec<Arc<dyn Function>> {
    let nowhere =
        Webhook { url: "http://127.0.0.1:9/".parse().expect("url"), secret: Reference::Env("PATH".to_owned()) };
    let mut config = Config::new(root, nowhere, Arc::new(|| Timestamp::UNIX_EPOCH));
    config.python = "no-such-python".into();
    registry(Parts {
        egress: Egress::new(Policy::default()).expect("client"),
        tokens: crate::http::Tokens::default(),
        mailer: None,
        generator: CodeGenerator::Templates,
        forge: Arc::new(Local::open(config).await.expect("opened")),
        owner: "acme".to_owned(),
        processes: None,
    })
}

async fn call(all: &[Arc<dyn Function>], name: &str, attempt: u32, input: Value) -> Outcome {
    let step: Step = serde_json::from_value(json!({"pointer": "/do/0/task", "visit": 0})).expect("a step");
    let context = CallContext {
        org: OrgId(Uuid::nil()),
        run: RunId(Uuid::nil()),
        step,
        idempotency_key: format!("run/{name}/0"),
        attempt,
        now: Timestamp::UNIX_EPOCH,
    };
    let function = all.iter().find(|function| &*function.descriptor().name.name == name).expect(name);
    function.call(&context, input.into()).await
}

fn done(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Done(value) => Value::from(&value),
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: Outcome) -> (u16, String) {
    match outcome {
        Outcome::Fail(fault) => (fault.status, fault.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_manifest_becomes_a_run_of_its_pipeline() {
    let root = tempfile::tempdir().expect("dir");
    let all = functions(root.path()).await;
    let manifest = json!({"agent_name": "Ada!", "industry": "sales", "specialty": "Leads"});
    let made = done(call(&all, "generate-code", 1, json!({"creationId": "c1", "manifest": manifest})).await);
    let input = json!({
        "creationId": "c1", "agentName": "Ada!", "files": made["files"], "generator": made["generator"],
    });
    let code = done(call(&all, "commit-code", 1, input.clone()).await);
    assert_eq!(code, done(call(&all, "commit-code", 2, input).await));
    assert_eq!(code["branch"], "agent/c1");
    assert!(code["repository"].as_str().expect("text").starts_with("acme/ada-"), "{code}");
    let input = json!({
        "creationId": "c1", "repository": code["repository"], "branch": code["branch"], "commit": code["commit"],
    });
    let ci = done(call(&all, "dispatch-ci", 1, input.clone()).await);
    assert_eq!(ci, done(call(&all, "dispatch-ci", 2, input).await));
    assert_eq!(ci["attempt"], 1);
    let of_run = json!({"repository": code["repository"], "ci": ci});
    let reports = done(call(&all, "reconcile-ci", 1, of_run.clone()).await);
    let run = reports.as_array().expect("list").last().expect("the run")["workflow_run"].clone();
    assert_eq!((&run["id"], &run["head_branch"]), (&ci["runId"], &code["branch"]));
    assert_eq!(done(call(&all, "cancel-ci", 1, of_run).await), json!({"runs": [ci["runId"]]}));
    let other = json!({"creationId": "c2", "agentName": "Ada!"});
    assert_eq!(done(call(&all, "cancel-ci", 1, other).await), json!({"runs": []}));
}

#[tokio::test]
async fn failures_are_faults_of_their_kind() {
    let root = tempfile::tempdir().expect("dir");
    let all = functions(root.path()).await;
    for (name, input, status, word) in [
        ("http", json!({"method": "get", "endpoint": "http://10.0.0.1/"}), 400, "public"),
        ("http", json!({}), 400, "method"),
        ("send-mail", json!({"to": "a@b.c", "subject": "s", "text": "t"}), 400, "no mail server"),
        ("send-mail", json!({"to": 1}), 400, "to"),
        ("generate-code", json!({"manifest": {"agent_name": "A"}}), 400, "industry"),
        ("commit-code", json!({"creationId": "c", "agentName": "A", "files": []}), 400, "required"),
        ("rerun-ci", json!({"repository": "acme/ada", "ci": {"runId": 1}}), 500, "not there"),
    ] {
        let (got, text) = failed(call(&all, name, 1, input).await);
        assert_eq!(got, status, "{name}: {text}");
        assert!(text.contains(word), "{name}: {text}");
    }
}

#[tokio::test]
async fn what_may_go_away_is_attempted_again_but_not_for_ever() {
    let root = tempfile::tempdir().expect("dir");
    let all = functions(root.path()).await;
    std::fs::remove_dir_all(root.path().join("repositories")).expect("removed");
    std::fs::write(root.path().join("repositories"), "in the way").expect("write");
    let manifest = json!({"agent_name": "Ada", "industry": "sales", "specialty": "Leads"});
    let made = done(call(&all, "generate-code", 1, json!({"manifest": manifest})).await);
    let input = json!({"creationId": "c", "agentName": "A", "files": made["files"]});
    assert!(matches!(call(&all, "commit-code", 1, input.clone()).await, Outcome::Retry { .. }));
    failed(call(&all, "commit-code", 3, input).await);
}
