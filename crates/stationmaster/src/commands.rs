//! The verbs, each with what it prints.

pub(crate) mod bench;
pub(crate) mod comparison;
pub(crate) mod definition;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod gate;
pub(crate) mod maintenance;
pub(crate) mod picture;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod simulation;
pub(crate) mod token;
pub(crate) mod verification;

use crate::output::Failure;

/// A JSON argument of the command line: the text itself, or `@FILE`.
pub(crate) fn argument(text: &str) -> Result<serde_json::Value, Failure> {
    let text = match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| Failure::new(format!("{file}: {error}")))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("the input is not JSON: {error}")))
}
