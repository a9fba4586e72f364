//! The creation of an agent: five steps, from request to `production_ready`.
//!
//! The steps are initiation, Genesis validation, code generation, the CI/CD pipeline and the handoff
//! (`REQUIREMENTS R60`–`R69`). [`state`] says what may follow what; [`ci`] folds the build's
//! webhooks; [`progress`] is the view that `creation-status` shows.

pub mod ci;
pub mod progress;
pub mod state;

pub use ci::Pipeline;
pub use progress::Progress;
pub use state::{Event, IllegalTransition, State, Status};
