//! The endpoints: one file per resource, one function per endpoint, each of which reads the request, asks a service, and writes
//! the answer.

pub(crate) mod agents;
pub(crate) mod definitions;
pub(crate) mod gates;
pub(crate) mod handoffs;
pub(crate) mod inputs;
pub(crate) mod runs;
pub(crate) mod slas;
