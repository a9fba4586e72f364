//! Why a service refused, for the person who asked; HTTP is spoken elsewhere.

use std::fmt;

use engine::{Fault, FaultKind};

use crate::creations::IllegalTransition;
use crate::input::Invalid;

/// An error of a service. Everything but [`Error::Store`] is the caller's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing, or not in the caller's organisation.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        id: String,
    },
    /// The request breaks rules, each named with its field.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The request is right, and does not fit where things stand.
    #[error("{detail}")]
    Conflict {
        /// The rule's name.
        rule: &'static str,
        /// What it conflicts with, and what could be done.
        detail: String,
    },
    /// The caller may not, whatever their permissions.
    #[error("{detail}")]
    Forbidden {
        /// The rule's name.
        rule: &'static str,
        /// Who may.
        detail: String,
    },
    /// The database, or what it holds.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    pub(crate) fn not_found(what: &'static str, id: impl fmt::Display + Copy) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn conflict(rule: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { rule, detail: detail.into() }
    }

    pub(crate) fn forbidden(rule: &'static str, detail: impl Into<String>) -> Self {
        Self::Forbidden { rule, detail: detail.into() }
    }

    /// The error as a run sees it, or the store's error, which is not the run's to handle.
    pub(crate) fn into_fault(self) -> Result<Fault, store::Error> {
        let (kind, status) = match &self {
            Self::Store(_) => (FaultKind::Runtime, 500),
            Self::NotFound { .. } => (FaultKind::Runtime, 404),
            Self::Conflict { .. } => (FaultKind::Runtime, 409),
            Self::Invalid(_) => (FaultKind::Validation, 422),
            Self::Forbidden { .. } => (FaultKind::Authorization, 403),
        };
        match self {
            Self::Store(error) => Err(error),
            refused => Ok(Fault::new(kind, refused.to_string()).with_status(status)),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<IllegalTransition> for Error {
    fn from(illegal: IllegalTransition) -> Self {
        Self::conflict("illegal_transition", illegal.to_string())
    }
}
