//! Rows on their way into the database: columns that gather what many runs write, and one statement for all of it.
//!
//! What PostgreSQL spends on a step is spent per statement far more than per row, so a commit sends one statement per table
//! that has rows, however many runs it is for.

mod activations;
mod audit;
mod events;
mod facts;
mod inbox;
mod phases;
mod pins;
mod runs;
mod snapshots;
mod subscriptions;

pub(crate) use activations::{Settlements, wake};
pub(crate) use audit::AuditRows;
pub(crate) use events::EventRows;
pub(crate) use facts::FactRows;
pub(crate) use inbox::{Consumed, MessageRows};
pub(crate) use phases::{Ending, PhaseRows};
pub(crate) use runs::{Child, RunRows};
pub(crate) use snapshots::SnapshotRows;
pub(crate) use subscriptions::{EndedWaits, SubscriptionRows};
