//! Holds every answer of the tests against what `/openapi.json` says of it.

use std::sync::LazyLock;

use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(crate::openapi);

/// Fails unless the description has this status for this request, with this media type and a schema that the body keeps.
pub(super) fn check(method: &str, path: &str, answer: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let (template, item) = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(template, _)| matches(template, path))
        .unwrap_or_else(|| panic!("{path} is not described"));
    let responses = &item[method.to_lowercase()]["responses"];
    let status = answer["status"].to_string();
    let class = format!("{}XX", &status[..1]);
    let Some(described) = [&status, &class].into_iter().find_map(|key| responses.get(key)) else {
        panic!("{method} {template} answers {status}, which is not described");
    };
    let Some((media, content)) = described["content"].as_object().and_then(|content| content.iter().next()) else {
        return assert_eq!(answer["body"], "", "{method} {template} {status} has a body that is not described");
    };
    assert_eq!(answer["headers"]["content-type"], **media, "{method} {template} {status}");
    let schema = json!({"allOf": [content["schema"]], "components": DOCUMENT["components"]});
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> = validator.iter_errors(&answer["body"]).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{method} {template} {status}: {faults:?} in {}", answer["body"]);
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(found)) if expected.starts_with('{') || expected == found => {}
            _ => return false,
        }
    }
}
