//! The shipped workflows and everything outside: a worker with the real functions over a real database, against a mail server,
//! a Genesis and a forge that the tests play. Time is moved, never waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cancellation;
mod genesis;
mod house;
mod mail;
mod post;
mod yard;
