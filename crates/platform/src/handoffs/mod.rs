//! The handoff of an agent from the creation team to the service team (`REQUIREMENTS R65, R66`).
//!
//! A handoff is submitted with a complete [`Checklist`], reviewed within 24 hours ([`review`]), and
//! then accepted or sent back ([`state`]).

pub mod checklist;
pub mod review;
pub mod state;

pub use checklist::{Checklist, Submission};
pub use review::{Acceptance, Rejection};
pub use state::{Decision, Refused, State};
