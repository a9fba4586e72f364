//! Durations: inline objects, ISO 8601 texts, or expressions that give either.

use chrono::TimeDelta;
use thiserror::Error;

use crate::{Data, Expression};

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400;
/// Longest duration: 10,000 years, in nanoseconds.
const LONGEST: i128 = 10_000 * 365 * DAY * NANOS_PER_SECOND;

/// Units of an ISO 8601 duration in their order, with their seconds; those after the `T` come second.
const DATE_UNITS: [(char, i128); 4] = [('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)];
const TIME_UNITS: [(char, i128); 3] = [('H', 3600), ('M', 60), ('S', 1)];

/// Units of a duration object, with their nanoseconds.
const FIELDS: [(&str, i128); 5] = [
    ("days", DAY * NANOS_PER_SECOND),
    ("hours", 3600 * NANOS_PER_SECOND),
    ("minutes", 60 * NANOS_PER_SECOND),
    ("seconds", NANOS_PER_SECOND),
    ("milliseconds", 1_000_000),
];

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
        if let Some(text) = value.as_str() {
            return parse_iso8601(text);
        }
        let fail = |reason: String| DurationError { value: value.to_string(), reason };
        let entries = value.entries().ok_or_else(|| fail("it is neither a text nor an object".to_owned()))?;
        if entries.is_empty() {
            return Err(fail(format!("it has none of {}", field_names())));
        }
        let mut nanos = 0_i128;
        for (name, amount) in entries {
            let unit = FIELDS.iter().find(|(field, _)| *field == name);
            let (_, unit) = unit.ok_or_else(|| fail(format!("`{name}` is none of {}", field_names())))?;
            let amount = amount.as_i64().filter(|amount| *amount >= 0);
            let amount = amount.ok_or_else(|| fail(format!("`{name}` is not a whole number from 0")))?;
            nanos = nanos.saturating_add(i128::from(amount).saturating_mul(*unit));
        }
        from_nanos(nanos).ok_or_else(|| fail("it is longer than 10,000 years".to_owned()))
    }
}

fn field_names() -> String {
    FIELDS.map(|(name, _)| name).join(", ")
}

fn from_nanos(nanos: i128) -> Option<TimeDelta> {
    let nanos = (0..=LONGEST).contains(&nanos).then_some(nanos)?;
    let seconds = i64::try_from(nanos / NANOS_PER_SECOND).ok()?;
    TimeDelta::new(seconds, u32::try_from(nanos % NANOS_PER_SECOND).ok()?)
}

/// Parses an ISO 8601 duration; a year counts 365 days and a month 30, a week 7.
///
/// # Errors
/// Any other text.
///
/// ```
/// assert_eq!(definitions::parse_iso8601("PT1H30M").map(|span| span.num_minutes()), Ok(90));
/// ```
pub fn parse_iso8601(text: &str) -> Result<TimeDelta, DurationError> {
    let fail = |reason: &str| DurationError { value: text.to_owned(), reason: reason.to_owned() };
    let malformed = || fail("an ISO 8601 duration such as `P1DT2H` or `PT15M` is expected");
    let body = text.strip_prefix('P').filter(|body| !body.is_empty()).ok_or_else(malformed)?;
    let (date, time) = body.split_once('T').map_or((body, None), |(date, time)| (date, Some(time)));
    if time == Some("") {
        return Err(malformed());
    }
    let nanos = parse_units(date, &DATE_UNITS)
        .and_then(|date| Some(date.saturating_add(parse_units(time.unwrap_or(""), &TIME_UNITS)?)))
        .ok_or_else(malformed)?;
    from_nanos(nanos).ok_or_else(|| fail("it is longer than 10,000 years"))
}

/// The nanoseconds of amounts with units, each unit at most once and in order.
fn parse_units(mut text: &str, units: &[(char, i128)]) -> Option<i128> {
    let mut units = units.iter();
    let mut nanos = 0_i128;
    while !text.is_empty() {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (amount, rest) = text.split_at(end);
        let letter = rest.chars().next()?;
        let (_, seconds) = units.find(|(unit, _)| *unit == letter)?;
        nanos = nanos.saturating_add(parse_amount(amount)?.saturating_mul(*seconds));
        text = &rest[letter.len_utf8()..];
    }
    Some(nanos)
}

/// A decimal number in billionths; digits beyond the ninth are cut.
fn parse_amount(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole: i128 = whole.parse::<u64>().ok()?.into();
    let fraction = match fraction {
        None => 0,
        Some(digits) if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        Some(digits) => format!("{digits:0<9.9}").parse::<i128>().ok()?,
    };
    Some(whole * NANOS_PER_SECOND + fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read() {
        for (value, milliseconds) in [
            (json!("PT15M"), 900_000),
            (json!("P1Y"), 365 * 86_400_000),
            (json!("P1M"), 30 * 86_400_000),
            (json!("P2W"), 14 * 86_400_000),
            (json!("P1DT2H3M4S"), 93_784_000),
            (json!("PT0.25S"), 250),
            (json!("PT1.5H"), 5_400_000),
            (json!("PT0S"), 0),
            (json!({"hours": 2, "minutes": 15, "seconds": 30}), 8_130_000),
            (json!({"days": 1, "milliseconds": 5}), 86_400_005),
            (json!({"seconds": 3.0}), 3_000),
        ] {
            let span = Delay::from_data(&value.clone().into()).map(|span| span.num_milliseconds());
            assert_eq!(span, Ok(milliseconds), "{value}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [
            json!(""),
            json!("P"),
            json!("PT"),
            json!("P1"),
            json!("15M"),
            json!("PT15"),
            json!("-PT1S"),
            json!("PT-1S"),
            json!("PT1M1H"),
            json!("PT1M1M"),
            json!("P1H"),
            json!("PT1D"),
            json!("PT.5S"),
            json!("PT1.S"),
            json!("PT1..2S"),
            json!("PT1é"),
            json!("pt1s"),
            json!(" PT1S"),
            json!("P99999Y"),
            json!("PT99999999999999999999S"),
            json!({}),
            json!({"minute": 1}),
            json!({"minutes": -1}),
            json!({"minutes": 1.5}),
            json!({"minutes": "1"}),
            json!({"days": i64::MAX}),
            json!(5),
            json!(null),
            json!([]),
        ] {
            assert!(Delay::from_data(&value.clone().into()).is_err(), "{value}");
        }
    }
}
