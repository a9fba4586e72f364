//! Each rule against a manifest that breaks only that rule; edited and broken policies.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::super::verdict::{Recommendation, Risk, Status};
use super::*;

/// Declares one of everything and breaks nothing.
fn honest() -> Json {
    json!({
        "agent_name": "Ada",
        "industry": "marketing",
        "specialty": "Newsletters",
        "capabilities": [{"name": "write", "tools": ["mailer"], "data": ["subscribers"]}],
        "tools": [{"name": "mailer", "permissions": ["send"]}],
        "data": {
            "scopes": [{"name": "subscribers", "access": "read", "purpose": "Address the mail."}],
            "consented": ["subscribers", "industry_data"],
        },
        "autonomy": "act_when_approved",
        "external_effects": [
            {"name": "send", "kind": "communication", "tool": "mailer", "permission": "send"},
        ],
        "approval_gates": [{"effect": "send"}],
        "boundaries": {"can_do": ["write"], "cannot_do": ["sell"]},
        "escalation_triggers": ["complaint"],
        "audit": {"enabled": true, "log_retention_days": 180, "unlogged_actions": []},
    })
}

fn manifest(body: Json) -> Manifest {
    input::parse::<CreationRequest>(body).unwrap().into()
}

/// The honest manifest with each pointer set to a value.
fn with(changes: &[(&str, Json)]) -> Manifest {
    let mut body = honest();
    for (pointer, value) in changes {
        *body.pointer_mut(pointer).unwrap() = value.clone();
    }
    manifest(body)
}

/// A second effect of the mailer by this verb, gated like the first, under these permissions.
fn acting(verb: &str, permissions: Json) -> Manifest {
    let effect =
        |name: &str, verb: &str| json!({"name": name, "kind": "communication", "tool": "mailer", "permission": verb});
    with(&[
        ("/tools/0/permissions", permissions),
        ("/external_effects", json!([effect("send", "send"), effect("second", verb)])),
        ("/approval_gates", json!([{"effect": "send"}, {"effect": "second"}])),
    ])
}

