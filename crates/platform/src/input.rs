//! Request bodies: a JSON value in, a typed request or every violation out.
//!
//! Each request type has a JSON schema (`schemas/*.json`), which is what the API publishes, and the
//! type that it deserialises into. [`parse`] checks the schema first, so that a caller hears of all
//! mistakes at once, each with its field and its rule; then the rules between fields that a schema
//! cannot say. Unknown fields and NUL characters are refused everywhere.

use std::fmt;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// At most this many violations are reported at once.
const MOST_VIOLATIONS: usize = 50;

/// One rule that one field breaks. Its JSON is an item of `violations` in a problem document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The rule's name: a keyword of JSON Schema, or a rule of ours.
    pub rule: String,
    /// The field, as a JSON pointer; empty for the whole body.
    pub path: String,
    /// What is wrong, for the person who sent it. It never repeats the value.
    pub message: String,
}

impl Violation {
    /// A violation of one of our own rules.
    pub fn new(rule: &str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.path, self.rule, self.message)
    }
}

/// A body that breaks at least one rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request breaks {} rule(s); first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
pub struct Invalid(pub Vec<Violation>);

/// A request type and its schema.
pub trait Input: DeserializeOwned {
    /// The compiled schema.
    fn schema() -> &'static Schema;

    /// What is wrong between fields; only asked when every field by itself is right.
    fn conflicts(&self) -> Vec<Violation> {
        Vec::new()
    }
}

/// A JSON schema with our formats: `line` and `paragraphs`.
#[derive(Debug)]
pub struct Schema {
    document: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema that is part of the program.
    ///
    /// # Panics
    /// If the text is not a schema, which the first use of it shows.
    pub fn compile(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).expect("invariant: schemas are JSON");
        let validator = jsonschema::options()
            .with_format("line", is_line)
            .with_format("paragraphs", is_paragraphs)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(&document)
            .expect("invariant: schemas are valid");
        Self { document, validator }
    }

    /// The schema as published.
    pub fn document(&self) -> &Value {
        &self.document
    }
}

/// Reads a request.
///
/// # Errors
/// [`Invalid`] with the violations, sorted by field.
pub fn parse<T: Input>(body: Value) -> Result<T, Invalid> {
    let mut violations = Vec::new();
    find_nul(&body, &mut String::new(), &mut violations);
    for error in T::schema().validator.iter_errors(&body) {
        describe(&error, &mut violations);
    }
    if violations.is_empty() {
        let parsed: T = serde_json::from_value(body)
            .map_err(|error| Invalid(vec![Violation::new("type", "", error.to_string())]))?;
        violations = parsed.conflicts();
        if violations.is_empty() {
            return Ok(parsed);
        }
    }
    violations.sort_by(|a, b| (&a.path, &a.rule).cmp(&(&b.path, &b.rule)));
    violations.dedup();
    violations.truncate(MOST_VIOLATIONS);
    Err(Invalid(violations))
}

/// The violations that one schema error stands for, at the field that the caller has to mend.
fn describe(error: &ValidationError<'_>, violations: &mut Vec<Violation>) {
    let path = error.instance_path().as_str();
    let rule = error.kind().keyword();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            violations.extend(unexpected.iter().map(|name| {
                let path = format!("{path}/{}", escape(name));
                Violation::new("unknown_field", path, "there is no such field")
            }));
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let path = format!("{path}/{}", escape(name));
            violations.push(Violation::new(rule, path, "is required"));
        }
        ValidationErrorKind::Format { format } => {
            let message = match format.as_str() {
                "line" => "must be one line without control characters or surrounding white space",
                "paragraphs" => "must not be blank or hold control characters other than new lines",
                "uuid" => "must be a UUID",
                "date" => "must be a date such as 2026-01-31",
                _ => return violations.push(Violation::new(rule, path, format!("must be a {format}"))),
            };
            violations.push(Violation::new(rule, path, message));
        }
        ValidationErrorKind::Constant { expected_value } => {
            violations.push(Violation::new(rule, path, format!("must be {expected_value}")));
        }
        _ => violations.push(Violation::new(rule, path, error.masked_with("the value").to_string())),
    }
}

/// Finds NUL in strings and keys: PostgreSQL cannot store it in JSON.
fn find_nul(value: &Value, path: &mut String, violations: &mut Vec<Violation>) {
    let nul = |path: &str| Violation::new("no_nul", path, "must not hold the NUL character");
    let length = path.len();
    match value {
        Value::String(text) if text.contains('\0') => violations.push(nul(path)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("/{index}"));
                find_nul(item, path, violations);
                path.truncate(length);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                if key.contains('\0') {
                    violations.push(nul(path));
                }
                path.push_str(&format!("/{}", escape(key)));
                find_nul(member, path, violations);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A member's name as a token of a JSON pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn is_line(text: &str) -> bool {
    text.trim() == text && !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_paragraphs(text: &str) -> bool {
    let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    !text.trim().is_empty() && text.chars().all(allowed)
}
