//! The creation of an agent: five steps, from request to `production_ready`.
//!
//! The steps are initiation, Genesis validation, code generation, the CI/CD pipeline and the handoff
//! (`REQUIREMENTS R60`–`R69`). [`state`] says what may follow what; [`ci`] folds the build's
//! webhooks; [`progress`] is the view that `creation-status` shows.
//!
//! People [`request()`] a creation, [`list()`] all, look at its [`status()`] and its build's ([`pipeline()`]), try again
//! ([`retry_ci()`], [`retry_genesis()`]) or call it off ([`cancel()`]); its run moves it through [`crate::functions`].

pub(crate) mod build_rows;
pub(crate) mod builds;
pub mod ci;
mod commands;
mod launch;
mod list;
pub mod progress;
pub(crate) mod reports;
mod request;
pub(crate) mod rows;
pub mod state;
mod timeline;
pub(crate) mod transition;
mod views;

pub use ci::Pipeline;
pub(crate) use commands::event;
pub use commands::{GENESIS_RETRIED, RETRIED, cancel, retry_ci, retry_genesis};
pub use list::{CreationSummary, Cursor, list};
pub use progress::Progress;
pub use request::{Options, Requested, request};
pub use state::{Event, IllegalTransition, State, Status};
pub use views::{CreationStatus, PipelineStatus, pipeline, status};
