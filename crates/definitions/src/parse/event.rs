//! Events: `emit`, `listen`, and the filters of both `listen` and a schedule.

use super::{At, Moment, Parsed, Parser, Scope, value::both};
use crate::{Correlation, EventFilter, Listen, Match, Read, Strategy, Template};

impl Parser<'_> {
    pub(super) fn emit(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let event = fields.require(self, "event");
        fields.finish(self)?;
        let event = event?;
        let mut fields = self.fields(&event)?;
        let with = fields.require(self, "with");
        fields.finish(self)?;
        let with = with?;
        self.map(&with)?;
        let mut fields = self.fields(&with)?;
        let source = fields.require(self, "source").and_then(|at| self.uri(&at, scope, false));
        let kind = fields.require(self, "type").and_then(|at| self.text(&at));
        let texts = ["id", "time", "subject", "datacontenttype"]
            .map(|name| fields.get(name).map(|at| self.text(&at)).transpose());
        let schema = fields.get("dataschema").map(|at| self.uri(&at, scope, false)).transpose();
        both(both(source, kind), schema)?;
        texts.into_iter().collect::<Parsed<Vec<_>>>()?;
        self.template(&with, scope)
    }

    pub(super) fn listen(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Listen> {
        let mut fields = self.fields(at)?;
        let strategy = fields.require(self, "to").and_then(|at| self.strategy(&at, scope));
        let read = match fields.get("read") {
            None => Ok(Read::Data),
            Some(at) => self.word(&at, &["data", "envelope", "raw"]).map(|word| match word {
                "data" => Read::Data,
                "envelope" => Read::Envelope,
                _ => Read::Raw,
            }),
        };
        fields.finish(self)?;
        let (strategy, read) = both(strategy, read)?;
        Ok(Listen { strategy, read })
    }

    /// Which events, and how many.
    pub(super) fn strategy(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Strategy> {
        let mut fields = self.fields(at)?;
        let (one, any, all) = (fields.get("one"), fields.get("any"), fields.get("all"));
        if let Some(until) = fields.get("until") {
            return self.unsupported(&until, "`until`", "go back to the `listen` from a `switch` until enough came");
        }
        fields.finish(self)?;
        match (one, any, all) {
            (Some(one), None, None) => self.filter(&one, scope).map(Strategy::One),
            (None, Some(any), None) => self.filters(&any, scope).map(Strategy::Any),
            (None, None, Some(all)) => self.filters(&all, scope).map(Strategy::All),
            _ => self.refuse(at, "strategy", "exactly one of `one`, `any` and `all` is expected", None),
        }
    }

    fn filters(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Vec<EventFilter>> {
        let items = self.list(at)?;
        let filters: Vec<_> = items.iter().map(|item| self.filter(item, scope)).collect();
        filters.into_iter().collect()
    }

    fn filter(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<EventFilter> {
        let mut fields = self.fields(at)?;
        let with = fields.require(self, "with").and_then(|at| {
            let attributes = self.map(&at)?;
            if attributes.is_empty() {
                let hint = "name at least the `type`".to_owned();
                return self.refuse(&at, "value", "the filter is empty", Some(hint));
            }
            let with: Vec<_> = attributes.iter().map(|(name, at)| self.condition(name, at, scope)).collect();
            Ok(attributes
                .iter()
                .map(|(name, _)| (*name).into())
                .zip(with.into_iter().collect::<Parsed<Vec<_>>>()?)
                .collect())
        });
        let correlate = match fields.get("correlate") {
            None => Ok(Vec::new()),
            Some(at) => self.map(&at).and_then(|keys| {
                let keys: Vec<_> = keys.iter().map(|(key, at)| self.correlation(key, at, scope)).collect();
                keys.into_iter().collect()
            }),
        };
        fields.finish(self)?;
        let (with, correlate) = both(with, correlate)?;
        Ok(EventFilter { with, correlate })
    }

    fn condition(&mut self, name: &str, at: &At<'_>, scope: &Scope) -> Parsed<Match> {
        match name {
            "id" | "type" | "subject" | "time" | "datacontenttype" => drop(self.text(at)?),
            "source" | "dataschema" => drop(self.uri(at, scope, false)?),
            _ => {}
        }
        match self.template(at, scope)? {
            Template::Literal(value) => Ok(Match::literal(value)),
            Template::Expression(expression) => Ok(Match::Expression(expression)),
            Template::Object(_) | Template::Array(_) | Template::Uri(_) => {
                let hint = "write one expression on the whole: `${ .a == $context.b }`";
                self.unsupported(at, "an expression within a value to compare with", hint)
            }
        }
    }

    fn correlation(&mut self, key: &str, at: &At<'_>, scope: &Scope) -> Parsed<Correlation> {
        let envelope = Scope { moment: Moment::Envelope, locals: Vec::new() };
        let mut fields = self.fields(at)?;
        let from = fields.require(self, "from").and_then(|at| self.expression(&at, &envelope));
        let expect = fields.get("expect").map(|at| self.expression(&at, scope)).transpose();
        fields.finish(self)?;
        let (from, expect) = both(from, expect)?;
        Ok(Correlation { key: key.into(), from, expect })
    }
}
