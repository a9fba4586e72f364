//! JSON from outside, read strictly: what two parsers could understand differently is refused before anything acts on it.
//!
//! Refused: duplicate names (parsers disagree on which wins), U+0000 in names and texts (PostgreSQL cannot keep it), nesting
//! deeper than [`MAX_DEPTH`], lone surrogates, and anything after the value. Called for API bodies, webhooks and CloudEvents.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// JSON that is not read; the text says where and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the body is not acceptable JSON: {0}")]
pub struct Error(String);

/// Reads one JSON value.
///
/// # Errors
/// What is refused, with its line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer).map_err(|error| Error(error.to_string()))?;
    deserializer.end().map_err(|error| Error(error.to_string()))?;
    Ok(value)
}

/// A value at some depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

fn storable<E: serde::de::Error>(text: &str) -> Result<&str, E> {
    if text.contains('\0') { Err(E::custom("the character U+0000 cannot be stored")) } else { Ok(text) }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        storable(value).map(Value::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut entries = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            storable::<A::Error>(&name)?;
            if entries.contains_key(&name) {
                return Err(A::Error::custom(format!("the name `{name}` occurs twice in one object")));
            }
            entries.insert(name, access.next_value_seed(inner)?);
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ordinary_json_keeps_its_value_and_order() {
        let text = r#" {"b": [1, -2, 2.5, "é\n", null], "a": {"c": true}} "#;
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(value, json!({"b": [1, -2, 2.5, "é\n", null], "a": {"c": true}}));
        assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        let refused = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        assert!(refused(r#"{"a": 1, "a": 2}"#).contains("`a` occurs twice"));
        assert!(refused(r#"{"a": "x\u0000y"}"#).contains("U+0000"));
        assert!(refused(r#"{"x\u0000": 1}"#).contains("U+0000"));
        assert!(refused(r#""\ud800x""#).contains("hex escape"), "a lone surrogate");
        assert!(refused("{} {}").contains("trailing"));
        assert!(refused("").contains("EOF"));
        assert!(refused("NaN").contains("expected"));
    }

    #[test]
    fn depth_is_bounded_exactly() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().to_string().contains("nested deeper"));
        assert!(parse(nested(200_000).as_bytes()).is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(parse(b"\"\xff\"").is_err());
    }
}
