//! Identifiers: one newtype each, so that two of them cannot be swapped.

use std::fmt;

use definitions::{Data, Pointer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Declares identifiers: newtypes of a UUID that are written and read as it is.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub ::uuid::Uuid);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A run.
    RunId,
    /// An organisation: the tenant that every row belongs to.
    OrgId,
    /// An AI agent, allocated when its creation is requested (REQUIREMENTS A10).
    AgentId,
}

impl RunId {
    /// The run that a step of this run starts: the same on every replay.
    #[must_use]
    pub fn child(self, step: &Step) -> Self {
        Self(Uuid::new_v5(&self.0, step.to_string().as_bytes()))
    }
}

/// One visit of a task: what a call, a timer, a subscription or a child belongs to.
///
/// Back-jumps, iterations and rounds of `try` each make a visit of their own; the attempts of one call do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The task.
    pub pointer: Pointer,
    /// From 0.
    pub visit: u32,
}

impl Step {
    /// What a function is told so that it can recognise a repetition: `<run>/<pointer>/<visit>`.
    #[must_use]
    pub fn idempotency_key(&self, run: RunId) -> String {
        format!("{run}{self}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pointer, self.visit)
    }
}

/// SHA-256 over a call's input, independent of the order of object keys; in hexadecimal, shortened to 128 bits.
///
/// A replay that computes another input than the recorded one must not take the recorded result for its own.
#[must_use]
pub fn input_hash(input: &Data) -> String {
    let mut hasher = Sha256::new();
    hash_value(&serde_json::Value::from(input), &mut hasher);
    hex::encode(&hasher.finalize()[..16])
}

fn hash_value(value: &serde_json::Value, hasher: &mut Sha256) {
    use serde_json::Value;
    match value {
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                hash_value(item, hasher);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        Value::Object(entries) => {
            let mut names: Vec<_> = entries.keys().collect();
            names.sort();
            hasher.update(b"{");
            for name in names {
                hasher.update(Value::from(name.as_str()).to_string());
                hasher.update(b":");
                hash_value(&entries[name], hasher);
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => hasher.update(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_input_hash_ignores_key_order_and_nothing_else() {
        let hash = |value: serde_json::Value| input_hash(&value.into());
        assert_eq!(hash(json!({"a": 1, "b": [2]})), hash(json!({"b": [2], "a": 1})));
        assert_ne!(hash(json!({"a": 1})), hash(json!({"a": "1"})));
        assert_ne!(hash(json!([[1], 2])), hash(json!([[1, 2]])));
    }

    #[test]
    fn children_and_keys_differ_by_visit() {
        let run = RunId(Uuid::nil());
        let step = |visit| Step { pointer: "/do/0/a".into(), visit };
        assert_ne!(run.child(&step(0)), run.child(&step(1)));
        assert_eq!(step(2).idempotency_key(run), "00000000-0000-0000-0000-000000000000/do/0/a/2");
    }
}
