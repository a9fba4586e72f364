//! The text of a definition as a tree of values, each with its place in the text.
//!
//! YAML 1.2 with strict booleans: `on`, `no` and `n` are texts. A duplicate key, a second document and a text that is not
//! YAML are findings; the reader's own budgets keep hostile texts (deep, aliased without end) from exhausting the process.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::{Diagnostic, Location, Pointer, Severity};

/// The longest text that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) location: Option<Location>,
}

/// A value of a document.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Reads a document.
pub(crate) fn read(source: &str) -> Result<Node, Diagnostic> {
    if source.len() > LONGEST {
        return Err(syntax(format!("a definition has at most {LONGEST} bytes"), None));
    }
    let options = serde_saphyr::options! { strict_booleans: true };
    match serde_saphyr::from_str_with_options::<Node>(source, options) {
        Ok(node) => Ok(node),
        Err(error) => {
            let location = error.location().and_then(|location| locate(location.line(), location.column()));
            let text = error.without_snippet().to_string();
            Err(syntax(text.lines().next().unwrap_or("this is not YAML").to_owned(), location))
        }
    }
}

fn syntax(message: String, location: Option<Location>) -> Diagnostic {
    Diagnostic { severity: Severity::Error, rule: "syntax", message, hint: None, pointer: Pointer::root(), location }
}

fn locate(line: u64, column: u64) -> Option<Location> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    (line > 0).then_some(Location { line, column })
}

impl Node {
    /// The value of a field, where this is an object that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, where this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What the value is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// The value without places.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(Self::json).collect(),
            Value::Object(entries) => {
                serde_json::Value::Object(entries.iter().map(|(name, node)| (name.clone(), node.json())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value, location: locate(referenced.line(), referenced.column()) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Deserialize::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            if entries.iter().any(|(key, _)| *key == name) {
                return Err(A::Error::custom(format!("the key `{name}` is given twice")));
            }
            entries.push((name, node));
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let node = read("a: 1\nb:\n  - on\n  - { c: 1.5 }\n").unwrap();
        assert_eq!(node.json(), serde_json::json!({"a": 1, "b": ["on", {"c": 1.5}]}));
        let Value::Array(items) = &node.get("b").unwrap().value else { panic!() };
        assert_eq!(items[0].location, Some(Location { line: 3, column: 5 }));
        assert_eq!(items[1].get("c").unwrap().location, Some(Location { line: 4, column: 10 }));
    }

    #[test]
    fn what_is_not_a_document_is_located() {
        for (text, line) in [("a: 1\na: 2", 2), ("a: [1", 1), ("\n\nb: *none", 3)] {
            let finding = read(text).unwrap_err();
            assert_eq!((finding.rule, finding.location.map(|at| at.line)), ("syntax", Some(line)), "{finding}");
        }
    }

    #[test]
    fn a_text_that_grows_by_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let alias = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 9].join(", ")));
        }
        assert!(read(&text).is_err());
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
