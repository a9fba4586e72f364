//! `listen` and `emit`.

use super::{
    At, Parser,
    value::{Reads, delimited},
};
use crate::{Correlation, EventFilter, Listen, Match, Read, Strategy, Template};

impl Parser<'_> {
    pub(super) fn listen(&mut self, task: &At<'_>, at: &At<'_>) -> Option<Listen> {
        if let Some(foreach) = task.get("foreach") {
            self.unsupported(&foreach, "`listen.foreach`", "listen in a loop instead");
        }
        self.fields(at, &["to", "read"]);
        let read = match at.get("read") {
            None => Read::Data,
            Some(value) => match value.node.text() {
                Some("data") => Read::Data,
                Some("envelope") => Read::Envelope,
                Some("raw") => Read::Raw,
                _ => {
                    self.error(&value, "type", "`read` is one of data, envelope, raw", None);
                    return None;
                }
            },
        };
        let to = self.required(at, "to")?;
        Some(Listen { strategy: self.strategy(&to)?, read })
    }

    fn strategy(&mut self, at: &At<'_>) -> Option<Strategy> {
        self.fields(at, &["one", "any", "all", "until"]);
        if let Some(until) = at.get("until") {
            self.unsupported(&until, "`until`", "listen in a loop instead");
        }
        let given: Vec<_> = ["one", "any", "all"].into_iter().filter_map(|name| Some((name, at.get(name)?))).collect();
        let [(name, value)] = &given[..] else {
            self.error(at, "event-strategy", "this holds exactly one of `one`, `any` and `all`", None);
            return None;
        };
        if *name == "one" {
            return Some(Strategy::One(self.filter(value)));
        }
        let filters: Vec<_> = self.items(value).iter().map(|item| self.filter(item)).collect();
        if *name == "any" {
            return Some(Strategy::Any(filters));
        }
        if filters.is_empty() {
            self.error(value, "event-strategy", "`all` of no events would never end", None);
        }
        Some(Strategy::All(filters))
    }

    fn filter(&mut self, at: &At<'_>) -> EventFilter {
        self.fields(at, &["with", "correlate"]);
        let mut filter = EventFilter::default();
        if let Some(with) = self.required(at, "with") {
            let conditions = self.entries(&with);
            if conditions.is_empty() {
                self.error(&with, "event-filter", "`with` names at least one attribute", None);
            }
            for (name, value) in conditions {
                let condition = match value.node.text().and_then(delimited) {
                    Some(_) => self.expression(&value, Reads::Task).map(Match::Expression),
                    None => Some(Match::literal(value.node.json().into())),
                };
                filter.with.extend(condition.map(|condition| (name.into(), condition)));
            }
        }
        if let Some(correlate) = at.get("correlate") {
            for (key, value) in self.entries(&correlate) {
                filter.correlate.extend(self.correlation(key, &value));
            }
        }
        filter
    }

    fn correlation(&mut self, key: &str, at: &At<'_>) -> Option<Correlation> {
        self.fields(at, &["from", "expect"]);
        // An event is keyed before its run is known, so `from` sees the event alone.
        let outside = std::mem::take(&mut self.variables);
        let from = self.required(at, "from").and_then(|at| self.expression(&at, Reads::Task));
        self.variables = outside;
        if let Some(variable) = from.as_ref().and_then(|from| from.variables().next().map(str::to_owned)) {
            self.error(at, "event-filter", format!("`from` reads the event alone, not {variable}"), None);
        }
        let expect = at.get("expect").and_then(|at| self.expression(&at, Reads::Task));
        Some(Correlation { key: key.into(), from: from?, expect })
    }

    pub(super) fn emit(&mut self, at: &At<'_>) -> Option<Template> {
        self.fields(at, &["event"]);
        let event = self.required(at, "event")?;
        self.fields(&event, &["with"]);
        let with = self.required(&event, "with")?;
        self.required(&with, "source");
        self.required(&with, "type");
        Some(self.template(&with, Reads::Task))
    }
}
