//! Runtime expressions: jq, compiled once with its variables bound by name.
//!
//! `halt`, `input`, `env`, `debug`, `now` and their kin do not exist here: an expression is a pure function of its input and
//! variables (DSL "Safety"). The only clock that is read is the monotonic one that ends an evaluation that takes too long.
//!
//! A compilation costs a hundred times what an evaluation does, so equal sources share one program for as long as anybody
//! holds it.

mod jq;
mod result;
mod scan;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use thiserror::Error;

use crate::Data;

/// What an evaluation may use before it ends in an error.
#[derive(Debug, Clone, Copy)]
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

/// A compiled jq expression; clones share it.
#[derive(Clone)]
pub struct Expression(Arc<jq::Program>);

/// An expression that cannot be compiled, or whose evaluation failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the expression `{source_text}`: {reason}")]
pub struct ExpressionError {
    source_text: Arc<str>,
    reason: String,
}

impl ExpressionError {
    /// An error of the expression `source_text`.
    pub fn new(source_text: &str, reason: impl Into<String>) -> Self {
        Self { source_text: source_text.into(), reason: reason.into() }
    }

    /// What went wrong, without the expression's text.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Expression {
    /// Compiles `source`, which may name the `variables` (each with its `$`).
    ///
    /// # Errors
    /// A syntax error, an unknown function, or a variable that is not among `variables`.
    ///
    /// ```
    /// use definitions::{Data, Expression, Limits};
    ///
    /// let expression = Expression::compile(".price * $context.rate", &["$context"])?;
    /// let context = Data::from_entries([("rate", Data::from(3))]);
    /// let input = Data::from_entries([("price", Data::from(14))]);
    /// assert_eq!(expression.evaluate(&input, &|_| context.clone(), Limits::default())?, Data::from(42));
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

    /// The first output on `input`; `bind` gives the value of each variable by its name without `$`. No output is `null`.
    ///
    /// # Errors
    /// The error that jq raised, or the limit that was met.
    pub fn evaluate(&self, input: &Data, bind: &dyn Fn(&str) -> Data, limits: Limits) -> Result<Data, ExpressionError> {
        self.0
            .first_output(input, bind, limits.time)
            .and_then(|value| result::as_json(value, limits.bytes))
            .map(Data)
            .map_err(|reason| ExpressionError::new(self.source(), reason))
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
