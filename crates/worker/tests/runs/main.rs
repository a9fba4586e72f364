//! Whole workers on a real PostgreSQL: what a run's history says after crashes, races and commands.
//!
//! Each test has a database of its own and waits for what it needs to see by signals: functions that say when they are
//! called, and a trigger that says what was committed. Nothing sleeps.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
mod commands;
mod crashes;
mod events;
mod functions;
mod house;
mod schedules;
mod scripts;
