//! The handoff of an agent from the creation team to the service team (`REQUIREMENTS R65, R66`).
//!
//! A handoff is submitted with a complete [`Checklist`], reviewed within 24 hours ([`review`]), and
//! then accepted or sent back ([`state`]).
//!
//! [`verify()`] looks at the evidence outside, [`submit()`] hands over, [`decide()`] is the service team's answer, [`show()`] and
//! [`list()`] read. The run of a review watches its deadline through [`crate::functions`].

pub mod checklist;
mod decide;
mod evidence;
pub mod review;
pub(crate) mod rows;
pub mod state;
mod submit;
mod views;

pub use checklist::{Checklist, Submission};
pub use decide::{DECIDED, Options, Review, decide};
pub use evidence::{Evidence, EvidenceChecker, Look, Verified, verify};
pub use review::{Acceptance, Rejection};
pub use state::{Decision, Refused, State};
pub use submit::{SUBMITTED, submit};
pub use views::{HandoffView, list, show};