/// One manifest for each rule, which breaks that rule and no other: (check, rule, path, changes).
fn overreaches() -> Vec<(&'static str, &'static str, &'static str, Manifest)> {
    let mut selfish = honest();
    selfish["beneficiary"] = json!("platform");
    let scope = |name: &str| {
        json!([
            {"name": "subscribers", "access": "read", "purpose": "Address the mail."},
            {"name": name, "access": "read", "purpose": "To know."},
        ])
    };
    let writes = |tools: Json, data: Json| json!([{"name": "write", "tools": tools, "data": data}]);
    let tools = |extra: Json| json!([{"name": "mailer", "permissions": ["send"]}, extra]);
    let gate = |name: &str, value: &str| json!([{"effect": "send", name: value}]);
    let s = "customer_sovereignty";
    let p = "data_privacy";
    let t = "transparency";
    let l = "least_privilege";
    vec![
        (s, "customer_is_the_beneficiary", "/beneficiary", manifest(selfish)),
        (s, "effects_have_a_gate", "/external_effects/0", with(&[("/approval_gates", json!([]))])),
        (s, "people_approve", "/approval_gates/0/approver", with(&[("/approval_gates", gate("approver", "agent"))])),
        (
            s,
            "silence_never_approves",
            "/approval_gates/0/on_timeout",
            with(&[("/approval_gates", gate("on_timeout", "approve"))]),
        ),
        (
            s,
            "every_occurrence_is_approved",
            "/approval_gates/0/frequency",
            with(&[("/approval_gates", gate("frequency", "once"))]),
        ),
        (s, "effects_wait_for_approval", "/autonomy", with(&[("/autonomy", json!("act"))])),
        (
            p,
            "scopes_are_explicit",
            "/data/scopes/1",
            with(&[
                ("/data/scopes", scope("*")),
                ("/data/consented", json!(["subscribers", "*"])),
                ("/capabilities", writes(json!(["mailer"]), json!(["subscribers", "*"]))),
            ]),
        ),
        (
            p,
            "core_data_is_never_touched",
            "/data/scopes/1",
            with(&[
                ("/data/scopes", scope("customer_industry_data")),
                ("/data/consented", json!(["subscribers", "customer_industry_data"])),
                ("/capabilities", writes(json!(["mailer"]), json!(["subscribers", "customer_industry_data"]))),
            ]),
        ),
        (p, "scopes_are_consented", "/data/scopes/0", with(&[("/data/consented", json!([]))])),
        (
            p,
            "scopes_have_a_purpose",
            "/data/scopes/0",
            with(&[("/data/scopes", json!([{"name": "subscribers", "access": "read"}]))]),
        ),
        (p, "scopes_are_needed", "/data/scopes/0", with(&[("/capabilities", writes(json!(["mailer"]), json!([])))])),
        (
            p,
            "data_is_declared",
            "/capabilities/0/data",
            with(&[("/capabilities", writes(json!(["mailer"]), json!(["subscribers", "orders"])))]),
        ),
        (t, "audit_is_on", "/audit/enabled", with(&[("/audit/enabled", json!(false))])),
        (t, "nothing_is_hidden", "/audit/unlogged_actions/0", with(&[("/audit/unlogged_actions", json!(["send"]))])),
        (t, "logs_are_kept", "/audit/log_retention_days", with(&[("/audit/log_retention_days", json!(179))])),
        (t, "escalation_is_declared", "/escalation_triggers", with(&[("/escalation_triggers", json!([]))])),
        (
            t,
            "actions_are_declared",
            "/tools/0/permissions/1",
            with(&[("/tools", json!([{"name": "mailer", "permissions": ["send", "forward"]}]))]),
        ),
        (
            l,
            "tools_are_explicit",
            "/tools/1/name",
            with(&[
                ("/tools", tools(json!({"name": "any tool", "permissions": ["read"]}))),
                ("/capabilities", writes(json!(["mailer", "any tool"]), json!(["subscribers"]))),
            ]),
        ),
        (l, "permissions_are_explicit", "/tools/0/permissions/1", acting("*", json!(["send", "*"]))),
        (l, "permissions_are_explicit", "/tools/0/permissions/1", acting("admin", json!(["send", "admin"]))),
        (
            l,
            "tools_have_permissions",
            "/tools/1/permissions",
            with(&[
                ("/tools", tools(json!({"name": "crm", "permissions": []}))),
                ("/capabilities", writes(json!(["mailer", "crm"]), json!(["subscribers"]))),
            ]),
        ),
        (
            l,
            "tools_are_needed",
            "/tools/1",
            with(&[("/tools", tools(json!({"name": "crm", "permissions": ["read"]})))]),
        ),
        (
            l,
            "tools_are_declared",
            "/capabilities/0/tools",
            with(&[("/capabilities", writes(json!(["mailer", "crm"]), json!(["subscribers"])))]),
        ),
        (l, "effects_are_permitted", "/external_effects/1", acting("bulk_send", json!(["send"]))),
        (l, "posture_allows_effects", "/autonomy", with(&[("/autonomy", json!("propose"))])),
        (l, "boundaries_hold", "/capabilities/0", with(&[("/boundaries/cannot_do", json!(["write"]))])),
    ]
}

#[test]
fn each_rule_rejects_by_its_name_what_breaks_only_that_rule() {
    let policies = Policies::builtin().unwrap();
    let mut seen = BTreeSet::new();
    for (check, rule, path, manifest) in overreaches() {
        let verdict = policies.judge(&manifest).unwrap();
        assert_eq!(verdict.status, Status::Rejected, "{rule}");
        let found: Vec<_> = verdict
            .checks
            .iter()
            .flat_map(|c| c.violations.iter().map(|v| (c.name.as_str(), v.rule.as_str(), v.path.as_str())))
            .collect();
        assert_eq!(found, [(check, rule, path)], "{verdict:#?}");
        assert_eq!(verdict.reason, format!("rejected by {check} ({rule})"));
        seen.insert(rule);
    }
    let shipped: usize = BUILTIN.map(|(_, text)| text.matches("\"rule\": \"").count()).iter().sum();
    assert_eq!(seen.len(), shipped, "every shipped rule has its manifest");
}

