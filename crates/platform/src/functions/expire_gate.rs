//! `expire-gate:1.0.0`: ends a gate whose time has passed, and says what it became. A decision that came first wins.

use engine::CallContext;
use serde::{Deserialize, Serialize};
use store::Connection;
use store::gates::{self, GateId, GateState};
use uuid::Uuid;

use super::Handler;
use crate::error::Error;
use crate::gates::{DecisionView, show};

pub(super) struct ExpireGate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    gate_id: Uuid,
}

/// The same shape as the data of [`gates::RESOLVED`].
#[derive(Serialize)]
pub(super) struct Output {
    gate: Uuid,
    state: GateState,
    approvals: u32,
    decisions: Vec<DecisionView>,
}

impl Handler for ExpireGate {
    const NAME: &str = "expire-gate";
    type Input = Input;
    type Output = Output;

    async fn handle(&self, connection: &mut Connection, context: &CallContext, input: Input) -> Result<Output, Error> {
        let id = input.gate_id;
        if show(connection, context.org, id).await?.run_id != context.run {
            return Err(Error::forbidden("own_run", format!("gate {id} was opened by another run")));
        }
        gates::expire(connection, context.org, GateId(id), context.now).await?;
        let gate = show(connection, context.org, id).await?;
        if gate.status == GateState::Pending {
            return Err(Error::conflict("gate_open", format!("the time of gate {id} has not passed")));
        }
        Ok(Output { gate: id, state: gate.status, approvals: gate.approvals, decisions: gate.decisions })
    }
}
