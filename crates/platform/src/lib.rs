//! The domain and its application services; one module per capability.
//!
//! What is pure is decided in plain functions over typed values, with time as an argument; what
//! touches the database takes the caller's transaction.

pub mod access;
pub mod agents;
pub mod creations;
pub mod genesis;
pub mod handoffs;
pub mod input;
pub mod sla;
