//! Errors: `raise`, `try`, what it catches, and how it tries again.

use super::{At, Parsed, Parser, Scope, fields::Fields, value::both};
use crate::{Backoff, Catch, Data, Delay, ErrorProperty, RetryPolicy, Template, Try, document::Value};

/// One hour: the longest delay of an exponential backoff that names none (DSL decision 15).
const MAX_DELAY_MS: i64 = 3_600_000;

impl<'a> Parser<'a> {
    pub(super) fn raise(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let error = fields.require(self, "error");
        fields.finish(self)?;
        let error = self.component(&error?, "errors")?;
        self.error(&error, scope)
    }

    /// The properties of an error that is raised.
    pub(super) fn error(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let kind = fields.require(self, "type").and_then(|at| self.uri(&at, scope, false));
        let status = fields.require(self, "status").and_then(|at| self.integer(&at));
        let texts = ["instance", "title", "detail"].map(|name| {
            let template = fields.get(name).map(|at| self.text_template(&at, scope)).transpose();
            template.map(|template| template.map(|template| (name.to_owned(), template)))
        });
        fields.finish(self)?;
        let (kind, status) = both(kind, status)?;
        let mut entries = vec![("type".to_owned(), kind), ("status".to_owned(), Template::Literal(status.into()))];
        for text in texts {
            entries.extend(text?);
        }
        Ok(Template::Object(entries))
    }

    pub(super) fn try_catch(
        &mut self,
        tasks: &At<'a>,
        catch: &At<'a>,
        siblings: &[&str],
        locals: &[String],
    ) -> Parsed<Try> {
        let body = self.tasks(tasks, locals);
        let catch = self.catch(catch, siblings, locals);
        let (body, catch) = both(body, catch)?;
        Ok(Try { body, catch })
    }

    fn catch(&mut self, at: &At<'a>, siblings: &[&str], locals: &[String]) -> Parsed<Catch> {
        let mut fields = self.fields(at)?;
        let with = fields.get("errors").map_or(Ok(Vec::new()), |at| self.error_filter(&at));
        let variable = self.variable(fields.get("as").as_ref(), "error")?;
        let inner: Vec<String> = locals.iter().cloned().chain([variable.clone()]).collect();
        let scope = Scope::task(&inner);
        let when = fields.get("when").map(|at| self.expression(&at, &scope)).transpose();
        let except_when = fields.get("exceptWhen").map(|at| self.expression(&at, &scope)).transpose();
        let retry = match fields.get("retry") {
            Some(at) => self.component(&at, "retries").and_then(|at| self.retry(&at, &scope)).map(Some),
            None => Ok(None),
        };
        let body = fields.get("do").map(|at| self.tasks(&at, &inner)).transpose();
        // No released version of the DSL has `catch.then`; the next one does (DSL K17).
        let then = fields.get("then").map(|at| self.flow(&at, siblings)).transpose();
        fields.finish(self)?;
        let ((with, when), (except_when, retry)) = both(both(with, when), both(except_when, retry))?;
        let variable = variable.trim_start_matches('$').into();
        Ok(Catch { with, variable, when, except_when, retry, body: body?, then: then? })
    }

    fn error_filter(&mut self, at: &At<'_>) -> Parsed<Vec<(ErrorProperty, Data)>> {
        let mut fields = self.fields(at)?;
        let with = fields.get("with");
        fields.finish(self)?;
        let Some(with) = with else { return Ok(Vec::new()) };
        let properties = self.map(&with)?;
        if properties.is_empty() {
            return self.refuse(
                &with,
                "value",
                "the filter is empty",
                Some("leave out `errors` to catch all".to_owned()),
            );
        }
        let filter: Vec<_> = properties.iter().map(|(name, at)| self.error_property(name, at)).collect();
        filter.into_iter().collect()
    }

    fn error_property(&mut self, name: &str, at: &At<'_>) -> Parsed<(ErrorProperty, Data)> {
        let property = match name {
            "type" => ErrorProperty::Type,
            "status" => return Ok((ErrorProperty::Status, self.integer(at)?.into())),
            "instance" => ErrorProperty::Instance,
            "title" => ErrorProperty::Title,
            "detail" | "details" => ErrorProperty::Detail,
            _ => {
                let hint = "known are type, status, instance, title, details".to_owned();
                return self.refuse(at, "unknown-property", format!("`{name}` is no property of an error"), Some(hint));
            }
        };
        let text = self.text(at)?;
        if super::value::embedded(text).is_some() {
            let hint = "compare with `when`".to_owned();
            return self.refuse(at, "value", "a filter of errors is literal", Some(hint));
        }
        Ok((property, text.into()))
    }

