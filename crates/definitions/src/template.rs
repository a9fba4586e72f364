//! Values with expressions in them: `set`, call arguments, event attributes, `output.as` objects.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Data, Evaluator, Expression, ExpressionError};

/// What simple expansion encodes: all but the unreserved characters (RFC 6570, section 3.2.2).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value in which any string may be an expression.
#[derive(Debug, Clone)]
pub enum Template {
    /// A value without expressions.
    Literal(Data),
    /// An expression, evaluated on the task's data.
    Expression(Expression),
    /// A URI with `{name}` placeholders.
    Uri(UriTemplate),
    /// An object; entries in the order written.
    Object(Vec<(String, Self)>),
    /// An array.
    Array(Vec<Self>),
}

/// A URI template of RFC 6570, simple expansion only (DSL X3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplate {
    /// Literal text and, after it, the name of the placeholder that follows, if one does.
    pub parts: Vec<(String, Option<String>)>,
}

impl Template {
    /// Evaluates every expression on `input`, reading variables through `bind`.
    ///
    /// # Errors
    /// The first expression that fails, or a placeholder whose value is no scalar.
    pub fn evaluate(
        &self,
        input: &Data,
        bind: &dyn Fn(&str) -> Data,
        evaluator: &dyn Evaluator,
    ) -> Result<Data, ExpressionError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(input, bind, evaluator),
            Self::Uri(template) => template.expand(input),
            Self::Object(entries) => {
                let entries =
                    entries.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(input, bind, evaluator)?)));
                entries.collect::<Result<Vec<_>, _>>().map(Data::from_entries)
            }
            Self::Array(items) => {
                let items = items.iter().map(|item| item.evaluate(input, bind, evaluator));
                items.collect::<Result<Vec<_>, _>>().map(Data::array)
            }
        }
    }
}

impl UriTemplate {
    /// Reads a literal; `None` where it has no placeholder, and so is an ordinary text.
    ///
    /// # Errors
    /// A placeholder that does not end, that is empty, or that uses more of RFC 6570 than its simple expansion.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, after) = tail.split_once('}').ok_or("a placeholder is not closed with `}`")?;
            if name.is_empty() {
                return Err("a placeholder is empty".to_owned());
            }
            if name.starts_with(['+', '#', '.', '/', ';', '?', '&']) || name.contains(['{', ',', '*', ':']) {
                return Err(format!(
                    "`{{{name}}}` is not supported: only `{{name}}` is, a top-level field of the input"
                ));
            }
            parts.push((literal.to_owned(), Some(name.to_owned())));
            rest = after;
        }
        if parts.is_empty() {
            return Ok(None);
        }
        if !rest.is_empty() {
            parts.push((rest.to_owned(), None));
        }
        Ok(Some(Self { parts }))
    }

    /// Fills in the placeholders from the top-level fields of `input`, percent-encoded; one that is missing or `null` becomes
    /// the empty string. Expression arguments are not available here (DSL X3), so there is nothing to bind.
    ///
    /// # Errors
    /// A placeholder whose value is an object or an array.
    pub fn expand(&self, input: &Data) -> Result<Data, ExpressionError> {
        let mut uri = String::new();
        for (literal, name) in &self.parts {
            uri.push_str(literal);
            let Some(name) = name else { continue };
            let value = input.get(name).unwrap_or_default();
            let text = match (value.as_str(), value.is_null()) {
                (Some(text), _) => text.to_owned(),
                (None, true) => String::new(),
                (None, false) if value.is_scalar() => value.to_string(),
                (None, false) => {
                    let reason = format!("the field `{name}` is an object or an array, which a URI cannot hold");
                    return Err(ExpressionError::new(&self.to_string(), reason));
                }
            };
            uri.extend(utf8_percent_encode(&text, RESERVED));
        }
        Ok(uri.into())
    }
}

impl fmt::Display for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (literal, name) in &self.parts {
            f.write_str(literal)?;
            name.as_ref().map_or(Ok(()), |name| write!(f, "{{{name}}}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::InProcess;

    fn expand(template: &str, input: serde_json::Value) -> Result<Data, ExpressionError> {
        UriTemplate::parse(template).unwrap().unwrap().expand(&input.into())
    }

    #[test]
    fn placeholders_are_filled_in() {
        for (template, input, expected) in [
            ("https://x.example/{a}/b", json!({"a": "é/../?&"}), "https://x.example/%C3%A9%2F..%2F%3F%26/b"),
            ("https://x.example/{a}{b}", json!({"a": 1, "b": true}), "https://x.example/1true"),
            ("https://x.example/{a.b}?q={missing}&n={null}", json!({"a.b": "~-_."}), "https://x.example/~-_.?q=&n="),
            ("{scheme}://x.example", json!({"scheme": "https"}), "https://x.example"),
            ("https://x.example/{a}", json!(5), "https://x.example/"),
        ] {
            assert_eq!(expand(template, input), Ok(Data::from(expected)), "{template}");
        }
        let error = expand("https://x.example/{a}", json!({"a": [1]})).unwrap_err();
        assert_eq!(error.to_string().split_once("`: ").unwrap().0, "the expression `https://x.example/{a}");
    }

    #[test]
    fn only_simple_expansion_is_a_template() {
        assert_eq!(UriTemplate::parse("https://x.example"), Ok(None));
        for text in [
            "https://x/{a",
            "https://x/{}",
            "https://x/{+a}",
            "https://x{?a}",
            "https://x/{a,b}",
            "https://x/{a*}",
            "{a{b}}",
        ] {
            assert!(UriTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn templates_evaluate_every_expression_in_them() {
        let expression = |source| Template::Expression(Expression::compile(source, &["$x"]).unwrap());
        let template = Template::Object(vec![
            ("z".to_owned(), expression(".a + $x")),
            ("a".to_owned(), Template::Array(vec![Template::Literal(Data::from("x")), expression(".a")])),
        ]);
        let result =
            template.evaluate(&Data::from(json!({"a": 1})), &|_| Data::from(2), &InProcess::default()).unwrap();
        assert_eq!(result.to_string(), r#"{"z":3,"a":["x",1]}"#);
    }
}
