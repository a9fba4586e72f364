//! Every line of SQL of the engine.
//!
//! ```text
//!  api, platform ── begin(org) ─▶ runs::start · events::publish · gates::decide · commands::send · audit::append ─▶ commit
//!                                        │ wake
//!  worker ── lease::claim ─▶ history::load ─▶ the machine ─▶ Flush ─▶ Committer ─▶ one transaction for many runs
//!         └─ router::* : events and subscriptions that were committed, matched under a snapshot of their own
//! ```
//!
//! Functions take a connection and never commit: who calls them owns the transaction, so that what belongs together is
//! committed together. The exceptions say so: [`Committer`] and [`transact`] own the transactions of runs.
//!
//! # Locks
//! Every transaction takes its locks in this order, so that two of them never wait for each other:
//!
//! 1. rows of the domain (`platform`), 2. gates, 3. activations, sorted by run, 4. everything else, which is only inserted,
//!    or belongs to a run whose activation is locked.
//!
//! An activation that appears between the lock and its wake can still cross another transaction; PostgreSQL then aborts one
//! of the two and the committer repeats it.
//!
//! # Roles
//! The API's connections are `stationmaster_app` and see one organisation; the engine's are `stationmaster_worker` and see
//! all (`migrations/0001_roles.sql`).

pub mod activity;
pub mod audit;
pub mod clock;
pub mod commands;
mod commit;
mod committer;
pub mod definitions;
mod ends;
mod error;
pub mod events;
pub mod floor;
mod flush;
mod function;
pub mod gates;
mod hints;
pub mod history;
pub mod idempotency;
mod json;
pub mod lease;
mod library;
mod pool;
pub mod retention;
pub mod router;
mod rows;
pub mod runs;
pub mod schedules;
mod steps;

pub use clock::EngineClock;
pub use committer::Committer;
pub use ends::End;
pub use error::Error;
pub use flush::{Committed, Flush, Parent, Recorded, Then};
pub use function::{TransactionalFunction, TransactionalFuture, transact};
pub use hints::{Hint, Hints};
pub use lease::{Claim, Claimer, Lease, LeaseToken};
pub use library::Library;
pub use pool::{PoolSizes, Schema, Store};

/// A connection, or a transaction that is under way on it.
pub type Connection = sqlx::PgConnection;

/// A transaction; dropping it rolls it back.
pub type Transaction = sqlx::Transaction<'static, sqlx::Postgres>;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
