//! Errors of a run: RFC 7807 problem details with the DSL's standard types.

use std::fmt;

use definitions::{Data, Pointer};
use serde::{Deserialize, Serialize};

/// An error that a task raised; a run that does not catch it is faulted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// A URI that names the kind of error.
    #[serde(rename = "type")]
    pub kind: String,
    /// An HTTP-like status.
    pub status: u16,
    /// A short description, the same for every error of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What went wrong this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The task that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Pointer>,
}

/// The standard error types of the DSL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The definition cannot be carried out as configured.
    Configuration,
    /// Data does not conform to a schema.
    Validation,
    /// An expression failed.
    Expression,
    /// A caller could not be identified.
    Authentication,
    /// A caller is not allowed.
    Authorization,
    /// A time limit passed.
    Timeout,
    /// A service answered with an error or not at all.
    Communication,
    /// Anything else.
    Runtime,
}

impl FaultKind {
    const fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Configuration => ("configuration", 400, "Configuration error"),
            Self::Validation => ("validation", 400, "Validation error"),
            Self::Expression => ("expression", 400, "Expression error"),
            Self::Authentication => ("authentication", 401, "Authentication error"),
            Self::Authorization => ("authorization", 403, "Authorization error"),
            Self::Timeout => ("timeout", 408, "Timeout"),
            Self::Communication => ("communication", 500, "Communication error"),
            Self::Runtime => ("runtime", 500, "Runtime error"),
        }
    }

    /// The error's type URI, as DSL 1.0.x writes it.
    #[must_use]
    pub fn uri(self) -> String {
        format!("https://serverlessworkflow.io/spec/1.0.0/errors/{}", self.parts().0)
    }
}

impl Fault {
    /// A standard error with the status and title of its kind.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        let (_, status, title) = kind.parts();
        Self { kind: kind.uri(), status, title: Some(title.to_owned()), detail: Some(detail.into()), instance: None }
    }

    /// The same error with another status, such as the one a service answered with.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same error, raised by the given task unless it already names one.
    #[must_use]
    pub fn at(mut self, pointer: &Pointer) -> Self {
        self.instance.get_or_insert_with(|| pointer.clone());
        self
    }

    /// The error as data: what `catch.as` holds.
    #[must_use]
    pub fn data(&self) -> Data {
        serde_json::to_value(self).map_or(Data::NULL, Data::from)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.title.as_deref().unwrap_or(&self.kind);
        write!(f, "{title} ({})", self.status)?;
        if let Some(instance) = &self.instance {
            write!(f, " at {instance}")?;
        }
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}
