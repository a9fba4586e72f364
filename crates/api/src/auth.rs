//! Authentication: bearer tokens in, [`Caller`] out.
//!
//! Invariants: a token is accepted only with the one algorithm, issuer, audience and token type of this service (RFC 8725);
//! the organisation comes from the verified token and from nowhere else (DESIGN invariant 10); time is the clock passed in.
//! Handlers take a [`Caller`] and ask it for the permission that they need; there is no route-level switch to forget.

mod caller;
mod secret;
mod token;

pub use caller::{Authenticator, Caller};
pub use secret::{Secret, WeakSecret};
pub use token::{Claims, Keys, LIFETIME, Refusal};
