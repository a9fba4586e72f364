//! The fields of an object, each taken once; what is left is unknown.

use std::fmt::Write as _;

use super::{At, Parsed, Parser, Refused};
use crate::document::{Entry, Value};

/// How alike a name must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.8;

/// The object at a place and the names that were asked for.
pub(super) struct Fields<'n> {
    at: At<'n>,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&mut self, name: &'static str) -> Option<At<'n>> {
        self.known.push(name);
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(At { node: &entry.value, pointer: self.at.pointer.child(name) })
    }

    pub(super) fn require(&mut self, parser: &mut Parser<'_>, name: &'static str) -> Parsed<At<'n>> {
        match self.get(name) {
            Some(at) => Ok(at),
            None => parser.refuse(&self.at, "missing-property", format!("`{name}` is missing"), None),
        }
    }

    /// Reports every field that nobody asked for.
    pub(super) fn finish(self, parser: &mut Parser<'_>) -> Parsed<()> {
        let unknown: Vec<_> = self.entries.iter().filter(|entry| !self.known.contains(&&*entry.name)).collect();
        for entry in &unknown {
            let mut hint = suggestion(&entry.name, self.known.iter().copied()).unwrap_or_default();
            if hint.is_empty() {
                write!(hint, "known are {}", self.known.join(", ")).map_err(|_| Refused)?;
            }
            let message = format!("`{}` is not a property here", entry.name);
            let pointer = self.at.pointer.child(&entry.name);
            let _ = parser.refuse_at::<()>(pointer, entry.location, "unknown-property", message, Some(hint));
        }
        if unknown.is_empty() { Ok(()) } else { Err(Refused) }
    }
}

/// "did you mean" the name that is most like the given one.
pub(super) fn suggestion<'s>(name: &str, known: impl IntoIterator<Item = &'s str>) -> Option<String> {
    let alike = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let (likeness, best) = alike.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= ALIKE).then(|| format!("did you mean `{best}`?"))
}

impl Parser<'_> {
    pub(super) fn fields<'n>(&mut self, at: &At<'n>) -> Parsed<Fields<'n>> {
        match &at.node.value {
            Value::Map(entries) => Ok(Fields { at: at.clone(), entries, known: Vec::new() }),
            _ => self.wrong(at, "an object"),
        }
    }

    /// Reports a value of a wrong kind.
    pub(super) fn wrong<T>(&mut self, at: &At<'_>, expected: &str) -> Parsed<T> {
        self.refuse(at, "type", format!("{expected} is expected, this is {}", at.node.kind()), None)
    }

    pub(super) fn text<'n>(&mut self, at: &At<'n>) -> Parsed<&'n str> {
        at.text().map_or_else(|| self.wrong(at, "a text"), Ok)
    }

    pub(super) fn boolean(&mut self, at: &At<'_>) -> Parsed<bool> {
        match at.node.value {
            Value::Bool(value) => Ok(value),
            _ => self.wrong(at, "`true` or `false`"),
        }
    }

    pub(super) fn integer(&mut self, at: &At<'_>) -> Parsed<i64> {
        at.node.to_data().as_i64().map_or_else(|| self.wrong(at, "a whole number"), Ok)
    }

    pub(super) fn list<'n>(&mut self, at: &At<'n>) -> Parsed<Vec<At<'n>>> {
        at.items().map_or_else(|| self.wrong(at, "a list"), Ok)
    }

    pub(super) fn map<'n>(&mut self, at: &At<'n>) -> Parsed<Vec<(&'n str, At<'n>)>> {
        at.entries().map_or_else(|| self.wrong(at, "an object"), Ok)
    }

    /// The single entry of an object: a named task or a named case.
    pub(super) fn named<'n>(&mut self, at: &At<'n>, what: &str) -> Parsed<(&'n str, At<'n>)> {
        let mut entries = self.map(at)?;
        match (entries.pop(), entries.pop()) {
            (Some(entry), None) => Ok(entry),
            (_, Some((second, _))) => {
                let hint = format!("start `{second}` with a dash of its own");
                self.refuse(at, "one-name", format!("an item holds one {what}"), Some(hint))
            }
            (None, None) => self.refuse(at, "one-name", format!("an item holds one {what}: it is empty"), None),
        }
    }

    /// One of the given words.
    pub(super) fn word<'w>(&mut self, at: &At<'_>, words: &[&'w str]) -> Parsed<&'w str> {
        let text = self.text(at)?;
        match words.iter().find(|word| **word == text) {
            Some(word) => Ok(word),
            None => {
                let hint = suggestion(text, words.iter().copied());
                self.refuse(at, "value", format!("`{text}` is none of {}", words.join(", ")), hint)
            }
        }
    }
}
