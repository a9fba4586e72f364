//! The domain and its application services; one module per capability.
//!
//! What is pure is decided in plain functions over typed values, with time as an argument; what
//! touches the database takes the caller's transaction.

pub mod access;
mod actor;
pub mod agents;
pub mod creations;
mod error;
pub mod functions;
pub mod gates;
pub mod genesis;
pub mod handoffs;
mod ids;
pub mod input;
pub mod sla;

/// The namespace of our own workflows: services start their runs, on terms that they have checked, and nobody else does.
pub const NAMESPACE: &str = "stationmaster";

pub use actor::Actor;
pub use error::Error;
pub use ids::{CreationId, HandoffId, SlaId};
