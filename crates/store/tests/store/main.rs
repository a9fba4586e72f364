//! The store against a real PostgreSQL, a database for each test.
//!
//! An interleaving that DESIGN 5 names is made with two connections and with the locks that PostgreSQL itself reports, never
//! with a pause.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod claims;
mod commits;
mod definitions;
mod events;
mod functions;
mod gates;
mod hints;
mod plans;
mod requests;
mod retention;
mod steps;
mod tenants;
mod wakes;
mod world;
