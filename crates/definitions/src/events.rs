//! Event filters: which CloudEvents a `listen` task or a schedule takes.
//!
//! An event is given as its JSON envelope in structured form (`{"specversion": "1.0", "id": …, "type": …, "data": …}`).

use std::sync::Arc;

use regex::Regex;

use crate::{Data, Evaluator, Expression, ExpressionError};

/// Compiled size of a pattern, in bytes.
const PATTERN_BYTES: usize = 256 << 10;

/// A filter of events, `with` and `correlate`.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Conditions on attributes and data, all of which must hold.
    pub with: Vec<(Arc<str>, Match)>,
    /// Values that tie events to each other or to the run.
    pub correlate: Vec<Correlation>,
}

/// A condition on one attribute of an event.
#[derive(Debug, Clone)]
pub enum Match {
    /// The attribute equals the value; on `data`, the value is contained in it.
    Equals(Data),
    /// The whole attribute matches the regular expression, or equals the text as it is written.
    Pattern(Pattern),
    /// The expression holds: evaluated on the data for `data`, on the envelope for every other attribute. A text that it
    /// gives for an attribute must equal the attribute.
    Expression(Expression),
}

/// A regular expression that an attribute must match as a whole.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Arc<str>,
    anchored: Regex,
}

/// A correlation key (DSL decisions 3 and 4).
#[derive(Debug, Clone)]
pub struct Correlation {
    /// Its name.
    pub key: Arc<str>,
    /// Gives the value from the event's envelope.
    pub from: Expression,
    /// Gives the expected value from the task's input, once, when the `listen` is entered; without it the first event binds.
    pub expect: Option<Expression>,
}

impl Match {
    /// The condition that a literal stands for (DSL decision 5): a text with the special characters of regular expressions
    /// is a pattern; a dot alone does not make one, for every event type has some.
    #[must_use]
    pub fn literal(value: Data) -> Self {
        let text = value.as_str().filter(|text| text.contains(['*', '+', '?', '|', '^', '$', '(', '[', '{', '\\']));
        match text.and_then(Pattern::compile) {
            Some(pattern) => Self::Pattern(pattern),
            None => Self::Equals(value),
        }
    }

    fn holds(
        &self,
        name: &str,
        event: &Data,
        bind: &dyn Fn(&str) -> Data,
        evaluator: &dyn Evaluator,
    ) -> Result<bool, ExpressionError> {
        let attribute = event.get(name);
        match self {
            Self::Equals(expected) if name == "data" => Ok(attribute.is_some_and(|data| data.contains(expected))),
            Self::Equals(expected) => Ok(attribute.as_ref() == Some(expected)),
            Self::Pattern(pattern) => {
                Ok(attribute.and_then(|value| value.as_str().map(|text| pattern.matches(text))) == Some(true))
            }
            Self::Expression(expression) if name == "data" => {
                expression.evaluate(&attribute.unwrap_or_default(), bind, evaluator).map(|result| result.is_truthy())
            }
            Self::Expression(expression) => {
                let result = expression.evaluate(event, bind, evaluator)?;
                Ok(if result.as_str().is_some() { attribute == Some(result) } else { result.is_truthy() })
            }
        }
    }
}

impl Pattern {
    /// Compiles a pattern; `None` where the text is no regular expression.
    fn compile(text: &str) -> Option<Self> {
        let anchored = regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES).build().ok()?;
        Some(Self { text: text.into(), anchored })
    }

    /// Whether a whole attribute matches it.
    #[must_use]
    pub fn matches(&self, attribute: &str) -> bool {
        *attribute == *self.text || self.anchored.is_match(attribute)
    }
}