#[test]
fn an_honest_and_a_minimal_manifest_are_approved() {
    let policies = Policies::builtin().unwrap();
    let minimal = json!({"agent_name": "Ada", "industry": "sales", "specialty": "Leads"});
    for body in [honest(), minimal] {
        let verdict = policies.judge(&manifest(body)).unwrap();
        assert_eq!(verdict.status, Status::Approved, "{verdict:#?}");
        assert_eq!(verdict.recommendation, Recommendation::Go);
        assert_eq!(verdict.reason, "all 4 checks passed");
        let names: Vec<_> = verdict.checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, CHECKS);
    }
}

#[test]
fn the_samples_are_approved() {
    let policies = Policies::builtin().unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/samples");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let manifest = manifest(serde_saphyr::from_str(&text).unwrap());
        let verdict = policies.judge(&manifest).unwrap();
        assert_eq!(verdict.status, Status::Approved, "{verdict:#?}");
        names.insert(manifest.agent_name);
    }
    assert_eq!(names.len(), 3);
}

#[test]
fn a_verdict_has_the_fixed_layout() {
    let policies = Policies::builtin().unwrap();
    let manifest = manifest(honest());
    let verdict = policies.judge(&manifest).unwrap();
    assert_eq!(verdict.risk_level, Risk::Medium);
    let mut json = serde_json::to_value(verdict).unwrap();
    json["checks"] = json!(json["checks"].as_array().unwrap().len());
    assert_eq!(
        json,
        json!({
            "status": "approved",
            "reason": "all 4 checks passed",
            "risk_level": "medium",
            "blueprint_summary": {
                "agent_name": "Ada",
                "industry": "marketing",
                "specialty": "Newsletters",
                "capabilities": ["write"],
                "autonomy": "act_when_approved",
            },
            "required_interfaces": [
                {"kind": "tool", "name": "mailer", "permissions": ["send"]},
                {"kind": "data", "name": "subscribers", "permissions": ["read"]},
            ],
            "checks": 4,
            "risk_assessment": [
                {"level": "medium", "message": "send says something to people outside"},
                {"level": "low", "message": "reads the customer's subscribers"},
            ],
            "recommendation": "go",
            "policy_hash": policies.hash(),
            "manifest_hash": manifest.hash(),
        })
    );
}

/// The shipped files in a directory, one of them replaced.
fn directory_with(file: &str, text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in BUILTIN {
        fs::write(directory.path().join(name), text).unwrap();
    }
    fs::write(directory.path().join(file), text).unwrap();
    directory
}

fn refusal(file: &str, text: &str) -> String {
    let directory = directory_with(file, text);
    Policies::load(directory.path()).unwrap_err().to_string()
}

#[test]
fn core_data_is_recognised_under_other_spellings() {
    let policies = Policies::builtin().unwrap();
    for name in ["industry_data", "Industry-Data", "customer_industrydata", "strategic_plans", "strategy__plan"] {
        let mut body = honest();
        body["data"]["scopes"][0]["name"] = json!(name);
        let verdict = policies.judge(&manifest(body)).unwrap();
        let privacy = verdict.checks.iter().find(|check| check.name == "data_privacy").unwrap();
        assert!(privacy.violations.iter().any(|v| v.rule == "core_data_is_never_touched"), "{name}");
    }
}

