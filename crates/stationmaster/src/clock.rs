//! The one place that reads the machine's clock.

use std::sync::Arc;

use engine::Timestamp;

/// Now, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the binary is where time comes in; everything else is told")]
pub(crate) fn now() -> Timestamp {
    chrono::Utc::now()
}

/// The machine's clock, to be handed on.
pub(crate) fn machine() -> api::Clock {
    Arc::new(now)
}
