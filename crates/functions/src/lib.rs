//! Functions that touch the outside: HTTP, the forges, mail, models.
//!
//! Each module is plain typed async Rust over one outside system, with errors that say whether
//! another attempt can help. Nothing here knows a database or a clock: keys and times come in.

pub mod egress;
pub mod evidence;
pub mod forge;
pub mod generate;
pub mod http;
pub mod mail;
pub mod openapi;
pub mod process;
mod registry;
pub mod rpc;
pub mod secrets;

pub use registry::{Parts, registry};

#[cfg(test)]
mod testing;
