//! The services against a real PostgreSQL, a database for each test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod builds;
mod creations;
mod gates;
mod handoffs;
mod isolation;
mod moves;
mod promises;
mod rehearsal;
mod world;