impl EventFilter {
    /// The literal `type` that every matching event has, if the filter names one.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        self.with.iter().find_map(|(name, condition)| match condition {
            Match::Equals(value) if &**name == "type" => value.as_str(),
            Match::Equals(_) | Match::Pattern(_) | Match::Expression(_) => None,
        })
    }

    /// Whether the event satisfies every condition of `with` that can be decided outside a run; those with an expression
    /// that reads variables are left for [`EventFilter::matches`].
    ///
    /// # Errors
    /// An expression that fails on this event, which then does not match.
    pub fn may_match(&self, event: &Data, evaluator: &dyn Evaluator) -> Result<bool, ExpressionError> {
        for (name, condition) in &self.with {
            let open = matches!(condition, Match::Expression(expression) if expression.variables().next().is_some());
            if !open && !condition.holds(name, event, &|_| Data::NULL, evaluator)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the event satisfies every condition of `with`; correlation is not looked at.
    ///
    /// # Errors
    /// An expression that fails on this event, which then does not match.
    pub fn matches(
        &self,
        event: &Data,
        bind: &dyn Fn(&str) -> Data,
        evaluator: &dyn Evaluator,
    ) -> Result<bool, ExpressionError> {
        for (name, condition) in &self.with {
            if !condition.holds(name, event, bind, evaluator)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The event's correlation values, in the order of [`EventFilter::correlate`].
    ///
    /// # Errors
    /// An expression that fails on this event, which then does not match.
    pub fn correlation(&self, event: &Data, evaluator: &dyn Evaluator) -> Result<Vec<Data>, ExpressionError> {
        let none = |_: &str| Data::NULL;
        self.correlate.iter().map(|correlation| correlation.from.evaluate(event, &none, evaluator)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::InProcess;

    fn event() -> Data {
        Data::from(json!({
            "specversion": "1.0", "id": "1", "source": "https://x.example/a", "type": "com.x.done", "attempt": 2,
            "datacontenttype": "application/cloudevents+json",
            "data": {"order": {"id": 7, "items": [1, 2]}, "temperature": 39},
        }))
    }

    fn matches(name: &str, condition: Match) -> bool {
        let filter = EventFilter { with: vec![(name.into(), condition)], correlate: Vec::new() };
        let context = |_: &str| Data::from("https://x.example");
        filter.matches(&event(), &context, &InProcess::default()).unwrap()
    }

    #[test]
    fn literals_match() {
        for (name, value, expected) in [
            ("type", json!("com.x.done"), true),
            ("type", json!("comQx.done"), false),
            ("type", json!("com\\.x\\..*"), true),
            ("type", json!("x.don.*"), false),
            ("type", json!("com.x.done|other"), true),
            ("type", json!("other|com.x"), false),
            ("type", json!("com.x.done("), false),
            ("source", json!("https://x\\.example/[a-c]"), true),
            ("datacontenttype", json!("application/cloudevents+json"), true),
            ("attempt", json!(2), true),
            ("attempt", json!("2"), false),
            ("missing", json!("a"), false),
            ("missing", json!(null), false),
            ("data", json!({"order": {"id": 7}}), true),
            ("data", json!({"order": {"id": 8}}), false),
            ("data", json!({"order": {"items": [1]}}), false),
            ("data", json!({"order": {"items": [1, 2]}}), true),
            ("data", json!({"other": null}), false),
        ] {
            assert_eq!(matches(name, Match::literal(value.clone().into())), expected, "{name}: {value}");
        }
    }

    #[test]
    fn expressions_match() {
        let compile = |source| Match::Expression(Expression::compile(source, &["$context"]).unwrap());
        assert!(matches("data", compile(".temperature > 38")));
        assert!(!matches("data", compile(".temperature > 40")));
        assert!(matches("source", compile("$context + \"/a\"")));
        assert!(!matches("source", compile("$context")));
        assert!(matches("subject", compile(".attempt == 2")));
    }

    #[test]
    fn what_reads_variables_is_left_open() {
        let with = |source| {
            let condition = Match::Expression(Expression::compile(source, &["$context"]).unwrap());
            EventFilter { with: vec![("data".into(), condition)], correlate: Vec::new() }
        };
        for (source, possible) in [(".temperature > 40", false), (".temperature > $context.limit", true)] {
            assert_eq!(with(source).may_match(&event(), &InProcess::default()), Ok(possible), "{source}");
            assert_eq!(with(source).matches(&event(), &|_| event(), &InProcess::default()), Ok(possible), "{source}");
        }
    }

    #[test]
    fn a_failing_expression_is_an_error() {
        let condition = Match::Expression(Expression::compile(".order | .[0]", &[]).unwrap());
        let filter = EventFilter { with: vec![("type".into(), condition)], correlate: Vec::new() };
        assert!(filter.matches(&Data::from(json!({"order": 1})), &|_| Data::NULL, &InProcess::default()).is_err());
    }

    #[test]
    fn correlation_reads_the_envelope() {
        let from = |source| Expression::compile(source, &[]).unwrap();
        let keys = [("order", from(".data.order.id")), ("kind", from(".type"))];
        let correlate = keys.map(|(key, from)| Correlation { key: key.into(), from, expect: None }).into();
        let filter = EventFilter { with: vec![("type".into(), Match::literal("com.x.done".into()))], correlate };
        let values = filter.correlation(&event(), &InProcess::default());
        assert_eq!(values, Ok(vec![Data::from(7), Data::from("com.x.done")]));
        assert_eq!(filter.event_type(), Some("com.x.done"));
    }
}
