//! Values with expressions in them, durations and schemas.

use std::sync::Arc;

use super::{At, Parser};
use crate::{
    Data, Delay, Expression, Schema, Template,
    document::{Node, Value},
};

/// The variables that every expression of a task may read.
const ALWAYS: [&str; 5] = ["$context", "$input", "$task", "$workflow", "$runtime"];

/// What an expression may read besides the variables that it may always read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Nothing more.
    Task,
    /// `$output`: `output.as` and `export.as`.
    Output,
    /// `$secrets` and `$authorization`: arguments of calls, which are never kept.
    Secrets,
}

impl Parser<'_> {
    /// A field that is always an expression, with or without `${ }` (DSL X4).
    pub(super) fn expression(&mut self, at: &At<'_>, reads: Reads) -> Option<Expression> {
        match &at.node.value {
            Value::String(text) => self.compile(at, delimited(text).unwrap_or(text), reads),
            Value::Bool(value) => self.compile(at, if *value { "true" } else { "false" }, reads),
            Value::Array(_) | Value::Object(_) | Value::Number(_) | Value::Null => {
                self.error(at, "type", format!("this must be an expression, not {}", at.node.kind()), None);
                None
            }
        }
    }

    /// A value in which any text may be an expression.
    pub(super) fn template(&mut self, at: &At<'_>, reads: Reads) -> Template {
        match &at.node.value {
            Value::String(text) => match delimited(text) {
                Some(source) => match self.compile(at, source, reads) {
                    Some(expression) => Template::Expression(expression),
                    None => Template::Literal(Data::NULL),
                },
                None => {
                    self.check_literal(at, text);
                    Template::Literal(text.as_str().into())
                }
            },
            Value::Array(_) => {
                let items: Vec<_> = self.items(at).iter().map(|item| self.template(item, reads)).collect();
                fold(at.node, Template::Array(items))
            }
            Value::Object(_) => {
                let entries = self.entries(at);
                let entries = entries.iter().map(|(name, value)| ((*name).to_owned(), self.template(value, reads)));
                let entries: Vec<_> = entries.collect();
                fold(at.node, Template::Object(entries))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Template::Literal(at.node.json().into()),
        }
    }

    /// `input.from`, `output.as`, `export.as`: an expression, or an object of values.
    pub(super) fn transform(&mut self, at: &At<'_>, reads: Reads) -> Option<Template> {
        match &at.node.value {
            Value::Object(_) => Some(self.template(at, reads)),
            _ => self.expression(at, reads).map(Template::Expression),
        }
    }

    fn compile(&mut self, at: &At<'_>, source: &str, reads: Reads) -> Option<Expression> {
        let variables = self.variables.clone();
        let more: &[&str] = match reads {
            Reads::Task => &[],
            Reads::Output => &["$output"],
            Reads::Secrets => &["$secrets", "$authorization"],
        };
        let known: Vec<_> =
            ALWAYS.into_iter().chain(more.iter().copied()).chain(variables.iter().map(String::as_str)).collect();
        match Expression::compile(source.trim(), &known) {
            Ok(expression) => Some(expression),
            Err(error) => {
                let hint = error.reason().contains("variable").then(|| format!("visible here: {}", known.join(", ")));
                self.error(at, "expression", error.to_string(), hint);
                None
            }
        }
    }

    /// Texts that look as if they should have been expressions.
    fn check_literal(&mut self, at: &At<'_>, text: &str) {
        if text.contains("${") {
            let hint = "make the whole text one expression: ${ \"…\\(.name)…\" }".to_owned();
            self.warn(at, "partial-expression", "a text is an expression as a whole or not at all", Some(hint));
        } else if text.starts_with('$')
            || (text.starts_with('.') && text[1..].starts_with(|c: char| c.is_ascii_lowercase()))
        {
            let hint = format!("write ${{ {text} }} if it should be evaluated");
            self.warn(at, "literal-expression", "this looks like an expression and is taken as a text", Some(hint));
        }
    }

    /// A duration: an object, an ISO 8601 text, or an expression.
    pub(super) fn delay(&mut self, at: &At<'_>) -> Option<Delay> {
        if let Some(source) = at.node.text().and_then(delimited) {
            return self.compile(at, source, Reads::Task).map(Delay::Expression);
        }
        let parsed = match &at.node.value {
            Value::String(_) | Value::Object(_) => {
                Delay::from_data(&at.node.json().into()).map_err(|error| error.to_string())
            }
            _ => Err(format!(
                "a duration is an object such as {{ minutes: 5 }} or a text such as PT5M, not {}",
                at.node.kind()
            )),
        };
        match parsed {
            Ok(delta) => Some(Delay::Fixed(delta)),
            Err(message) => {
                self.error(at, "duration", message, None);
                None
            }
        }
    }

    /// A schema: `{ format: json, document: … }`.
    pub(super) fn schema(&mut self, at: &At<'_>) -> Option<Arc<Schema>> {
        for (name, value) in self.fields(at, &["format", "document", "resource"]) {
            match name {
                "format" if value.node.text().is_some_and(|format| format == "json" || format.starts_with("json:")) => {
                }
                "format" => self.unsupported(&value, "this schema format", "schemas are JSON schemas (`format: json`)"),
                "resource" => self.unsupported(&value, "an external schema", "write it under `document`"),
                _ => {}
            }
        }
        if at.get("resource").is_some() {
            return None;
        }
        let document = self.required(at, "document")?;
        match Schema::compile(document.node.json()) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(reason) => {
                self.error(&document, "schema", reason, None);
                None
            }
        }
    }
}

/// The expression of a text that is one as a whole.
pub(super) fn delimited(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${").and_then(|text| text.strip_suffix('}'))
}

/// A literal, if no part of the template is anything else.
fn fold(node: &Node, template: Template) -> Template {
    let literal = match &template {
        Template::Array(items) => items.iter().all(|item| matches!(item, Template::Literal(_))),
        Template::Object(entries) => entries.iter().all(|(_, value)| matches!(value, Template::Literal(_))),
        Template::Literal(_) | Template::Expression(_) | Template::Uri(_) => false,
    };
    if literal { Template::Literal(node.json().into()) } else { template }
}