#[test]
fn an_edited_file_changes_the_verdict_and_the_hash() {
    let (name, text) = BUILTIN[3];
    let directory = directory_with("README.md", "not a policy");
    let shipped = Policies::load(directory.path()).unwrap();
    assert_eq!(shipped.hash(), Policies::builtin().unwrap().hash());
    let manifest = manifest(honest());
    assert_eq!(shipped.judge(&manifest).unwrap().status, Status::Approved);

    let stricter = text.replace("least_retention := 180", "least_retention := 365");
    fs::write(directory.path().join(name), stricter).unwrap();
    let edited = Policies::load(directory.path()).unwrap();
    let verdict = edited.judge(&manifest).unwrap();
    assert_eq!(verdict.reason, "rejected by transparency (logs_are_kept)");
    assert_eq!(verdict.policy_hash, edited.hash());
    assert_ne!(edited.hash(), shipped.hash());
}

#[test]
fn a_further_check_counts_like_the_four() {
    let directory = directory_with(
        "pricing.rego",
        "package genesis.creation.pricing\nimport rego.v1\n\
         violations contains {\"rule\": \"priced\", \"path\": \"/pricing_monthly\", \"message\": \"name a price\"} if {\n\
         \tnot input.manifest.pricing_monthly\n}",
    );
    let policies = Policies::load(directory.path()).unwrap();
    let verdict = policies.judge(&manifest(honest())).unwrap();
    assert_eq!(verdict.reason, "rejected by pricing (priced)");
}

#[test]
fn a_file_that_does_not_parse_is_named_with_its_line() {
    let message = refusal("transparency.rego", "package genesis.creation.transparency\n\nviolations contains {");
    assert!(message.contains("transparency.rego does not parse"), "{message}");
    assert!(message.contains("transparency.rego:3"), "{message}");
}

#[test]
fn a_check_that_fails_to_evaluate_is_an_error() {
    let text = BUILTIN[3].1.replace("not input.manifest.audit.enabled == true", "to_number(\"x\") == 1");
    let message = refusal("transparency.rego", &text);
    assert!(message.contains("while transparency is evaluated"), "{message}");
    assert!(message.contains("transparency.rego:"), "{message}");
    let unknown = BUILTIN[3].1.replace("not input.manifest.audit.enabled == true", "no_such_thing == 1");
    let message = refusal("transparency.rego", &unknown);
    assert!(message.contains("transparency.rego:"), "{message}");
}

#[test]
fn a_check_that_never_objects_is_refused() {
    let package = "package genesis.creation.transparency\nimport rego.v1\n";
    for text in [
        format!("{package}violations := set()"),
        format!(
            "{package}violations contains {{\"rule\": \"r\", \"path\": \"\", \"message\": \"m\"}} if input.manifst.audit.enabled == false"
        ),
    ] {
        let message = refusal("transparency.rego", &text);
        assert!(message.contains("transparency finds nothing wrong"), "{message}");
    }
}

#[test]
fn a_set_that_is_not_whole_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let message = Policies::load(empty.path()).unwrap_err().to_string();
    assert!(message.contains("lack the check genesis.creation.customer_sovereignty"), "{message}");
    let gone = Policies::load(&empty.path().join("gone")).unwrap_err();
    assert!(matches!(gone, PolicyError::Unreadable { .. }));
    let twice = refusal("more.rego", "package genesis.creation.transparency\nimport rego.v1\nviolations := set()");
    assert!(twice.contains("transparency.rego is of the package genesis.creation.transparency"), "{twice}");
    let stray = refusal("extra.rego", "package genesis.creaton.extra\nimport rego.v1\nx := 1");
    assert!(stray.contains("extra.rego is of the package genesis.creaton.extra"), "{stray}");
}

#[test]
fn violations_of_another_shape_are_refused() {
    let package = "package genesis.creation.extra\nimport rego.v1\n";
    for rule in ["violations := true", "violations contains \"no\"", "other := 1"] {
        let message = refusal("extra.rego", &format!("{package}{rule}"));
        assert!(message.contains("extra"), "{message}");
    }
}
