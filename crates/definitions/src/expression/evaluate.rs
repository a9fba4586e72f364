//! Who evaluates an expression, and within which limits.
//!
//! A *plain* expression is shown to be bounded when it is compiled, and is evaluated where it is met. Any other may take all
//! the time, memory or stack there is, and the interpreter cannot be stopped from within: an [`Evaluator`] of the host has it
//! evaluated where nothing else can be harmed.

use std::{fmt, time::Duration};

use super::{Expression, ExpressionError, bound, jq, result};
use crate::Data;

/// The most that a plain expression may cost: some tenths of a second, where it is as bad as it can be.
const PLAIN_COST: f64 = 8e6;

/// What an evaluation may use before it ends in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest evaluation.
    pub time: Duration,
    /// Largest result, in bytes of its JSON.
    pub bytes: usize,
}

impl Default for Limits {
    /// One second and 16 MiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(1), bytes: 16 << 20 }
    }
}

impl Limits {
    /// Checks a value that is put together of results: two of them may share what they hold, so that it is small in memory
    /// and large once it is written.
    ///
    /// # Errors
    /// It nests too deeply or is too large to be a result itself.
    pub fn check(&self, value: &Data) -> Result<(), String> {
        result::check(&value.0, self.bytes).map(drop)
    }
}

/// Evaluates expressions, whoever wrote them.
pub trait Evaluator: fmt::Debug {
    /// The first output of the evaluation.
    ///
    /// # Errors
    /// What jq raised, or the limit that was exceeded.
    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Result<Data, ExpressionError>;
}

/// One evaluation of an expression.
#[derive(Debug, Clone)]
pub struct Evaluation<'a> {
    /// The expression.
    pub expression: &'a Expression,
    /// Its `.`.
    pub input: &'a Data,
    /// The values of its variables, in the order of [`Expression::variables`].
    pub values: Vec<Data>,
    /// How many times the usual limits it may use: more where it is known that it stayed within them before.
    pub patience: u32,
}

impl Evaluation<'_> {
    /// Whether the evaluation is shown to be cheap: its expression is plain, and what it is given is not too large.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let Some(bound) = self.expression.0.bound() else { return false };
        match bound.most_given(PLAIN_COST) {
            None => true,
            Some(most) => {
                let given = std::iter::once(self.input).chain(&self.values).map(|data| &data.0);
                bound::size_within(given, most).is_some()
            }
        }
    }

    /// Evaluates the expression here and now. Unless it is plain, this thread may not return, or take the process with it.
    ///
    /// # Errors
    /// What jq raised, or the limit that was exceeded.
    pub fn run(&self, limits: Limits) -> Result<Data, ExpressionError> {
        let source = self.expression.source();
        let first = self.expression.0.first_output(self.input, &self.values, limits.time);
        let value = first.map_err(|failure| match failure {
            jq::Failure::Raised(reason) => ExpressionError::new(source, reason),
            jq::Failure::TookTooLong => ExpressionError::exceeded(source, "it took too long"),
        })?;
        result::as_json(value, limits.bytes).map(Data).map_err(|reason| ExpressionError::new(source, reason))
    }
}

/// Evaluates every expression in the calling thread: for definitions that are trusted, and for tests.
///
/// Loops end by time or steps; a definition that calls itself is refused, since it could exhaust the stack; memory is not
/// bounded.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess(pub Limits);

impl Evaluator for InProcess {
    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Result<Data, ExpressionError> {
        if let Some(name) = evaluation.expression.0.recursive() {
            let reason = format!("`{name}` calls itself, which only a process of its own may evaluate");
            return Err(ExpressionError::new(evaluation.expression.source(), reason));
        }
        let Limits { time, bytes } = self.0;
        evaluation.run(Limits { time: time.saturating_mul(evaluation.patience), bytes })
    }
}
