//! A workflow document of the Open Workflow Specification DSL, parsed once into a typed, linted and hashed [`Definition`].
//!
//! ```text
//!  YAML text ──▶ document (values with line and column) ──▶ model (typed tasks, compiled jq) ──▶ Definition
//!                     │                                          │
//!                     └─ Diagnostic: syntax, duplicate keys      └─ Diagnostic: pointer, rule, line:column, hint
//! ```
//!
//! Everything that can be known before a run is decided here: the grammar, the static rules, every jq expression, references
//! to reusable components, and which functions and sub-workflows a definition needs. Nothing in this crate reads a file or a
//! database, or a clock, but for the one that ends a jq evaluation that takes too long.
//!
//! Entry points: [`Definition::parse`] for a workflow, [`Function::parse`] for a function written in the DSL.

mod data;
mod definition;
mod diagnostic;
mod document;
mod duration;
mod error_type;
mod events;
mod expression;
mod model;
mod parse;
mod pointer;
mod schedule;
mod schema;
mod template;

pub use data::Data;
pub use definition::{Catalog, ContentHash, Definition, DefinitionId, Function, Resolution};
pub use diagnostic::{Diagnostic, Diagnostics, Location, Severity};
pub use duration::{Delay, DurationError, parse_iso8601};
pub use error_type::{same_error_type, standard_type};
pub use events::{Correlation, EventFilter, Match, Pattern};
pub use expression::{Evaluation, Evaluator, Expression, ExpressionError, InProcess, Limits};
pub use model::*;
pub use pointer::Pointer;
pub use schedule::{Advance, CatchUp, Cron, Schedule, Trigger};
pub use schema::{Schema, Violation};
pub use template::{Template, UriTemplate};
