//! Values with expressions in them: `set`, call arguments, event attributes, `output.as` objects.

use crate::{Data, Expression, ExpressionError, Limits};

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
    pub fn evaluate(&self, input: &Data, bind: &dyn Fn(&str) -> Data, limits: Limits) -> Result<Data, ExpressionError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(input, bind, limits),
            Self::Uri(template) => template.expand(input, bind),
            Self::Object(entries) => {
                let entries =
                    entries.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(input, bind, limits)?)));
                entries.collect::<Result<Vec<_>, _>>().map(Data::from_entries)
            }
            Self::Array(items) => {
                let items = items.iter().map(|item| item.evaluate(input, bind, limits));
                items.collect::<Result<Vec<_>, _>>().map(Data::array)
            }
        }
    }
}

impl UriTemplate {
    /// Fills in the placeholders from the top-level fields of `input`; a missing one becomes the empty string.
    ///
    /// # Errors
    /// A placeholder whose value is an object, an array or `null`.
    pub fn expand(&self, input: &Data, _bind: &dyn Fn(&str) -> Data) -> Result<Data, ExpressionError> {
        let _ = input;
        Err(ExpressionError::new("", "URI templates are not expanded yet"))
    }
}
