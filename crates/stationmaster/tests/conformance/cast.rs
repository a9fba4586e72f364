//! What a document needs to be run, and how it should end: `cast.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Failure, yaml};

/// The parts of all documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cast {
    /// What is in every input, and in the data of every event.
    everywhere: Map<String, Value>,
    /// The secrets that the operator has configured.
    pub(crate) secrets: BTreeMap<String, String>,
    /// By heading: where a snippet that is no whole workflow stands in one. The text `SNIPPET` is its place.
    frames: BTreeMap<String, Value>,
    /// By name.
    documents: BTreeMap<String, Part>,
}

/// What one document needs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// More of its input, or another one if it is no object.
    #[serde(default)]
    pub(crate) input: Value,
    /// How it ends; it completes where nothing else is said.
    #[serde(default)]
    pub(crate) end: Expected,
    /// A program that must be installed.
    #[serde(default)]
    pub(crate) requires: Option<String>,
    /// Why it ends so, where that needs a word.
    #[serde(default)]
    pub(crate) why: Option<String>,
}

/// How a document should end.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Expected {
    /// With an output.
    #[default]
    Completes,
    /// With an error that has these properties.
    Faults(Value),
    /// Not by itself: it takes events for ever.
    Listens,
    /// It is refused, by this rule: the specification's text asks for it, its schema does not.
    Refused(String),
}

impl Cast {
    pub(crate) fn read() -> Result<Self, Failure> {
        Ok(serde_json::from_value(yaml(include_str!("cast.yaml"))?)?)
    }

    /// What a document needs.
    pub(crate) fn part(&self, name: &str) -> Part {
        let mut part = self.documents.get(name).cloned().unwrap_or_default();
        part.input = match part.input {
            Value::Null => Value::Object(self.everywhere.clone()),
            Value::Object(more) => Value::Object(self.everywhere.clone().into_iter().chain(more).collect()),
            other => other,
        };
        part
    }

    /// The data of an event that nobody says more about.
    pub(crate) fn event_data(&self) -> Value {
        Value::Object(self.everywhere.clone())
    }

    /// The workflow around a snippet.
    pub(crate) fn frame(&self, name: &str, snippet: &Value) -> Option<Value> {
        let heading = name.split_once(", ")?.1;
        let heading = heading.split_once(" (").map_or(heading, |(heading, _)| heading);
        let mut framed = fill(self.frames.get(heading)?, snippet);
        let document = json!({"dsl": "1.0.3", "namespace": "snippets", "name": "framed", "version": "1.0.0"});
        framed.as_object_mut()?.insert("document".to_owned(), document);
        Some(framed)
    }
}

fn fill(frame: &Value, snippet: &Value) -> Value {
    match frame {
        Value::String(text) if text == "SNIPPET" => snippet.clone(),
        Value::Array(items) => items.iter().map(|item| fill(item, snippet)).collect(),
        Value::Object(entries) => {
            let mut filled = Map::new();
            for (name, value) in entries {
                match (fill(value, snippet), name.as_str()) {
                    (Value::Object(inner), "SNIPPET") => filled.extend(inner),
                    (value, _) => drop(filled.insert(name.clone(), value)),
                }
            }
            Value::Object(filled)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => frame.clone(),
    }
}
