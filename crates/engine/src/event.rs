//! CloudEvents 1.0, as runs emit and receive them.

use definitions::Data;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// An event in structured form; attributes that are not listed are extensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent {
    /// Unique together with `source`.
    pub id: String,
    /// Who says so: a URI reference.
    pub source: String,
    /// `1.0`.
    pub specversion: String,
    /// What happened, such as `com.github.workflow_run.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, as its source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The media type of `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// The payload.
    #[serde(default, skip_serializing_if = "Data::is_null")]
    pub data: Data,
    /// Extension attributes.
    #[serde(flatten)]
    pub extensions: serde_json::Map<String, serde_json::Value>,
}

impl CloudEvent {
    /// The whole envelope as data: what `read: envelope` and filters see.
    #[must_use]
    pub fn envelope(&self) -> Data {
        serde_json::to_value(self).map_or(Data::NULL, Data::from)
    }
}
