//! What a request may say, what is filled in, and how mistakes are reported.

use serde_json::{Value, json};

use super::*;
use crate::agents::Manifest;
use crate::agents::parts::{Approver, EffectKind, OnTimeout};
use crate::input::parse;

fn minimal() -> Value {
    json!({"agent_name": "Ada", "industry": "marketing", "specialty": "SEO"})
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = minimal();
    body[pointer] = value;
    body
}

/// The violations as `path rule`.
fn violations(body: Value) -> Vec<String> {
    let invalid = parse::<CreationRequest>(body).unwrap_err();
    let shorten = |v: Violation| format!("{} {}", v.path, v.rule);
    invalid.0.into_iter().map(shorten).collect()
}

#[test]
fn a_minimal_request_is_filled_in_by_denying() {
    let manifest = Manifest::from(parse::<CreationRequest>(minimal()).unwrap());
    assert_eq!(
        serde_json::to_value(&manifest).unwrap(),
        json!({
            "agent_name": "Ada",
            "version": "1.0.0",
            "industry": "marketing",
            "specialty": "SEO",
            "beneficiary": "customer",
            "persona": {},
            "capabilities": [],
            "tools": [],
            "data": {"scopes": [], "consented": []},
            "autonomy": "propose",
            "external_effects": [],
            "approval_gates": [],
            "boundaries": {"can_do": [], "cannot_do": []},
            "escalation_triggers": [
                "request_outside_boundaries", "approval_denied", "three_consecutive_errors",
            ],
            "audit": {"enabled": true, "log_retention_days": 180, "unlogged_actions": []},
            "sla_targets": {
                "metrics": {
                    "response_time_p95_ms": 2000, "uptime_percent": 99.9, "error_rate_percent": 1.0,
                },
                "support_sla": {
                    "response_hours": 4, "resolution_hours": 24, "critical_resolution_hours": 4,
                },
            },
        })
    );
}

#[test]
fn gates_left_out_are_the_strictest_and_gates_written_down_are_kept() {
    let effects = json!([
        {"name": "send", "kind": "communication", "tool": "mail", "permission": "send"},
        {"name": "post", "kind": "execution", "tool": "cms", "permission": "publish"},
    ]);
    let mut body = with("external_effects", effects);
    let manifest = Manifest::from(parse::<CreationRequest>(body.clone()).unwrap());
    assert_eq!(manifest.external_effects[1].kind, EffectKind::Execution);
    let gates: Vec<_> = manifest
        .approval_gates
        .iter()
        .map(|g| (g.effect.as_str(), g.approver, g.on_timeout, g.timeout_minutes))
        .collect();
    assert_eq!(
        gates,
        [("send", Approver::Customer, OnTimeout::Deny, 60), ("post", Approver::Customer, OnTimeout::Deny, 120),]
    );
    body["approval_gates"] = json!([]);
    let manifest = Manifest::from(parse::<CreationRequest>(body).unwrap());
    assert!(manifest.approval_gates.is_empty(), "it is for Genesis to refuse that");
}

#[test]
fn a_capability_may_be_its_name() {
    let body = with("capabilities", json!(["Plan a week", {"name": "Draft", "tools": ["cms"]}]));
    let manifest = Manifest::from(parse::<CreationRequest>(body).unwrap());
    assert_eq!(manifest.capabilities[0].name, "Plan a week");
    assert_eq!(manifest.boundaries.can_do, ["Plan a week", "Draft"]);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let body = json!({
        "agent_name": "",
        "industry": "finance",
        "tools": [{"name": "cms", "permissions": "all", "scope": 1}, 7],
        "audit": {"log_retention_days": -1},
        "approve": true,
    });
    assert_eq!(
        violations(body),
        [
            "/agent_name format",
            "/agent_name minLength",
            "/approve unknown_field",
            "/audit/log_retention_days minimum",
            "/industry enum",
            "/specialty required",
            "/tools/0/permissions type",
            "/tools/0/scope unknown_field",
            "/tools/1 type",
        ]
    );
}

#[test]
fn names_have_limits() {
    assert!(parse::<CreationRequest>(with("agent_name", json!("n".repeat(100)))).is_ok());
    assert!(parse::<CreationRequest>(with("agent_name", json!("ñ".repeat(100)))).is_ok());
    for (field, value, rule) in [
        ("agent_name", json!("n".repeat(101)), "maxLength"),
        ("agent_name", json!(" Ada"), "format"),
        ("agent_name", json!("A\nda"), "format"),
        ("agent_name", json!(5), "type"),
        ("agent_name", json!(null), "type"),
        ("specialty", json!("s".repeat(201)), "maxLength"),
        ("pricing_monthly", json!(-1), "minimum"),
        ("supersedes", json!("not-a-uuid"), "format"),
        ("capabilities", json!(vec!["c"; 51]), "maxItems"),
        ("persona", json!({"temperature": 3}), "maximum"),
    ] {
        let found = violations(with(field, value.clone()));
        let expected = format!(" {rule}");
        assert!(found.iter().any(|v| v.ends_with(&expected)), "{field} {value}: {found:?}");
    }
}

#[test]
fn nul_is_refused_in_values_and_keys() {
    assert_eq!(violations(with("agent_name", json!("A\0da"))), ["/agent_name format", "/agent_name no_nul"]);
    let found = violations(with("persona", json!({"goal\0": "x"})));
    assert!(found.contains(&"/persona no_nul".to_owned()), "{found:?}");
}

#[test]
fn names_are_unique_and_gates_guard_something() {
    let mut body = with("capabilities", json!(["Draft", "Draft"]));
    body["tools"] = json!([
        {"name": "cms", "permissions": ["read"]}, {"name": "cms", "permissions": ["write"]},
    ]);
    body["approval_gates"] = json!([{"effect": "sned"}]);
    assert_eq!(
        violations(body),
        ["/approval_gates/0/effect known_effect", "/capabilities/1 unique_name", "/tools/1 unique_name"]
    );
}

#[test]
fn a_violation_never_repeats_what_was_sent() {
    let secret = "s3cret".repeat(40);
    let body = json!({"agent_name": secret, "industry": secret, "specialty": [secret]});
    let invalid = parse::<CreationRequest>(body).unwrap_err();
    assert!(!format!("{invalid} {invalid:?}").contains("s3cret"));
}

#[test]
fn the_manifest_survives_its_json_and_its_hash_tells_changes() {
    let manifest = Manifest::from(parse::<CreationRequest>(minimal()).unwrap());
    let json = serde_json::to_value(&manifest).unwrap();
    let again: Manifest = serde_json::from_value(json).unwrap();
    assert_eq!((&again, again.hash()), (&manifest, manifest.hash()));
    let other = Manifest::from(parse::<CreationRequest>(with("specialty", json!("Ads"))).unwrap());
    assert_ne!(other.hash(), manifest.hash());
    assert_eq!(manifest.hash().len(), 64);
}
