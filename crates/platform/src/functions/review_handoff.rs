//! `review-handoff:1.0.0`: where a handoff stands when its review begins.
//!
//! The review's run starts a moment after the submission, and a run never sees events from before its start: a reviewer who
//! was faster would be waited for in vain. What this returns for a decided handoff is what its event said. A decision that is
//! under way is waited for; one that comes later is published after the run's start, whenever its request came.

use engine::CallContext;
use serde::{Deserialize, Serialize};
use store::Connection;

use super::Handler;
use crate::error::Error;
use crate::handoffs;
use crate::ids::HandoffId;

pub(super) struct ReviewHandoff;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    handoff_id: HandoffId,
}

/// The decision is null while there is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    handoff_id: HandoffId,
    decision: Option<&'static str>,
    reason: Option<String>,
    decided_by: Option<String>,
}

impl Handler for ReviewHandoff {
    const NAME: &str = "review-handoff";
    type Input = Input;
    type Output = Output;

    async fn handle(&self, connection: &mut Connection, context: &CallContext, input: Input) -> Result<Output, Error> {
        handoffs::rows::hold(connection, context.org, input.handoff_id).await?;
        let handoff = handoffs::show(connection, context.org, input.handoff_id).await?;
        Ok(Output {
            handoff_id: input.handoff_id,
            decision: handoff.reviewed_by.is_some().then_some(handoff.status),
            reason: handoff.rejection_reason,
            decided_by: handoff.reviewed_by,
        })
    }
}
