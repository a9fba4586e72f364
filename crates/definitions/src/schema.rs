//! JSON schemas of inputs, outputs and contexts.
//!
//! A schema never reaches outside its own document, and its patterns run on an engine whose time is linear in the text.

use std::fmt;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};

use crate::Data;

/// Violations reported for one value.
const VIOLATIONS: usize = 20;

/// One rule of a schema that one value breaks; its text is for the caller and does not quote the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The offending value, as a JSON pointer; empty for the whole.
    pub path: String,
    /// The schema's keyword.
    pub rule: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

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
    /// The violations; at most 20.
    pub fn validate(&self, value: &Data) -> Result<(), Vec<Violation>> {
        let value = serde_json::Value::from(value);
        let violations = self.validator.iter_errors(&value).take(VIOLATIONS).map(|error| {
            let path = error.instance_path().as_str();
            let message = match path {
                "" => error.masked_with("the value").to_string(),
                path => error.masked_with(format!("`{path}`")).to_string(),
            };
            Violation { path: path.to_owned(), rule: error.kind().keyword().to_owned(), message }
        });
        let violations: Vec<_> = violations.collect();
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
        for (path, rule, secret) in [("/token", "type", "4711"), ("/name", "pattern", "S3CRET")] {
            let violation = violations.iter().find(|violation| violation.path == path).unwrap();
            assert_eq!(violation.rule, rule);
            let text = violation.to_string();
            assert!(text.starts_with(&format!("`{path}` ")) && !text.contains(secret), "{text}");
        }
        assert!(schema.validate(&Data::NULL).unwrap_err()[0].message.starts_with("the value "));
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
