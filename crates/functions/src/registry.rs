//! The functions by the names that definitions call them by, over the modules of this crate.
//!
//! Each takes the evaluated arguments as JSON and gives JSON. What may go away by itself is
//! attempted a few times here, under the same key; `call: http` never is, because there the
//! definition says what a status means.

mod forge;
mod outside;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    CallContext, CallFuture, Data, Descriptor, Fault, FaultKind, Function, FunctionName, Idempotency, Outcome,
};
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::egress::Egress;
use crate::forge::Forge;
use crate::generate::CodeGenerator;
use crate::http::Tokens;
use crate::mail::Mailer;
use crate::process;

/// What the functions work with.
#[derive(Debug)]
pub struct Parts {
    /// The way out by HTTP.
    pub egress: Egress,
    /// The access tokens that calls have been given.
    pub tokens: Tokens,
    /// Sends mail; without one, `send-mail` fails and says what to configure.
    pub mailer: Option<Mailer>,
    /// Makes repositories.
    pub generator: CodeGenerator,
    /// Keeps them and runs their pipelines.
    pub forge: Arc<dyn Forge>,
    /// Whom new repositories belong to.
    pub owner: String,
    /// What the processes of definitions may use; without it, there are none.
    pub processes: Option<process::Limits>,
}

/// All functions of this crate.
pub fn registry(parts: Parts) -> Vec<Arc<dyn Function>> {
    let parts = Arc::new(parts);
    let minute = Duration::from_secs(60);
    let host = |name: &str, version: &str, idempotency, timeout, body: Body| -> Arc<dyn Function> {
        let name = FunctionName { name: name.into(), version: version.into() };
        Arc::new(Host { descriptor: Descriptor { name, idempotency, timeout }, parts: Arc::clone(&parts), body })
    };
    use Idempotency::{Keyed, Natural, None as Repeats};
    let mut functions = vec![
        host("http", "", Keyed, minute, outside::http),
        host("openapi", "", Keyed, minute, outside::openapi),
        host("a2a", "", Keyed, 2 * minute, outside::a2a),
        host("mcp", "", Keyed, 2 * minute, outside::mcp),
        host("send-mail", "1.0.0", Keyed, 2 * minute, outside::send_mail),
        host("generate-code", "1.0.0", Natural, 15 * minute, outside::generate_code),
        host("commit-code", "1.0.0", Keyed, 5 * minute, forge::commit_code),
        host("dispatch-ci", "1.0.0", Keyed, 2 * minute, forge::dispatch_ci),
        host("rerun-ci", "1.0.0", Keyed, 2 * minute, forge::rerun_ci),
        host("cancel-ci", "1.0.0", Natural, 2 * minute, forge::cancel_ci),
        host("reconcile-ci", "1.0.0", Natural, 2 * minute, forge::reconcile_ci),
    ];
    if let Some(limits) = parts.processes {
        let longest = limits.time + minute;
        functions.extend(["shell", "script"].map(|name| host(name, "", Repeats, longest, outside::process)));
    }
    functions
}

type Answer<'a> = BoxFuture<'a, Result<Value, Failed>>;
type Body = for<'a> fn(&'a Parts, &'a CallContext, Value) -> Answer<'a>;

/// How a function failed.
#[derive(Debug)]
struct Failed {
    fault: Fault,
    /// Whether another attempt may succeed; none where none can.
    retry: Option<Retry>,
}

/// What another attempt needs.
#[derive(Debug)]
struct Retry {
    /// The least time until it may succeed.
    after: Duration,
    /// How many attempts there may be in all.
    attempts: u32,
}

impl Failed {
    fn for_good(kind: FaultKind, detail: impl fmt::Display) -> Self {
        Self { fault: Fault::new(kind, detail.to_string()), retry: None }
    }

    fn for_now(kind: FaultKind, detail: impl fmt::Display, after: Duration) -> Self {
        Self { fault: Fault::new(kind, detail.to_string()), retry: Some(Retry { after, attempts: ATTEMPTS }) }
    }
}

/// Attempts of one call before its failure is the run's to handle.
const ATTEMPTS: u32 = 3;

/// Attempts of one that looks for what it has begun; at most a minute apart, so that it gives up after one to two hours.
const LOOKS: u32 = 100;

struct Host {
    descriptor: Descriptor,
    parts: Arc<Parts>,
    body: Body,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.descriptor.name).finish_non_exhaustive()
    }
}

impl Function for Host {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn call<'a>(&'a self, context: &'a CallContext, input: Data) -> CallFuture<'a> {
        Box::pin(async move {
            match (self.body)(&self.parts, context, Value::from(&input)).await {
                Ok(value) => Outcome::Done(value.into()),
                Err(Failed { fault, retry: Some(Retry { after, attempts }) }) if context.attempt < attempts => {
                    Outcome::Retry { after, fault }
                }
                Err(Failed { fault, .. }) => Outcome::Fail(fault),
            }
        })
    }
}

/// The arguments as a type, or a validation error that says what is wrong.
fn arguments<T: DeserializeOwned>(input: Value) -> Result<T, Failed> {
    serde_json::from_value(input).map_err(|error| Failed::for_good(FaultKind::Validation, error))
}

#[cfg(test)]
mod tests;
