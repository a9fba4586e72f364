//! Reading the files that stand beside a workflow: scenarios and guards.

use definitions::{Data, Delay};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

/// A file that cannot be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Reads a YAML text, with the rules that workflows are read by: a key that appears twice is refused, `no` is a word.
pub(crate) fn read<T: de::DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Unreadable(error.to_string()))
}

/// A duration as workflows write it: ISO 8601, or an object of days, hours and so on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) chrono::TimeDelta);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Data::from(serde_json::Value::deserialize(deserializer)?);
        Delay::from_data(&value).map(Self).map_err(de::Error::custom)
    }
}
