//! From a sender's payload to a CloudEvent, by templates whose placeholders are JSON pointers.
//!
//! Bytes from outside meet no expression language here: a pointer either finds a scalar or does not. What a workflow makes of
//! the payload, it says itself in its `correlate` and `with`, in jq.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use engine::CloudEvent;
use jsonschema::Validator;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::problem::Violation;

/// What becomes of one kind of event.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mapping {
    /// The `type` of the CloudEvent; its placeholders must be found.
    #[serde(rename = "type")]
    pub kind: Template,
    /// The `source`; its placeholders must be found.
    pub source: Template,
    /// The `subject`, where its placeholders are found.
    pub subject: Option<Template>,
    /// The `time`, where its placeholders are found and make an RFC 3339 time.
    pub time: Option<Template>,
    /// What the payload must be like; a delivery that is not is refused and changes nothing.
    pub payload: Option<Shape>,
    /// Extension attributes, each where its placeholders are found.
    #[serde(default)]
    pub extensions: BTreeMap<String, Template>,
}

/// A JSON schema that payloads keep.
#[derive(Debug, Clone)]
pub struct Shape(Arc<Validator>);

/// Text with placeholders `{/json/pointer}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Pointer(String),
}

impl Mapping {
    /// The event of a payload.
    pub(super) fn event(&self, id: &str, payload: Value) -> Result<CloudEvent, Vec<Violation>> {
        let mut violations = self.payload.as_ref().map(|shape| shape.violations(&payload)).unwrap_or_default();
        let mut needed = |template: &Template| {
            template.fill(&payload).unwrap_or_else(|violation| {
                violations.push(violation);
                String::new()
            })
        };
        let (kind, source) = (needed(&self.kind), needed(&self.source));
        if violations.is_empty() && !is_event_type(&kind) {
            violations.push(Violation::new(
                self.kind.first_pointer(),
                "event_type",
                "must be plain: letters, digits, `.`, `_`, `-`",
            ));
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        let optional =
            |template: &Option<Template>| template.as_ref().and_then(|template| template.fill(&payload).ok());
        let extension = |(name, template): (&String, &Template)| {
            template.fill(&payload).ok().map(|text| (name.clone(), Value::from(text)))
        };
        Ok(CloudEvent {
            id: id.to_owned(),
            source,
            specversion: "1.0".to_owned(),
            kind,
            time: optional(&self.time).and_then(|text| text.parse().ok()),
            subject: optional(&self.subject),
            datacontenttype: Some("application/json".to_owned()),
            extensions: self.extensions.iter().filter_map(extension).collect(),
            data: payload.into(),
        })
    }
}

impl Shape {
    fn violations(&self, payload: &Value) -> Vec<Violation> {
        let violation = |fault: jsonschema::ValidationError<'_>| {
            let message = fault.masked_with("the value").to_string();
            Violation::new(fault.instance_path().as_str(), fault.kind().keyword(), message)
        };
        self.0.iter_errors(payload).map(violation).collect()
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let schema = Value::deserialize(deserializer)?;
        let validator = jsonschema::validator_for(&schema).map_err(|fault| D::Error::custom(fault.to_string()))?;
        Ok(Self(Arc::new(validator)))
    }
}

/// A type that can be stored, matched and shown without surprises.
fn is_event_type(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl Template {
    /// Reads the text of a template.
    fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (pointer, after) = after.split_once('}').ok_or_else(|| format!("`{text}` lacks a closing brace"))?;
            if !pointer.starts_with('/') {
                return Err(format!("`{{{pointer}}}` in `{text}` is not a JSON pointer: those begin with `/`"));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Pointer(pointer.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text with each placeholder replaced by the scalar that it points to.
    fn fill(&self, payload: &Value) -> Result<String, Violation> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Pointer(pointer) => match payload.pointer(pointer) {
                    Some(Value::String(text)) if !text.is_empty() && text.len() <= 500 => filled.push_str(text),
                    Some(Value::Number(number)) => write!(filled, "{number}").unwrap_or_default(),
                    Some(Value::Bool(flag)) => write!(filled, "{flag}").unwrap_or_default(),
                    _ => {
                        return Err(Violation::new(
                            pointer,
                            "required",
                            "must be a number, a flag, or text of 1 to 500 bytes",
                        ));
                    }
                },
            }
        }
        Ok(filled)
    }

    fn first_pointer(&self) -> &str {
        let mut pointers = self.0.iter().filter_map(|part| match part {
            Part::Pointer(pointer) => Some(pointer.as_str()),
            Part::Text(_) => None,
        });
        pointers.next().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping() -> Mapping {
        Mapping {
            kind: Template::parse("com.example.{/action}").unwrap(),
            source: Template::parse("/shop/{/shop}").unwrap(),
            subject: Some(Template::parse("{/order/id}").unwrap()),
            time: Some(Template::parse("{/at}").unwrap()),
            payload: None,
            extensions: BTreeMap::from([("express".to_owned(), Template::parse("{/order/express}").unwrap())]),
        }
    }

    #[test]
    fn attributes_are_filled_and_the_payload_is_kept_whole() {
        let payload =
            json!({"action": "sold", "shop": 7, "order": {"id": "o-1", "express": true}, "at": "2026-01-02T03:04:05Z"});
        let event = mapping().event("d-1", payload.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            json!({"id": "d-1", "source": "/shop/7", "specversion": "1.0", "type": "com.example.sold", "subject": "o-1",
                   "time": "2026-01-02T03:04:05Z", "datacontenttype": "application/json", "data": payload, "express": "true"})
        );
    }

    #[test]
    fn optional_attributes_may_be_missing_and_needed_ones_not() {
        let event = mapping().event("d-1", json!({"action": "sold", "shop": "a", "at": "yesterday"})).unwrap();
        assert_eq!((event.subject, event.time, event.extensions.len()), (None, None, 0));
        let violations = mapping().event("d-1", json!({"action": {}, "shop": ""})).unwrap_err();
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["/action", "/shop"]);
    }

    #[test]
    fn a_payload_cannot_smuggle_text_into_the_type() {
        let payload = json!({"action": "sold\r\nx: y", "shop": 1});
        assert_eq!(mapping().event("d-1", payload).unwrap_err()[0].rule, "event_type");
    }

    #[test]
    fn templates_are_checked_when_read() {
        assert!(Template::parse("a{/b").unwrap_err().contains("closing"));
        assert!(Template::parse("a{b}").unwrap_err().contains("begin with `/`"));
    }
}
