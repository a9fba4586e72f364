//! JSON schemas of inputs, outputs and contexts.
//!
//! A schema never reaches outside its own document, and its patterns run on an engine whose time is linear in the text.

use std::fmt;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};

use crate::Data;

/// Violations reported for one value.
const VIOLATIONS: usize = 20;

/// A compiled JSON schema.
pub struct Schema {
    document: serde_json::Value,
    validator: Validator,
}

/// Refuses what a `$ref` finds outside the document.
struct Offline;

impl Retrieve for Offline {
    fn retrieve(&self, uri: &Uri<String>) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`$ref: {uri}` refers to another document: put what it needs under `$defs`").into())
    }
}

impl Schema {
    /// Compiles a schema document; references to other documents are refused.
    ///
    /// # Errors
    /// What is wrong with the schema, for the author.
    ///
    /// ```
    /// use definitions::{Data, Schema};
    ///
    /// let schema = Schema::compile(serde_json::json!({"type": "object", "required": ["name"]}))?;
    /// assert!(schema.validate(&Data::object()).is_err());
    /// # Ok::<(), String>(())
    /// ```
    pub fn compile(document: serde_json::Value) -> Result<Self, String> {
        let options = jsonschema::options().with_retriever(Offline).with_pattern_options(PatternOptions::regex());
        let validator = options.build(&document).map_err(|error| match error.instance_path().as_str() {
            "" => error.to_string(),
            path => format!("{error} (at {path} of the schema)"),
        })?;
        Ok(Self { document, validator })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Each violation with the pointer of the offending value, for the caller; at most 20. Values are not quoted.
    pub fn validate(&self, value: &Data) -> Result<(), Vec<String>> {
        let value = serde_json::Value::from(value);
        let violations =
            self.validator.iter_errors(&value).take(VIOLATIONS).map(|error| match error.instance_path().as_str() {
                "" => error.masked_with("the value").to_string(),
                path => error.masked_with(format!("`{path}`")).to_string(),
            });
        let violations: Vec<String> = violations.collect();
        if violations.is_empty() { Ok(()) } else { Err(violations) }
    }

    /// The schema as written.
    #[must_use]
    pub fn document(&self) -> &serde_json::Value {
        &self.document
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.document)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn violations_name_the_place_and_not_the_value() {
        let schema = Schema::compile(json!({
            "type": "object",
            "required": ["name"],
            "properties": {"token": {"type": "string"}, "name": {"pattern": "^[a-z]+$"}},
        }))
        .unwrap();
        assert_eq!(schema.validate(&Data::from(json!({"name": "abc"}))), Ok(()));
        let violations = schema.validate(&Data::from(json!({"token": 4711, "name": "S3CRET"}))).unwrap_err();
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(
            violations.iter().any(|text| text.starts_with("`/token` ") && !text.contains("4711")),
            "{violations:?}"
        );
        assert!(
            violations.iter().any(|text| text.starts_with("`/name` ") && !text.contains("S3CRET")),
            "{violations:?}"
        );
        assert!(schema.validate(&Data::NULL).unwrap_err()[0].starts_with("the value "));
    }

    #[test]
    fn at_most_twenty_violations_are_reported() {
        let schema = Schema::compile(json!({"items": {"type": "string"}})).unwrap();
        let value = Data::from(json!(vec![1; 50]));
        assert_eq!(schema.validate(&value).unwrap_err().len(), VIOLATIONS);
    }

    #[test]
    fn schemas_are_checked_when_compiled() {
        for (schema, part) in [
            (json!({"type": "strnig"}), "strnig"),
            (json!({"$ref": "https://example.com/a.json"}), "another document"),
            (json!({"$ref": "file:///etc/passwd"}), "another document"),
            (json!({"pattern": "(?=a)b"}), "(?=a)b"),
            (json!({"$ref": "#/$defs/missing"}), "missing"),
        ] {
            let error = Schema::compile(schema.clone()).unwrap_err();
            assert!(error.contains(part), "{schema}: {error}");
        }
    }

    #[test]
    fn recursive_schemas_end() {
        let list = json!({"properties": {"next": {"$ref": "#"}}, "required": ["n"]});
        let schema = Schema::compile(list).unwrap();
        assert!(schema.validate(&Data::from(json!({"n": 1, "next": {"n": 2, "next": {}}}))).is_err());
        if let Ok(endless) = Schema::compile(json!({"$ref": "#"})) {
            drop(endless.validate(&Data::NULL));
        }
    }
}
