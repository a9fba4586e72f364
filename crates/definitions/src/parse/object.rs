//! Reading objects and lists: which fields they may and must have.

use super::{At, Parser, nearest};
use crate::document::Value;

impl Parser<'_> {
    /// The entries of an object; every other value is a finding.
    pub(super) fn entries<'n>(&mut self, at: &At<'n>) -> Vec<(&'n str, At<'n>)> {
        let Value::Object(entries) = &at.node.value else {
            self.error(at, "type", format!("this must be an object, not {}", at.node.kind()), None);
            return Vec::new();
        };
        entries.iter().map(|(name, node)| (name.as_str(), At { node, pointer: at.pointer.child(name) })).collect()
    }

    /// The entries of an object that may have no other fields than the known ones.
    pub(super) fn fields<'n>(&mut self, at: &At<'n>, known: &[&str]) -> Vec<(&'n str, At<'n>)> {
        let entries = self.entries(at);
        for (name, value) in &entries {
            if !known.contains(name) {
                let hint = nearest(name, known.iter().copied())
                    .or_else(|| Some(format!("the fields here are {}", known.join(", "))));
                self.error(value, "unknown-field", format!("`{name}` is no field of this"), hint);
            }
        }
        entries
    }

    /// The items of a list; every other value is a finding.
    pub(super) fn items<'n>(&mut self, at: &At<'n>) -> Vec<At<'n>> {
        let Value::Array(items) = &at.node.value else {
            self.error(at, "type", format!("this must be a list, not {}", at.node.kind()), None);
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, node)| At { node, pointer: at.pointer.child(index) }).collect()
    }

    /// A text; every other value is a finding.
    pub(super) fn text<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        let text = at.node.text();
        if text.is_none() {
            self.error(at, "type", format!("this must be a text, not {}", at.node.kind()), None);
        }
        text
    }

    /// A boolean; every other value is a finding.
    pub(super) fn boolean(&mut self, at: &At<'_>) -> Option<bool> {
        match at.node.value {
            Value::Bool(value) => Some(value),
            _ => {
                self.error(at, "type", format!("this must be true or false, not {}", at.node.kind()), None);
                None
            }
        }
    }

    /// A whole number from 0; every other value is a finding.
    pub(super) fn count(&mut self, at: &At<'_>) -> Option<u32> {
        let number = match &at.node.value {
            Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        };
        if number.is_none() {
            self.error(at, "type", "this must be a whole number, not negative", None);
        }
        number
    }

    /// A field that must be there.
    pub(super) fn required<'n>(&mut self, at: &At<'n>, name: &str) -> Option<At<'n>> {
        let value = at.get(name);
        if value.is_none() && matches!(at.node.value, Value::Object(_)) {
            self.error(at, "missing-field", format!("`{name}` is missing"), None);
        }
        value
    }

    /// The one entry of an object, such as a named task.
    pub(super) fn single<'n>(&mut self, at: &At<'n>, what: &str) -> Option<(&'n str, At<'n>)> {
        let mut entries = self.entries(at);
        if entries.len() > 1 {
            let hint = Some("give each its own list item, beginning with `-`".to_owned());
            self.error(at, "one-entry", format!("this holds {} entries and must hold one {what}", entries.len()), hint);
        } else if entries.is_empty() && matches!(at.node.value, Value::Object(_)) {
            self.error(at, "one-entry", format!("this must hold one {what}"), None);
        }
        (entries.len() == 1).then(|| entries.remove(0))
    }
}
