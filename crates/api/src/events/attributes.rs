//! The attributes of a CloudEvent from a caller: CloudEvents 1.0, bounded, and without what only we may say.

use chrono::DateTime;
use engine::{CloudEvent, Timestamp};
use serde_json::{Map, Value};

use crate::problem::Violation;

/// Beginnings of types that callers cannot publish: they would forge a lifecycle event, a decision or a verified delivery.
const RESERVED: [&str; 3] = ["io.serverlessworkflow.", "com.stationmaster.", "com.github."];

/// Extension attributes that the service sets itself.
const OURS: [&str; 1] = ["publisher"];

/// The most extension attributes of an event.
const MAX_EXTENSIONS: usize = 32;

/// Whether an extension attribute may have this name (CloudEvents 1.0, "Naming Conventions").
pub(crate) fn is_extension_name(name: &str) -> bool {
    (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Reads an envelope; `place` is the pointer to it, for the violations.
pub(super) fn event(envelope: Value, place: &str) -> Result<CloudEvent, Vec<Violation>> {
    let Value::Object(entries) = envelope else {
        return Err(vec![Violation::new(place, "type", "an event is an object")]);
    };
    let mut reader = Reader { entries, place, violations: Vec::new() };
    let event = reader.event();
    if reader.violations.is_empty() { Ok(event) } else { Err(reader.violations) }
}

struct Reader<'a> {
    entries: Map<String, Value>,
    place: &'a str,
    violations: Vec<Violation>,
}

impl Reader<'_> {
    fn event(&mut self) -> CloudEvent {
        let specversion = self.required("specversion", 3);
        if !specversion.is_empty() && specversion != "1.0" {
            self.violate("specversion", "const", "must be `1.0`");
        }
        let kind = self.required("type", 200);
        if let Some(prefix) = RESERVED.iter().find(|prefix| kind.starts_with(**prefix)) {
            self.violate("type", "reserved", format!("types beginning with `{prefix}` are spoken by the service only"));
        }
        if self.entries.contains_key("data_base64") {
            self.violate("data_base64", "unsupported", "send data as JSON in `data`");
        }
        CloudEvent {
            id: self.required("id", 200),
            source: self.required("source", 500),
            specversion,
            kind,
            time: self.time(),
            subject: self.optional("subject", 500),
            datacontenttype: self.optional("datacontenttype", 100),
            data: self.entries.shift_remove("data").unwrap_or_default().into(),
            extensions: self.extensions(),
        }
    }

    fn required(&mut self, name: &str, max: usize) -> String {
        self.optional(name, max).unwrap_or_else(|| {
            if !self.violations.iter().any(|violation| violation.field == self.pointer(name)) {
                self.violate(name, "required", "is needed");
            }
            String::new()
        })
    }

    fn optional(&mut self, name: &str, max: usize) -> Option<String> {
        match self.entries.shift_remove(name)? {
            Value::String(text) if text.is_empty() => self.violate(name, "minLength", "must not be empty"),
            Value::String(text) if text.len() > max => self.violate(name, "maxLength", format!("may have {max} bytes")),
            Value::String(text) if text.chars().any(char::is_control) => {
                self.violate(name, "characters", "must not contain control characters");
            }
            Value::String(text) => return Some(text),
            _ => self.violate(name, "type", "must be text"),
        }
        None
    }

    fn time(&mut self) -> Option<Timestamp> {
        let text = self.optional("time", 40)?;
        let time = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).ok();
        if time.is_none() {
            self.violate("time", "format", "must be an RFC 3339 time such as 2026-01-02T03:04:05Z");
        }
        time
    }

    fn extensions(&mut self) -> Map<String, Value> {
        let rest = std::mem::take(&mut self.entries);
        if rest.len() > MAX_EXTENSIONS {
            self.violate("", "maxProperties", format!("an event has at most {MAX_EXTENSIONS} extension attributes"));
        }
        for (name, value) in &rest {
            if OURS.contains(&name.as_str()) {
                self.violate(name, "reserved", "is set by the service");
            } else if name != "data_base64" && !is_extension_name(name) {
                self.violate(name, "name", "extension attributes have 1 to 20 lower-case letters and digits");
            } else if !is_attribute_value(value) {
                self.violate(name, "type", "must be text of at most 1000 bytes, a flag, or a 32-bit integer");
            }
        }
        rest
    }

    fn violate(&mut self, name: &str, rule: &str, message: impl Into<String>) {
        self.violations.push(Violation::new(self.pointer(name), rule, message));
    }

    fn pointer(&self, name: &str) -> String {
        if name.is_empty() { self.place.to_owned() } else { format!("{}/{name}", self.place) }
    }
}

/// The types of CloudEvents attributes that JSON can carry: Boolean, Integer and the textual ones.
fn is_attribute_value(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Number(number) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Value::String(text) => text.len() <= 1000,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({"specversion": "1.0", "id": "1", "source": "/test", "type": "com.example.happened", "subject": "s",
               "time": "2026-01-02T03:04:05.5+01:00", "datacontenttype": "application/json", "data": {"a": [1]}, "tenant": "x"})
    }

    fn with(name: &str, value: Value) -> Vec<(String, String)> {
        let mut envelope = good();
        envelope[name] = value;
        let violations = event(envelope, "").err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.field, violation.rule)).collect()
    }

    #[test]
    fn a_good_event_is_read_whole() {
        let event = event(good(), "").unwrap();
        assert_eq!((event.kind.as_str(), event.extensions.len()), ("com.example.happened", 1));
        assert_eq!(event.time.unwrap().to_rfc3339(), "2026-01-02T02:04:05.500+00:00");
        assert_eq!(event.envelope().to_string().matches("happened").count(), 1);
    }

    #[test]
    fn callers_cannot_speak_for_the_service_or_for_a_verified_source() {
        for kind in [
            "io.serverlessworkflow.workflow.completed",
            "com.stationmaster.gate.decided",
            "com.github.workflow_run.completed",
        ] {
            assert_eq!(with("type", kind.into()), [("/type".to_owned(), "reserved".to_owned())]);
        }
        assert!(with("type", "com.githubber.x".into()).is_empty());
        assert_eq!(with("publisher", "root".into()), [("/publisher".to_owned(), "reserved".to_owned())]);
    }

    #[test]
    fn each_fault_is_named_by_field_and_rule() {
        let cases = [
            ("specversion", json!("0.3"), "const"),
            ("specversion", json!(1), "type"),
            ("id", json!(""), "minLength"),
            ("id", json!("x".repeat(201)), "maxLength"),
            ("source", json!("a\nb"), "characters"),
            ("subject", json!(null), "type"),
            ("time", json!("yesterday"), "format"),
            ("data_base64", json!("AA=="), "unsupported"),
            ("Tenant", json!("x"), "name"),
            ("tenant2", json!({"a": 1}), "type"),
            ("tenant2", json!(2_147_483_648_i64), "type"),
        ];
        for (name, value, rule) in cases {
            assert_eq!(with(name, value), [(format!("/{name}"), rule.to_owned())], "{name} {rule}");
        }
    }
}
