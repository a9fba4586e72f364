//! `raise`, `try`, `catch` and `retry`.

use super::{At, Components, Parser, task::Names, value::Reads};
use crate::{Backoff, Catch, Delay, ErrorProperty, RetryPolicy, Template, Try, document::Value};

/// The longest exponential delay where the author names none, in milliseconds (DSL decision 15).
const HOUR_MS: i64 = 3_600_000;

impl<'n> Parser<'_> {
    pub(super) fn raise(&mut self, at: &At<'n>, components: &Components<'n>) -> Option<Template> {
        self.fields(at, &["error"]);
        let error = self.required(at, "error")?;
        let error = match error.node.text() {
            Some(name) => self.component(&error, name, &components.errors, "use.errors")?,
            None => error,
        };
        self.fields(&error, &["type", "status", "instance", "title", "detail"]);
        self.required(&error, "type");
        self.required(&error, "status");
        Some(self.template(&error, Reads::Task))
    }

    pub(super) fn attempt(
        &mut self,
        task: &At<'n>,
        at: &At<'n>,
        names: Names<'_>,
        components: &Components<'n>,
    ) -> Option<Try> {
        let body = self.list(at, components);
        let catch = self.required(task, "catch")?;
        self.fields(&catch, &["errors", "as", "when", "exceptWhen", "retry", "do", "then"]);
        let variable = catch.get("as").and_then(|at| self.text(&at)).unwrap_or("error");
        let with = catch.get("errors").map(|at| self.error_filter(&at)).unwrap_or_default();
        let then = catch.get("then").and_then(|at| self.flow(&at, names));
        let catch = self.within(&[variable], |parser| Catch {
            with,
            variable: variable.into(),
            when: catch.get("when").and_then(|at| parser.expression(&at, Reads::Task)),
            except_when: catch.get("exceptWhen").and_then(|at| parser.expression(&at, Reads::Task)),
            retry: catch.get("retry").and_then(|at| parser.retry(&at, components)),
            body: catch.get("do").map(|at| parser.list(&at, components)),
            then,
        });
        Some(Try { body, catch })
    }

    fn error_filter(&mut self, at: &At<'_>) -> Vec<(ErrorProperty, crate::Data)> {
        self.fields(at, &["with"]);
        let Some(with) = self.required(at, "with") else { return Vec::new() };
        let fields = self.fields(&with, &["type", "status", "instance", "title", "detail"]);
        let property = |name: &str| match name {
            "type" => Some(ErrorProperty::Type),
            "status" => Some(ErrorProperty::Status),
            "instance" => Some(ErrorProperty::Instance),
            "title" => Some(ErrorProperty::Title),
            "detail" => Some(ErrorProperty::Detail),
            _ => None,
        };
        fields.iter().filter_map(|(name, value)| Some((property(name)?, value.node.json().into()))).collect()
    }

    fn retry(&mut self, at: &At<'n>, components: &Components<'n>) -> Option<RetryPolicy> {
        let at = match at.node.text() {
            Some(name) => self.component(at, name, &components.retries, "use.retries")?,
            None => at.clone(),
        };
        self.fields(&at, &["when", "exceptWhen", "delay", "backoff", "limit", "jitter"]);
        let limit = at.get("limit");
        let attempt = limit.as_ref().and_then(|limit| limit.get("attempt"));
        if let Some(limit) = &limit {
            self.fields(limit, &["attempt", "duration"]);
        }
        if let Some(attempt) = &attempt {
            self.fields(attempt, &["count", "duration"]);
        }
        let field = |at: &Option<At<'n>>, name: &str| at.as_ref().and_then(|at| at.get(name));
        let (count, duration, total) =
            (field(&attempt, "count"), field(&attempt, "duration"), field(&limit, "duration"));
        Some(RetryPolicy {
            when: at.get("when").and_then(|at| self.expression(&at, Reads::Task)),
            except_when: at.get("exceptWhen").and_then(|at| self.expression(&at, Reads::Task)),
            delay: at.get("delay").and_then(|at| self.delay(&at)),
            backoff: at.get("backoff").map_or(Backoff::Constant, |at| self.backoff(&at)),
            max_retries: count.and_then(|at| self.count(&at)),
            attempt_timeout: duration.and_then(|at| self.delay(&at)),
            total_timeout: total.and_then(|at| self.delay(&at)),
            jitter: at.get("jitter").and_then(|at| self.jitter(&at)),
        })
    }

    fn jitter(&mut self, at: &At<'_>) -> Option<(Delay, Delay)> {
        self.fields(at, &["from", "to"]);
        let (from, to) = (self.required(at, "from")?, self.required(at, "to")?);
        Some((self.delay(&from)?, self.delay(&to)?))
    }

    fn backoff(&mut self, at: &At<'_>) -> Backoff {
        let Some((name, value)) = self.single(at, "kind of back-off") else { return Backoff::Constant };
        match name {
            "constant" => Backoff::Constant,
            "linear" => Backoff::Linear,
            "exponential" => self.exponential(&value),
            _ => {
                let hint = Some("one of constant, linear, exponential".to_owned());
                self.error(&value, "unknown-field", format!("`{name}` is no kind of back-off"), hint);
                Backoff::Constant
            }
        }
    }

    fn exponential(&mut self, at: &At<'_>) -> Backoff {
        let factor = at.get("factor").and_then(|at| match &at.node.value {
            Value::Number(number) => number.as_f64().filter(|factor| *factor >= 1.0),
            _ => None,
        });
        if factor.is_none() && at.get("factor").is_some() {
            self.error(at, "backoff", "`factor` must be a number, at least 1", None);
        }
        let longest = at.get("maxDelay").and_then(|at| match self.delay(&at)? {
            Delay::Fixed(delay) => Some(delay.num_milliseconds()),
            Delay::Expression(_) => {
                self.error(&at, "backoff", "`maxDelay` must be a literal duration", None);
                None
            }
        });
        Backoff::Exponential { factor: factor.unwrap_or(2.0), max_delay_ms: longest.unwrap_or(HOUR_MS) }
    }
}
