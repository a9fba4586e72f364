//! Event filters: which CloudEvents a `listen` task or a schedule takes.
//!
//! An event is given as its JSON envelope in structured form (`{"specversion": "1.0", "id": …, "type": …, "data": …}`).

use std::sync::Arc;

use crate::{Data, Expression, ExpressionError, Limits};

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
    /// The whole attribute matches the regular expression.
    Pattern(Arc<str>),
    /// The expression holds: evaluated on the data for `data`, on the envelope for every other attribute.
    Expression(Expression),
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

impl EventFilter {
    /// The literal `type` that every matching event has, if the filter names one.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        self.with.iter().find_map(|(name, condition)| match condition {
            Match::Equals(value) if &**name == "type" => value.as_str(),
            Match::Equals(_) | Match::Pattern(_) | Match::Expression(_) => None,
        })
    }

    /// Whether the event satisfies every condition of `with`; correlation is not looked at.
    ///
    /// # Errors
    /// An expression that fails on this event, which then does not match.
    pub fn matches(&self, event: &Data, bind: &dyn Fn(&str) -> Data, limits: Limits) -> Result<bool, ExpressionError> {
        let _ = (event, bind, limits);
        Err(ExpressionError::new("", "events are not matched yet"))
    }

    /// The event's correlation values, in the order of [`EventFilter::correlate`].
    ///
    /// # Errors
    /// An expression that fails on this event, which then does not match.
    pub fn correlation(&self, event: &Data, limits: Limits) -> Result<Vec<Data>, ExpressionError> {
        let none = |_: &str| Data::NULL;
        self.correlate.iter().map(|correlation| correlation.from.evaluate(event, &none, limits)).collect()
    }
}
