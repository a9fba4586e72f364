//! Identifiers of the domain: one newtype each, so that two of them cannot be swapped.

use chrono::{DateTime, Utc};
use uuid::{NoContext, Uuid};

/// A fresh identifier that sorts by the time it was made, which is given and not read from a clock.
pub(crate) fn fresh(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

engine::ids! {
    /// The creation of one agent.
    CreationId,
    /// One submission of an agent to the service team.
    HandoffId,
    /// One agreement about an agent's service levels.
    SlaId,
}
