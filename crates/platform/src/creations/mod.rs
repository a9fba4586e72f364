//! The creation of an agent: five steps, from request to `production_ready`.
//!
//! 1. initiate, 2. Genesis validation, 3. code generation, 4. CI/CD pipeline, 5. handoff
//! (`REQUIREMENTS R60`–`R69`). [`state`] says what may follow what; [`ci`] folds the build's
//! webhooks; [`progress`] is the view that `creation-status` shows.

pub mod ci;
pub mod progress;
pub mod state;

pub use ci::Pipeline;
pub use progress::Progress;
pub use state::{Event, IllegalTransition, State, Status};
