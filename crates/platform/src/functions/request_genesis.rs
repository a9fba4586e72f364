//! `request-genesis:1.0.0`: asks Genesis for a verdict on a manifest (`REQUIREMENTS R61`). The one function here that is not
//! transactional.
//!
//! The built-in Genesis reads its policies anew for every question, so that an edited rule counts from the next one on. A
//! remote Genesis may answer later, by a callback that names the request. Whatever goes wrong is a fault, never an approval.

use std::path::PathBuf;
use std::time::Duration;

use engine::{
    CallContext, CallFuture, Data, Descriptor, Fault, FaultKind, Function, FunctionName, Idempotency, Outcome,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::agents::Manifest;
use crate::genesis::client::{self, Client};
use crate::genesis::remote::{Answer, Question};
use crate::genesis::{Policies, PolicyError};

/// A minute covers the client's own time limit.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where Genesis is.
#[derive(Debug, Clone)]
pub enum Genesis {
    /// In this process, by the policies of a directory or else by those that were shipped.
    BuiltIn(Option<PathBuf>),
    /// Elsewhere.
    Remote(Client),
}

/// The function.
#[derive(Debug)]
pub struct RequestGenesis {
    descriptor: Descriptor,
    genesis: Genesis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    kind: Kind,
    #[expect(dead_code, reason = "it names the request in histories and logs; Genesis judges the manifest")]
    subject_id: String,
    manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    AgentCreation,
}

/// The answer of a remote Genesis, with the name under which a later one is awaited.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    request_id: Uuid,
    #[serde(flatten)]
    answer: Answer,
}

impl RequestGenesis {
    /// Asks this Genesis.
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        let name = FunctionName { name: "request-genesis".into(), version: "1.0.0".into() };
        Self { descriptor: Descriptor { name, idempotency: Idempotency::Keyed, timeout: TIMEOUT }, genesis }
    }
}

impl Function for RequestGenesis {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn call<'a>(&'a self, context: &'a CallContext, input: Data) -> CallFuture<'a> {
        Box::pin(async move {
            let Input { kind: Kind::AgentCreation, manifest, .. } = match serde_json::from_value(Value::from(&input)) {
                Ok(input) => input,
                Err(error) => {
                    let detail = format!("the input of request-genesis cannot be read: {error}");
                    return Outcome::Fail(Fault::new(FaultKind::Validation, detail));
                }
            };
            match &self.genesis {
                Genesis::BuiltIn(directory) => judge(directory.clone(), manifest).await,
                Genesis::Remote(client) => ask(client, context, &manifest).await,
            }
        })
    }
}

/// Judges in process, away from the threads that drive runs.
async fn judge(directory: Option<PathBuf>, manifest: Manifest) -> Outcome {
    let judged = tokio::task::spawn_blocking(move || Policies::open(directory.as_deref())?.judge(&manifest)).await;
    match judged {
        Ok(Ok(verdict)) => Outcome::Done(json!(verdict).into()),
        Ok(Err(error)) => Outcome::Fail(broken(&error)),
        Err(error) => Outcome::Fail(Fault::new(FaultKind::Runtime, format!("the judging broke off: {error}"))),
    }
}

fn broken(error: &PolicyError) -> Fault {
    Fault::new(FaultKind::Configuration, error.to_string())
}

async fn ask(client: &Client, context: &CallContext, manifest: &Manifest) -> Outcome {
    // One name per request: an answer to an earlier one, which was given up, is no answer to this.
    let request_id = Uuid::new_v5(&context.run.0, context.idempotency_key.as_bytes());
    let question = Question::new(request_id, manifest);
    match client.ask(&question, &request_id.to_string(), context.now).await {
        Ok(answer) => Outcome::Done(json!(Asked { request_id, answer }).into()),
        Err(client::Error::RateLimited { retry_after }) => Outcome::Retry {
            after: retry_after,
            fault: Fault::new(FaultKind::Communication, "Genesis is asked too often").with_status(429),
        },
        Err(error) => Outcome::Fail(Fault::new(FaultKind::Communication, error.to_string())),
    }
}
