//! Agents: what is asked for, and the manifest that an agent is built and judged by.

pub mod manifest;
pub mod parts;
pub mod request;
pub(crate) mod rows;

pub use manifest::Manifest;
pub use request::CreationRequest;