    pub(super) fn retry(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<RetryPolicy> {
        let mut fields = self.fields(at)?;
        let when = fields.get("when").map(|at| self.expression(&at, scope)).transpose();
        let except_when = fields.get("exceptWhen").map(|at| self.expression(&at, scope)).transpose();
        let delay = fields.get("delay").map(|at| self.delay(&at, scope)).transpose();
        let backoff = fields.get("backoff").map_or(Ok(Backoff::Constant), |at| self.backoff(&at));
        let limit = fields.get("limit").map_or(Ok((None, None, None)), |at| self.limit(&at, scope));
        let jitter = fields.get("jitter").map(|at| self.jitter(&at, scope)).transpose();
        fields.finish(self)?;
        let ((when, except_when), (delay, backoff)) = both(both(when, except_when), both(delay, backoff))?;
        let ((max_retries, attempt_timeout, total_timeout), jitter) = both(limit, jitter)?;
        Ok(RetryPolicy { when, except_when, delay, backoff, max_retries, attempt_timeout, total_timeout, jitter })
    }

    fn backoff(&mut self, at: &At<'_>) -> Parsed<Backoff> {
        let mut fields = self.fields(at)?;
        let kinds = ["constant", "linear", "exponential"];
        let mut present: Vec<_> = kinds.into_iter().filter_map(|kind| Some((kind, fields.get(kind)?))).collect();
        fields.finish(self)?;
        let (Some((kind, parameters)), None) = (present.pop(), present.pop()) else {
            return self.refuse(at, "backoff", "one of constant, linear or exponential is expected", None);
        };
        let mut fields = self.fields(&parameters)?;
        let backoff = match kind {
            "constant" => Backoff::Constant,
            "linear" => Backoff::Linear,
            _ => self.exponential(&mut fields)?,
        };
        fields.finish(self)?;
        Ok(backoff)
    }

    fn exponential(&mut self, fields: &mut Fields<'_>) -> Parsed<Backoff> {
        let factor = match fields.get("factor") {
            None => 2.0,
            Some(at) => match &at.node.value {
                Value::Number(number) if number.as_f64().is_some_and(|factor| (1.0..=1000.0).contains(&factor)) => {
                    number.as_f64().unwrap_or(2.0)
                }
                _ => return self.refuse(&at, "backoff", "the factor is a number from 1 to 1000", None),
            },
        };
        let max_delay_ms = match fields.get("maxDelay") {
            None => MAX_DELAY_MS,
            Some(at) => match Delay::from_data(&at.node.to_data()) {
                Ok(span) => span.num_milliseconds(),
                Err(error) => return self.refuse(&at, "backoff", error.to_string(), None),
            },
        };
        Ok(Backoff::Exponential { factor, max_delay_ms })
    }

    /// Retries at most, the time of one try, and the time of all.
    fn limit(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<(Option<u32>, Option<Delay>, Option<Delay>)> {
        let mut fields = self.fields(at)?;
        let attempt = fields.get("attempt");
        let total = fields.get("duration").map(|at| self.delay(&at, scope)).transpose();
        fields.finish(self)?;
        let Some(attempt) = attempt else { return Ok((None, None, total?)) };
        let mut fields = self.fields(&attempt)?;
        let count = match fields.get("count") {
            None => Ok(None),
            Some(at) => match self.integer(&at).map(u32::try_from) {
                Ok(Ok(count)) => Ok(Some(count)),
                Ok(Err(_)) => self.refuse(&at, "value", "the count is a number from 0", None),
                Err(refused) => Err(refused),
            },
        };
        let each = fields.get("duration").map(|at| self.delay(&at, scope)).transpose();
        fields.finish(self)?;
        Ok((count?, each?, total?))
    }

    fn jitter(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<(Delay, Delay)> {
        let mut fields = self.fields(at)?;
        let from = fields.require(self, "from").and_then(|at| self.delay(&at, scope));
        let to = fields.require(self, "to").and_then(|at| self.delay(&at, scope));
        fields.finish(self)?;
        let (from, to) = both(from, to)?;
        if let (Delay::Fixed(least), Delay::Fixed(greatest)) = (&from, &to)
            && least > greatest
        {
            return self.refuse(at, "value", "`from` is longer than `to`", None);
        }
        Ok((from, to))
    }
}
