//! Service levels: what an agent promises (`REQUIREMENTS 1.7, R80`).

pub mod definition;

pub use definition::{Definition, Targets, Tier};
