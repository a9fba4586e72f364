//! The shipped workflows and everything outside: workers with the real functions over a real database, against a mail server,
//! a Genesis and a forge that the tests play (`house`); and whole services, against a GitHub that they play (`works`).
//! Time is moved, never waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cancellation;
mod genesis;
mod github;
#[expect(dead_code, reason = "the tests of the binary alone use the rest")]
#[path = "../e2e/harness.rs"]
mod harness;
mod house;
mod hub;
mod mail;
mod post;
mod works;
mod yard;
