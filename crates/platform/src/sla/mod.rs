//! Service levels: what an agent promises (`REQUIREMENTS 1.7, R80`).

mod define;
pub mod definition;
pub(crate) mod rows;

pub use define::{Defined, define, list};
pub use definition::{Definition, Targets, Tier};
