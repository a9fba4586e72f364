//! The first five endpoints of a creation's life over a real database: asked for, followed, handed over, accepted.

use engine::OrgId;
use platform::access::Role;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::database::{call, get, post};
use crate::testing::{Live, ORG, send, stable, token, token_of};

fn minimal() -> Value {
    json!({"agent_name": "Ada", "industry": "marketing", "specialty": "Newsletters"})
}

/// Asks for an agent and gives its id.
async fn requested(live: &Live) -> String {
    let answer = post(&live.router, "/pp/v1/agents/create", &token(&[Role::AgentOrchestrator]), &minimal()).await;
    assert_eq!(answer["status"], 201, "{answer}");
    answer["body"]["agent_id"].as_str().unwrap().to_owned()
}

/// Puts the creation where Genesis, code and build would have brought it.
async fn built(live: &Live) {
    let mut connection = live.database.pool().acquire().await.unwrap();
    for statement in [
        "set session_replication_role = replica",
        r#"update creations set state = '{"status": "deployment_ready"}', verdict = '{"status": "approved"}', code = '{}',
               build = '{"run_id": null, "attempt": 1, "url": null}'"#,
        "update agents set repository = '{}'",
        "reset session_replication_role",
    ] {
        sqlx::query(statement).execute(&mut *connection).await.unwrap();
    }
}

fn submission(agent: &str, sla: &Value) -> Value {
    let item = |evidence: Value| json!({"status": true, "evidence": evidence});
    json!({
        "agent_id": agent,
        "handoff_checklist": {
            "docker_image_built_and_pushed": item(json!({"image": "registry.local/agents/ada:1.0.0"})),
            "runbook_documented": item(json!({"url": "https://docs.local/ada/runbook"})),
            "health_check_endpoint_working": item(json!({"url": "http://ada.local/health"})),
            "monitoring_dashboard_created": item(json!({"url": "https://dashboards.local/ada"})),
            "alert_thresholds_configured": item(json!({"details": "error rate > 1 %"})),
            "oncall_engineer_assigned": item(json!({"engineer": "grace@example.com"})),
            "sla_defined_and_agreed": item(json!({"sla_id": sla})),
            "load_testing_completed": item(json!({"url": "https://reports.local/ada/load"})),
        },
    })
}

#[tokio::test]
async fn an_agent_is_asked_for_once_and_followed() {
    let live = Live::new().await;
    let orchestrator = token(&[Role::AgentOrchestrator]);
    let create = |token: &str, key: &str, body: Value| {
        call("POST", "/pp/v1/agents/create", token, &[("idempotency-key", key)], Some(&body))
    };
    let mut answers = Map::new();
    let mut keep = |name: &str, answer: Value| drop(answers.insert(name.to_owned(), answer));
    let first = send(&live.router, create(&orchestrator, "k-1", minimal())).await;
    let agent = first["body"]["agent_id"].as_str().unwrap().to_owned();
    keep("created", first.clone());
    keep("repeated", send(&live.router, create(&orchestrator, "k-1", minimal())).await);
    keep("the name again", send(&live.router, create(&orchestrator, "k-2", minimal())).await);
    let faulty = json!({"agent_name": "", "industry": "mining", "colour": "red"});
    keep("several mistakes", send(&live.router, create(&orchestrator, "k-3", faulty)).await);
    keep("viewer", send(&live.router, create(&token(&[Role::Viewer]), "k-1", minimal())).await);
    let status = format!("/pp/v1/agents/{agent}/creation-status");
    let shown = get(&live.router, &status, &orchestrator).await;
    let etag = shown["headers"]["etag"].as_str().unwrap().to_owned();
    keep("status", shown);
    keep(
        "not modified",
        send(&live.router, call("GET", &status, &orchestrator, &[("if-none-match", &etag)], None)).await,
    );
    keep("pipeline", get(&live.router, &format!("/pp/v1/agents/{agent}/cicd-pipeline"), &orchestrator).await);
    let stranger = token_of("eve", OrgId(Uuid::from_u128(8)), &[Role::Admin]);
    keep("another organisation", get(&live.router, &status, &stranger).await);
    keep(
        "retry too early",
        post(&live.router, &format!("/pp/v1/agents/{agent}/cicd/retry"), &orchestrator, &json!({})).await,
    );
    keep(
        "genesis too early",
        post(&live.router, &format!("/pp/v1/agents/{agent}/genesis/retry"), &orchestrator, &json!({})).await,
    );
    let reason = json!({"reason": "no longer needed"});
    keep("cancelled", post(&live.router, &format!("/pp/v1/agents/{agent}/cancel"), &orchestrator, &reason).await);
    keep("cancelled twice", post(&live.router, &format!("/pp/v1/agents/{agent}/cancel"), &orchestrator, &reason).await);
    insta::assert_json_snapshot!("creation", stable(answers.into()));
    assert_eq!(live.count("select count(*) from creations").await, 1);
    assert_eq!(live.count("select count(*) from runs").await, 1);
}

