//! A document as written: values with their place in the text. YAML 1.2 and JSON are read; sizes, nesting and aliases are
//! bounded, and a key that appears twice is refused.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use crate::{Data, Diagnostic, Location, Pointer, Severity};

/// Longest text, in bytes.
const SOURCE_BYTES: usize = 1 << 20;
/// Values in a text, those that aliases repeat included.
const NODES: usize = 100_000;

/// Values within each other.
const DEPTH: usize = 100;
/// Stack of the reader, which recurses for each level: enough for any text that keeps to [`DEPTH`].
const STACK_BYTES: usize = 64 << 20;

/// A value and where it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) location: Location,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) value: Node,
}

impl Node {
    /// Reads a text.
    pub(crate) fn parse(source: &str) -> Result<Self, Diagnostic> {
        let refuse = |message, location| Diagnostic {
            severity: Severity::Error,
            rule: "syntax",
            message,
            hint: None,
            pointer: Pointer::root(),
            location,
        };
        if source.len() > SOURCE_BYTES {
            return Err(refuse(format!("the text is longer than {SOURCE_BYTES} bytes"), None));
        }
        let options = || {
            serde_saphyr::options! {
                strict_booleans: true,
                with_snippet: false,
                budget: serde_saphyr::budget! { max_nodes: NODES, max_events: 4 * NODES, max_documents: 1, max_depth: DEPTH },
                alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES },
            }
        };
        let read = || serde_saphyr::from_str_with_options::<Self>(source, options());
        let thread = std::thread::Builder::new().name("document".to_owned()).stack_size(STACK_BYTES);
        let result = std::thread::scope(|scope| {
            thread.spawn_scoped(scope, read).map(|thread| thread.join()).map_err(|error| error.to_string())
        });
        match result {
            Ok(Ok(Ok(node))) => Ok(node),
            Ok(Ok(Err(error))) => {
                let location = error.location().map(|location| locate(&location));
                Err(refuse(error.to_string(), location))
            }
            Ok(Err(_)) => Err(refuse("the YAML reader failed on the text".to_owned(), None)),
            Err(error) => Err(refuse(format!("no thread to read the text: {error}"), None)),
        }
    }

    /// The value without its places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(value) => Json::Number(value.clone()),
            Value::Text(value) => Json::String(value.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.name.clone(), entry.value.to_json())).collect::<Json>()
            }
        }
    }

    pub(crate) fn to_data(&self) -> Data {
        self.to_json().into()
    }

    /// The kind of the value, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "empty",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }
}

fn locate(location: &serde_saphyr::Location) -> Location {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Location { line: number(location.line()), column: number(location.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, location: locate(&spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom(format!("{value} is no number of JSON")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            map.push(Entry { name: key.value, location: locate(&key.referenced), value: entries.next_value()? });
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_place() {
        let node = Node::parse("a:\n  - b: ü\n    c: [1, x]\n").unwrap();
        assert_eq!(node.to_json().to_string(), r#"{"a":[{"b":"ü","c":[1,"x"]}]}"#);
        let Value::Map(entries) = &node.value else { panic!("{node:?}") };
        let Value::List(items) = &entries[0].value.value else { panic!("{node:?}") };
        let Value::Map(entries) = &items[0].value else { panic!("{node:?}") };
        assert_eq!(entries[1].location, Location { line: 3, column: 5 });
        assert_eq!(entries[1].value.location, Location { line: 3, column: 8 });
    }

    #[test]
    fn json_is_read_and_words_are_not_booleans() {
        assert_eq!(
            Node::parse("{\"a\": [true, null, 1.5]}").unwrap().to_json().to_string(),
            r#"{"a":[true,null,1.5]}"#
        );
        assert_eq!(
            Node::parse("on: no\nat: n\nn: 17").unwrap().to_json().to_string(),
            r#"{"on":"no","at":"n","n":17}"#
        );
    }

    #[test]
    fn bad_texts_are_refused_with_their_place() {
        let error = Node::parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.location.map(|location| location.line), Some(3), "{error}");
        for text in ["a: [1", "a: b: c", "a: *missing", "--- 1\n--- 2\n", "a: .nan", "\u{0}"] {
            assert!(Node::parse(text).is_err(), "{text:?}");
        }
        assert!(Node::parse(&"a".repeat(SOURCE_BYTES + 1)).is_err());
        assert!(Node::parse(&"[".repeat(50_000)).is_err());
        assert!(Node::parse(&format!("{}1", "- ".repeat(50_000))).is_err());
    }

    /// Nesting may not overflow the stack, which would end the process.
    #[test]
    fn nesting_is_bounded() {
        assert!(Node::parse(&format!("{}{}", "[".repeat(90), "]".repeat(90))).is_ok());
        for unit in ["[", "- ", "{a: ", "? ", "- - [", "a: &x ["] {
            assert!(Node::parse(&format!("{}1", unit.repeat(50_000))).is_err(), "{unit}");
        }
    }

    #[test]
    fn aliases_cannot_blow_up() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(Node::parse(&bomb).is_err());
    }
}
