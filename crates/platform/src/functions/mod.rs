//! The functions by which runs move the domain: each runs in the transaction that records its result, exactly once.
//!
//! A function reads its input strictly, does its work over the connection it is given, and answers. What it refuses is a
//! fault of the run, with the rule in words; what the database refuses is the worker's to repeat.

mod advance_creation;
mod expire_gate;
mod open_gate;
mod record_breach;
mod record_ci_event;
mod request_genesis;
mod review_handoff;

use std::sync::Arc;
use std::time::Duration;

use engine::{CallContext, Data, Descriptor, Fault, FaultKind, FunctionName, Idempotency, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Connection, TransactionalFunction, TransactionalFuture};

use crate::error::Error;

pub use request_genesis::{Genesis, RequestGenesis};

/// How long the database may take over one function.
const TIMEOUT: Duration = Duration::from_secs(30);

/// All transactional functions of the domain. Missed promises are escalated to `escalate_to`, an Admin's address.
#[must_use]
pub fn functions(escalate_to: &str) -> Vec<Arc<dyn TransactionalFunction>> {
    let escalate_to = escalate_to.to_owned();
    vec![
        hosted(advance_creation::AdvanceCreation),
        hosted(record_ci_event::RecordCiEvent),
        hosted(open_gate::OpenGate),
        hosted(expire_gate::ExpireGate),
        hosted(review_handoff::ReviewHandoff),
        hosted(record_breach::RecordOlaBreach { escalate_to: escalate_to.clone() }),
        hosted(record_breach::RecordGenesisDelay { escalate_to }),
    ]
}

/// What a function does, apart from being one.
trait Handler: Send + Sync + 'static {
    /// As definitions call it; its version is 1.0.0.
    const NAME: &str;

    /// What it takes. Unknown fields are refused.
    type Input: DeserializeOwned + Send;

    /// What it returns.
    type Output: Serialize;

    /// Does it.
    fn handle(
        &self,
        connection: &mut Connection,
        context: &CallContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

struct Hosted<H> {
    descriptor: Descriptor,
    handler: H,
}

fn hosted<H: Handler>(handler: H) -> Arc<dyn TransactionalFunction> {
    let name = FunctionName { name: H::NAME.into(), version: "1.0.0".into() };
    let descriptor = Descriptor { name, idempotency: Idempotency::Natural, timeout: TIMEOUT };
    Arc::new(Hosted { descriptor, handler })
}

impl<H: Handler> TransactionalFunction for Hosted<H> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn call<'a>(
        &'a self,
        connection: &'a mut Connection,
        context: &'a CallContext,
        input: Data,
    ) -> TransactionalFuture<'a> {
        Box::pin(async move {
            let input = match serde_json::from_value(Value::from(&input)) {
                Ok(input) => input,
                Err(error) => {
                    let detail = format!("the input of {} cannot be read: {error}", H::NAME);
                    return Ok(Outcome::Fail(Fault::new(FaultKind::Validation, detail)));
                }
            };
            match self.handler.handle(connection, context, input).await {
                Ok(output) => Ok(Outcome::Done(returned(&output))),
                Err(error) => error.into_fault().map(Outcome::Fail),
            }
        })
    }
}

fn returned(output: &impl Serialize) -> Data {
    serde_json::to_value(output).expect("invariant: what functions return is plain JSON").into()
}
