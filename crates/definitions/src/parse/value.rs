//! Values of fields: expressions, templates, durations, schemas, and the inputs and outputs made of them.

use std::sync::Arc;

use super::{At, Moment, Parsed, Parser, Refused, Scope};
use crate::{Data, Delay, Export, Expression, Input, Output, Schema, Template, UriTemplate, document::Value};

/// The expression in a text that is one as a whole: `${ … }`.
pub(super) fn embedded(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("${")?.strip_suffix('}')?;
    (!inner.trim().is_empty()).then_some(inner.trim())
}

/// Whether a text starts with a scheme, as every literal URI of the DSL does.
pub(super) fn is_uri(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

impl Parser<'_> {
    pub(super) fn compile(&mut self, at: &At<'_>, source: &str, scope: &Scope) -> Parsed<Expression> {
        Expression::compile(source, &scope.variables()).or_else(|error| {
            let secrets = error.reason().contains("unknown variable `$secrets`");
            let hint = secrets.then(|| "secrets are readable only in the arguments of a call of the host".to_owned());
            self.refuse(at, "expression", error.to_string(), hint)
        })
    }

    /// A field that is an expression with or without `${ }` (DSL X4).
    pub(super) fn expression(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Expression> {
        let text = self.text(at)?;
        self.compile(at, embedded(text).unwrap_or(text), scope)
    }

    /// Any value; a text is an expression only where it is `${ … }` as a whole.
    pub(super) fn template(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        match &at.node.value {
            Value::Text(text) => match embedded(text) {
                Some(source) => self.compile(at, source, scope).map(Template::Expression),
                None => {
                    self.warn_literal(at, text);
                    Ok(Template::Literal(text.as_str().into()))
                }
            },
            Value::List(_) => {
                let items = at.items().unwrap_or_default();
                let items: Vec<_> = items.iter().map(|item| self.template(item, scope)).collect();
                let items = items.into_iter().collect::<Parsed<Vec<_>>>()?;
                Ok(fold(at, items, Template::Array))
            }
            Value::Map(_) => {
                let entries = at.entries().unwrap_or_default();
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(name, value)| Ok(((*name).to_owned(), self.template(value, scope)?)))
                    .collect();
                let entries = entries.into_iter().collect::<Parsed<Vec<_>>>()?;
                let literal = entries.iter().all(|(_, value)| matches!(value, Template::Literal(_)));
                Ok(if literal { Template::Literal(at.node.to_data()) } else { Template::Object(entries) })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Template::Literal(at.node.to_data())),
        }
    }

    fn warn_literal(&mut self, at: &At<'_>, text: &str) {
        let mut start = text.chars();
        let looks = match (start.next(), start.next()) {
            (Some('.'), Some(next)) => next.is_ascii_alphabetic() || "_[".contains(next),
            (Some('$'), Some(next)) => next.is_ascii_alphabetic(),
            _ => false,
        };
        if looks {
            let message = format!("`{text}` is a plain text here, not an expression");
            self.warn(at, "literal-expression", message, "write `${ … }` around it to have it evaluated");
        } else if text.contains("${") {
            let message = "`${ … }` within a longer text is not evaluated".to_owned();
            self.warn(at, "partial-expression", message, r#"make the whole an expression: `${ "a \(.b)" }`"#);
        }
    }

    /// `input.from`, `output.as`, `export.as`: an expression, or an object with expressions in it.
    fn transformation(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        match at.node.value {
            Value::Text(_) => self.expression(at, scope).map(Template::Expression),
            Value::Map(_) => self.template(at, scope),
            _ => self.wrong(at, "an expression or an object"),
        }
    }

    /// A text that may be an expression.
    pub(super) fn text_template(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        self.text(at)?;
        self.template(at, scope)
    }

    /// A literal URI or an expression; placeholders are read where `placeholders` says so.
    pub(super) fn uri(&mut self, at: &At<'_>, scope: &Scope, placeholders: bool) -> Parsed<Template> {
        let text = self.text(at)?;
        if let Some(source) = embedded(text) {
            return self.compile(at, source, scope).map(Template::Expression);
        }
        if !is_uri(text) {
            let hint = "a URI starts with a scheme such as `https://`; an expression is written `${ … }`";
            return self.refuse(at, "uri", format!("`{text}` is no URI"), Some(hint.to_owned()));
        }
        match UriTemplate::parse(text) {
            Ok(Some(template)) if placeholders => Ok(Template::Uri(template)),
            Ok(_) => Ok(Template::Literal(text.into())),
            Err(_) if !placeholders => Ok(Template::Literal(text.into())),
            Err(reason) => self.refuse(at, "uri", reason, None),
        }
    }

    pub(super) fn delay(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Delay> {
        match at.text().and_then(embedded) {
            Some(source) => self.compile(at, source, scope).map(Delay::Expression),
            None => Delay::from_data(&at.node.to_data())
                .map(Delay::Fixed)
                .or_else(|error| self.refuse(at, "duration", error.to_string(), None)),
        }
    }

    pub(super) fn schema(&mut self, at: &At<'_>) -> Parsed<Arc<Schema>> {
        let mut fields = self.fields(at)?;
        if let Some(format) = fields.get("format") {
            let name = self.text(&format)?;
            if name != "json" && !name.starts_with("json:") {
                return self.unsupported(&format, &format!("the schema format `{name}`"), "use `json`");
            }
        }
        if let Some(resource) = fields.get("resource") {
            return self.unsupported(&resource, "an external schema", "put the schema under `document`");
        }
        let document = fields.require(self, "document")?;
        fields.finish(self)?;
        Schema::compile(document.node.to_json())
            .map(Arc::new)
            .or_else(|reason| self.refuse(&document, "schema", format!("the schema is not valid: {reason}"), None))
    }

    pub(super) fn input(&mut self, at: Option<At<'_>>, scope: &Scope) -> Parsed<Input> {
        let Some(at) = at else { return Ok(Input::default()) };
        let mut fields = self.fields(&at)?;
        let schema = fields.get("schema").map(|at| self.schema(&at)).transpose();
        let from = fields.get("from").map(|at| self.transformation(&at, scope)).transpose();
        fields.finish(self)?;
        Ok(Input { schema: schema?, from: from? })
    }

    pub(super) fn output(&mut self, at: Option<At<'_>>, scope: &Scope) -> Parsed<Output> {
        let (transform, schema) = self.transformed(at, scope)?;
        Ok(Output { transform, schema })
    }

    pub(super) fn export(&mut self, at: Option<At<'_>>, scope: &Scope) -> Parsed<Export> {
        let (transform, schema) = self.transformed(at, &scope.at(Moment::Export))?;
        Ok(Export { transform, schema })
    }

    fn transformed(&mut self, at: Option<At<'_>>, scope: &Scope) -> Parsed<(Option<Template>, Option<Arc<Schema>>)> {
        let Some(at) = at else { return Ok((None, None)) };
        let mut fields = self.fields(&at)?;
        let transform = fields.get("as").map(|at| self.transformation(&at, scope)).transpose();
        let schema = fields.get("schema").map(|at| self.schema(&at)).transpose();
        fields.finish(self)?;
        Ok((transform?, schema?))
    }

    /// `metadata` and its like: an object of anything.
    pub(super) fn free(&mut self, at: Option<At<'_>>) -> Parsed<Data> {
        let Some(at) = at else { return Ok(Data::object()) };
        self.map(&at)?;
        Ok(at.node.to_data())
    }

    /// A name for a variable, given with its `$`.
    pub(super) fn variable(&mut self, at: Option<&At<'_>>, default: &str) -> Parsed<String> {
        let Some(at) = at else { return Ok(format!("${default}")) };
        let name = self.text(at)?;
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            let hint = "letters, digits and `_`, without the `$`".to_owned();
            return self.refuse(at, "variable", format!("`{name}` is no name for a variable"), Some(hint));
        }
        if super::RESERVED.contains(&name) {
            return self.refuse(at, "variable", format!("`${name}` already has a meaning"), None);
        }
        Ok(format!("${name}"))
    }
}

fn fold(at: &At<'_>, items: Vec<Template>, array: impl FnOnce(Vec<Template>) -> Template) -> Template {
    let literal = items.iter().all(|item| matches!(item, Template::Literal(_)));
    if literal { Template::Literal(at.node.to_data()) } else { array(items) }
}

/// Both results, or the refusal of either, once both were read.
pub(super) fn both<A, B>(a: Parsed<A>, b: Parsed<B>) -> Result<(A, B), Refused> {
    Ok((a?, b?))
}
