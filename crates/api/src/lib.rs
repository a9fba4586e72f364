//! The HTTP API of Stationmaster: authentication, problem documents, webhook ingress, OpenAPI.
//!
//! ```text
//!  request ─ id ─ span ─ metrics ─ problems ─ panics ─ 30 s ─ route ─ Caller ─ permission ─ strict body ─ service
//! ```
//!
//! Invariants: every error is a problem document ([`problem`]); the organisation comes from the verified credential only
//! ([`auth`]); nothing of a webhook is read before its signature holds ([`webhooks`]); time is the [`Clock`] that the binary
//! passes in. This crate holds no rule of the domain and no SQL: it reads requests, asks a service, and writes the answer.
//!
//! Entry points: [`Api`] is what the routes need, [`router`] makes the routes, [`bind`] and [`serve`] run them.

use std::sync::Arc;

pub mod auth;
mod etag;
pub mod events;
pub mod health;
mod id;
pub mod json;
mod linger;
mod media;
pub mod metrics;
mod page;
mod post;
pub mod problem;
mod reference;
mod request;
mod routes;
mod server;
mod state;
pub mod stored;
mod unit;
pub mod webhooks;

pub use request::RequestId;
pub use server::{BindError, bind, openapi, router, serve, watch_router};
pub use state::{Api, Parts, Watched};

/// The clock of the process; only the binary makes one.
pub type Clock = Arc<dyn Fn() -> engine::Timestamp + Send + Sync>;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
