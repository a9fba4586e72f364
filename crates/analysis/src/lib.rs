//! What can be known of a definition without running it.
//!
//! ```text
//!   Definition ─┬─ simulate   a run in virtual time, against a scenario: answers, events and decisions that a file gives
//!               └─ verify     guards over all paths: proved, or refuted with the shortest path that breaks one
//! ```
//!
//! Everything here is a pure function of texts: no clock, no file, no database, no network. The binary reads the files.

mod flow;
mod place;
pub mod simulate;
pub mod verify;
mod yaml;

pub use place::{Library, TaskRef, place};
pub use yaml::Unreadable;
