//! Events: `emit`, `listen`, and the filters of both `listen` and a schedule.

use super::{At, Moment, Parsed, Parser, Refused, Scope, value::both};
use crate::{Correlation, EventFilter, Listen, Match, Read, Strategy, SubscriptionIterator, Template, Until};

impl<'a> Parser<'a> {
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

    pub(super) fn listen(&mut self, at: &At<'a>, foreach: Option<&At<'a>>, locals: &[String]) -> Parsed<Listen> {
        let mut fields = self.fields(at)?;
        let scope = Scope::task(locals);
        let to = fields.require(self, "to").and_then(|at| self.consumption(&at, &scope));
        let read = fields.get("read").map_or(Ok(Read::Data), |at| self.read(&at));
        fields.finish(self)?;
        let foreach = foreach.map(|at| self.iterator(at, locals)).transpose();
        let (((strategy, until), read), foreach) = both(both(to, read), foreach)?;
        Ok(Listen { strategy, until, read, foreach })
    }

    pub(super) fn read(&mut self, at: &At<'_>) -> Parsed<Read> {
        self.word(at, &["data", "envelope", "raw"]).map(|word| match word {
            "data" => Read::Data,
            "envelope" => Read::Envelope,
            _ => Read::Raw,
        })
    }

    /// What is done with each event of a `listen`.
    fn iterator(&mut self, at: &At<'a>, locals: &[String]) -> Parsed<SubscriptionIterator> {
        let mut fields = self.fields(at)?;
        let item = self.variable(fields.get("item").as_ref(), "item");
        let index = self.variable(fields.get("at").as_ref(), "index");
        let (item, index) = both(item, index)?;
        if item == index {
            return self.refuse(at, "variable", format!("`item` and `at` are both `{item}`"), None);
        }
        let inner: Vec<String> = locals.iter().cloned().chain([item.clone(), index.clone()]).collect();
        let scope = Scope::task(&inner);
        let body = fields.get("do").map(|at| self.tasks(&at, &inner)).transpose();
        let output = self.output(fields.get("output"), &scope);
        let export = self.export(fields.get("export"), &scope);
        fields.finish(self)?;
        let (body, (output, export)) = both(body, both(output, export))?;
        let (item, at) = (item.trim_start_matches('$').into(), index.trim_start_matches('$').into());
        Ok(SubscriptionIterator { item, at, body, output, export })
    }

    /// Which events, how many, and for how long.
    fn consumption(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<(Strategy, Option<Until>)> {
        let mut fields = self.fields(at)?;
        let (any, until) = (fields.get("any"), fields.get("until"));
        let Some(until) = until else { return self.strategy(at, scope).map(|strategy| (strategy, None)) };
        if any.is_none() {
            let hint = "`one` and `all` end by themselves".to_owned();
            return self.refuse(&until, "strategy", "`until` goes with `any` only", Some(hint));
        }
        let strategy = any.map_or(Err(Refused), |any| self.any(&any, scope));
        fields.finish(self)?;
        let until = match until.text() {
            Some(_) => self.expression(&until, scope).map(Until::Condition),
            None => self.strategy(&until, scope).map(Until::Events),
        };
        let (strategy, until) = both(strategy, until)?;
        Ok((strategy, Some(until)))
    }

    /// Which events, and how many.
    pub(super) fn strategy(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Strategy> {
        let mut fields = self.fields(at)?;
        let (one, any, all) = (fields.get("one"), fields.get("any"), fields.get("all"));
        if let Some(until) = fields.get("until") {
            let hint = "only the `any` of a `listen` has an `until`, and that one has none itself".to_owned();
            return self.refuse(&until, "strategy", "`until` has no meaning here", Some(hint));
        }
        fields.finish(self)?;
        match (one, any, all) {
            (Some(one), None, None) => self.filter(&one, scope).map(Strategy::One),
            (None, Some(any), None) => self.any(&any, scope),
            (None, None, Some(all)) => match self.filters(&all, scope)? {
                filters if filters.is_empty() => {
                    let hint = "`any: []` takes whatever event comes".to_owned();
                    self.refuse(&all, "strategy", "`all` of no events waits for nothing", Some(hint))
                }
                filters => Ok(Strategy::All(filters)),
            },
            _ => self.refuse(at, "strategy", "exactly one of `one`, `any` and `all` is expected", None),
        }
    }

    fn any(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Strategy> {
        let mut filters = self.filters(at, scope)?;
        if filters.is_empty() {
            filters.push(EventFilter::default());
        }
        Ok(Strategy::Any(filters))
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
