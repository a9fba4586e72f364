//! Durations: inline objects, ISO 8601 texts, or expressions that give either.

use chrono::TimeDelta;
use thiserror::Error;

use crate::{Data, Expression};

/// A time span of a definition: of a `wait`, a timeout, or a retry.
#[derive(Debug, Clone)]
pub enum Delay {
    /// Known when the definition is parsed.
    Fixed(TimeDelta),
    /// Known when the task starts: an ISO 8601 text or a duration object.
    Expression(Expression),
}

/// A value that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{value}` is not a duration: {reason}")]
pub struct DurationError {
    /// What was given, as JSON.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Delay {
    /// Reads an evaluated value: an ISO 8601 text such as `PT15M`, or an object such as `{"minutes": 15}`.
    ///
    /// # Errors
    /// Anything else, a negative span, or one beyond 10,000 years.
    pub fn from_data(value: &Data) -> Result<TimeDelta, DurationError> {
        Err(DurationError { value: value.to_string(), reason: "not read yet".to_owned() })
    }
}

/// Parses an ISO 8601 duration; a year counts 365 days and a month 30, a week 7.
///
/// # Errors
/// Any other text.
pub fn parse_iso8601(text: &str) -> Result<TimeDelta, DurationError> {
    Err(DurationError { value: text.to_owned(), reason: "not read yet".to_owned() })
}