#[tokio::test]
async fn an_agent_is_handed_over_and_accepted() {
    let live = Live::new().await;
    let agent = requested(&live).await;
    let orchestrator = token(&[Role::AgentOrchestrator]);
    let engineer = token_of("bob", ORG, &[Role::InfrastructureEngineer]);
    let mut answers = Map::new();
    let mut keep = |name: &str, answer: Value| drop(answers.insert(name.to_owned(), answer));
    let sla = json!({"agent_id": agent, "effective_date": "2026-02-01"});
    let defined = post(&live.router, "/pp/v1/sla-definitions", &orchestrator, &sla).await;
    let sla = defined["body"]["sla_id"].clone();
    keep("service levels", defined);
    keep(
        "service levels listed",
        get(&live.router, &format!("/pp/v1/agents/{agent}/sla-definitions"), &engineer).await,
    );
    let path = "/pp/v1/agent-handoff";
    keep("too early", post(&live.router, path, &orchestrator, &submission(&agent, &sla)).await);
    built(&live).await;
    let mut incomplete = submission(&agent, &sla);
    incomplete["handoff_checklist"]["runbook_documented"]["status"] = json!(false);
    incomplete["handoff_checklist"].as_object_mut().unwrap().shift_remove("load_testing_completed");
    keep("incomplete", post(&live.router, path, &orchestrator, &incomplete).await);
    let mut unfounded = submission(&agent, &sla);
    unfounded["handoff_checklist"]["runbook_documented"]["evidence"]["url"] = json!("https://docs.local/missing");
    keep("unfounded", post(&live.router, path, &orchestrator, &unfounded).await);
    let submit = || call("POST", path, &orchestrator, &[("idempotency-key", "k-1")], Some(&submission(&agent, &sla)));
    let submitted = send(&live.router, submit()).await;
    let handoff = format!("{path}/{}", submitted["body"]["handoff_id"].as_str().unwrap());
    keep("submitted", submitted);
    keep("repeated", send(&live.router, submit()).await);
    keep("a second one", post(&live.router, path, &orchestrator, &submission(&agent, &sla)).await);
    keep(
        "wrong role",
        post(&live.router, &format!("{handoff}/accept"), &orchestrator, &json!({"production_ready": true})).await,
    );
    let reserved = json!({"production_ready": false});
    keep("with a reservation", post(&live.router, &format!("{handoff}/accept"), &engineer, &reserved).await);
    keep("rejected without reason", post(&live.router, &format!("{handoff}/reject"), &engineer, &json!({})).await);
    let accept = json!({"production_ready": true, "acceptance_notes": "Welcome."});
    keep("accepted", post(&live.router, &format!("{handoff}/accept"), &engineer, &accept).await);
    keep("accepted twice", post(&live.router, &format!("{handoff}/accept"), &engineer, &accept).await);
    keep("shown", get(&live.router, &handoff, &orchestrator).await);
    insta::assert_json_snapshot!("handoff", stable(answers.into()));
    assert_eq!(live.count("select count(*) from agents where status = 'production_ready'").await, 1);
}

#[tokio::test]
async fn of_two_reviewers_at_once_one_decides() {
    let live = Live::new().await;
    let agent = requested(&live).await;
    let orchestrator = token(&[Role::AgentOrchestrator]);
    let sla = json!({"agent_id": agent, "effective_date": "2026-02-01"});
    let sla = post(&live.router, "/pp/v1/sla-definitions", &orchestrator, &sla).await["body"]["sla_id"].clone();
    built(&live).await;
    let submitted = post(&live.router, "/pp/v1/agent-handoff", &orchestrator, &submission(&agent, &sla)).await;
    let handoff = format!("/pp/v1/agent-handoff/{}", submitted["body"]["handoff_id"].as_str().unwrap());
    let decide = async |user: &'static str, action: &str, body: Value| {
        let engineer = token_of(user, ORG, &[Role::InfrastructureEngineer]);
        post(&live.router, &format!("{handoff}/{action}"), &engineer, &body).await["status"].as_u64().unwrap()
    };
    let (one, two) = tokio::join!(
        decide("bob", "accept", json!({"production_ready": true})),
        decide("eve", "reject", json!({"reason": "no dashboard"}))
    );
    let mut statuses = [one, two];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}
