//! End-to-end tests: the binary as a stranger runs it, with a PostgreSQL, a forge, processes and sockets of its own.
//!
//! One test binary for all of them, so that it is linked once. Nothing sleeps: a test waits for a line, a connection, an
//! answer or the end of a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod creation;
mod fleet;
mod genesis;
mod harness;
mod hostile;
mod restart;
mod timers;
mod workers;
