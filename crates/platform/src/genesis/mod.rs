//! Genesis: the constitutional check that every creation has to pass.
//!
//! [`policies`] holds the rules and judges a manifest by them, in process; [`verdict`] is what comes
//! out. Where an installation has its Genesis elsewhere, [`remote`] has the messages and
//! [`signature`] the proof that we sent them, and [`client`] sends.
//!
//! Everything here fails closed: whatever goes wrong is an error, and an error is no approval.
//! There is no way to override a rejection.

pub mod client;
pub mod policies;
pub mod remote;
pub mod signature;
pub mod verdict;

pub use policies::{Policies, PolicyError};
pub use verdict::Verdict;
