//! Runtime expressions: jq, compiled once with its variables bound by name.
//!
//! `halt`, `input`, `env`, `debug`, `now` and their kin do not exist here: an expression is a pure function of its input and
//! variables (DSL "Safety"). The only clock that is read is the monotonic one that ends an evaluation that takes too long.
//!
//! Compiling also decides whether an expression is plain ([`plain`]): what is not is left to the host's [`Evaluator`].
//!
//! A compilation costs a hundred times what an evaluation does, so equal sources share one program for as long as anybody
//! holds it.

mod bound;
mod evaluate;
mod jq;
mod plain;
mod result;
mod scan;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

pub use evaluate::{Evaluation, Evaluator, InProcess, Limits};

use thiserror::Error;

use crate::Data;

/// A compiled jq expression; clones share it.
#[derive(Clone)]
pub struct Expression(Arc<jq::Program>);

/// An expression that cannot be compiled, or whose evaluation failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the expression `{source_text}`: {reason}")]
pub struct ExpressionError {
    source_text: Arc<str>,
    reason: String,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Wrong,
    Exceeded,
    Unavailable,
}

impl ExpressionError {
    /// An error of the expression `source_text`, the same whenever it is evaluated on the same data.
    pub fn new(source_text: &str, reason: impl Into<String>) -> Self {
        Self { source_text: source_text.into(), reason: reason.into(), why: Why::Wrong }
    }

    /// A limit that the expression exceeded this time: on another machine, or on another day, it might not.
    pub fn exceeded(source_text: &str, reason: impl Into<String>) -> Self {
        Self { why: Why::Exceeded, ..Self::new(source_text, reason) }
    }

    /// The expression could not be evaluated, for a reason that has nothing to do with it.
    pub fn unavailable(source_text: &str, reason: impl Into<String>) -> Self {
        Self { why: Why::Unavailable, ..Self::new(source_text, reason) }
    }

    /// What went wrong, without the expression's text.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether a limit was exceeded, which need not happen again.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.why == Why::Exceeded
    }

    /// Whether it was not the expression's fault.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.why == Why::Unavailable
    }
}

impl Expression {
    /// Compiles `source`, which may name the `variables` (each with its `$`).
    ///
    /// # Errors
    /// A syntax error, an unknown function, or a variable that is not among `variables`.
    ///
    /// ```
    /// use definitions::{Data, Expression, InProcess};
    ///
    /// let expression = Expression::compile(".price * $context.rate", &["$context"])?;
    /// let context = Data::from_entries([("rate", Data::from(3))]);
    /// let input = Data::from_entries([("price", Data::from(14))]);
    /// assert_eq!(expression.evaluate(&input, &|_| context.clone(), &InProcess::default())?, Data::from(42));
    /// # Ok::<(), definitions::ExpressionError>(())
    /// ```
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, ExpressionError> {
        let known = |program: &jq::Program| program.variables().all(|name| variables.contains(&name));
        if let Some(program) = CACHE.get(source).filter(|program| known(program)) {
            return Ok(Self(program));
        }
        let program = jq::Program::compile(source, variables).map_err(|reason| ExpressionError::new(source, reason))?;
        Ok(Self(CACHE.insert(Arc::new(program))))
    }

    /// The text between `${` and `}`.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// The variables that the expression reads, each with its `$`.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.variables()
    }

    /// Whether it is shown to be bounded, whatever it is given ([`Evaluation::is_plain`] asks about what it is given).
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.bound().is_some()
    }

    /// The first output on `input`; `bind` gives the value of each variable by its name without `$`. No output is `null`.
    ///
    /// # Errors
    /// The error that jq raised, or the limit that was exceeded.
    pub fn evaluate(
        &self,
        input: &Data,
        bind: &dyn Fn(&str) -> Data,
        evaluator: &dyn Evaluator,
    ) -> Result<Data, ExpressionError> {
        let values = self.variables().map(|name| bind(name.trim_start_matches('$'))).collect();
        evaluator.evaluate(&Evaluation { expression: self, input, values, patience: 1 })
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{ {} }}", self.source())
    }
}

/// The programs that somebody holds, by source.
static CACHE: LazyLock<Cache> = LazyLock::new(Cache::default);

#[derive(Default)]
struct Cache(Mutex<Programs>);

#[derive(Default)]
struct Programs {
    by_source: HashMap<Arc<str>, Weak<jq::Program>>,
    sweep_at: usize,
}

impl Cache {
    fn get(&self, source: &str) -> Option<Arc<jq::Program>> {
        let programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        programs.by_source.get(source).and_then(Weak::upgrade)
    }

    /// Sweeps out what nobody holds whenever the number of entries has doubled since the last sweep.
    fn insert(&self, program: Arc<jq::Program>) -> Arc<jq::Program> {
        let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if programs.by_source.len() >= programs.sweep_at {
            programs.by_source.retain(|_, program| program.strong_count() > 0);
            programs.sweep_at = (programs.by_source.len() * 2).max(1024);
        }
        programs.by_source.insert(program.source().into(), Arc::downgrade(&program));
        program
    }
}

#[cfg(test)]
mod tests;
