//! What can be known of a definition without running it.
//!
//! ```text
//!   Definition ─┬─ simulate   a run in virtual time, against a scenario: answers, events and decisions that a file gives
//!               ├─ graph      the flow as a picture, with a run's progress in it
//!               ├─ verify     guards over all paths: proved, or refuted with the shortest path that breaks one
//!               └─ diff       what another version changes, and where it would leave a run in flight standing
//! ```
//!
//! Everything here is a pure function of texts: no clock, no file, no database, no network. The binary reads the files.

pub mod diff;
mod flow;
pub mod graph;
mod place;
pub mod simulate;
pub mod verify;
mod yaml;

pub use place::{Library, TaskRef, place};
pub use yaml::Unreadable;
