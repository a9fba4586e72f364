//! HTTP, mail and code generation as functions.

use std::time::Duration;

use engine::{CallContext, Fault, FaultKind};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Answer, Failed, Parts, arguments};
use crate::generate::{self, Manifest};
use crate::{http, mail, openapi, process, rpc};

const SOON: Duration = Duration::from_secs(10);

/// `call: http`.
pub(super) fn http<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: http::Input = configured("http", input)?;
        let called = http::call(&parts.egress, &parts.tokens, &input, &context.idempotency_key).await;
        called.map_err(|error| failed(&error))
    })
}

/// `call: openapi`.
pub(super) fn openapi<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: openapi::Input = configured("openapi", input)?;
        let called = openapi::call(&parts.egress, &parts.tokens, input, &context.idempotency_key).await;
        called.map_err(|error| failed(&error))
    })
}

/// `call: a2a`.
pub(super) fn a2a<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: rpc::AgentInput = configured("a2a", input)?;
        let called = rpc::call_agent(&parts.egress, &parts.tokens, input, &context.idempotency_key).await;
        called.map_err(|error| failed(&error))
    })
}

/// `call: mcp`.
pub(super) fn mcp<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: rpc::ToolsInput = configured("mcp", input)?;
        let called = rpc::call_tools(&parts.egress, &parts.tokens, input, &context.idempotency_key).await;
        called.map_err(|error| failed(&error))
    })
}

/// `run.shell` and `run.script`.
pub(super) fn process<'a>(parts: &'a Parts, _: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: process::Input = configured("run", input)?;
        let limits = parts.processes.unwrap_or_default();
        process::run(limits, &input).await.map_err(|error| {
            let kind = match &error {
                process::Error::Timeout(_) => FaultKind::Timeout,
                _ => FaultKind::Runtime,
            };
            Failed::for_good(kind, error)
        })
    })
}

fn configured<T: DeserializeOwned>(protocol: &str, input: Value) -> Result<T, Failed> {
    serde_json::from_value(input)
        .map_err(|error| Failed::for_good(FaultKind::Configuration, format!("call: {protocol}: {error}")))
}

fn failed(error: &http::Error) -> Failed {
    let kind = match error.kind() {
        "configuration" => FaultKind::Configuration,
        "authentication" => FaultKind::Authentication,
        "timeout" => FaultKind::Timeout,
        "runtime" => FaultKind::Runtime,
        _ => FaultKind::Communication,
    };
    Failed { fault: Fault::new(kind, error.to_string()).with_status(error.status()), retry: None }
}

/// `send-mail`: `{to, subject, text, html?}` → `{messageId}`.
pub(super) fn send_mail<'a>(parts: &'a Parts, context: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let mail: mail::Mail = arguments(input)?;
        let Some(mailer) = &parts.mailer else {
            let why = "no mail server is configured, so that no mail can be sent";
            return Err(Failed::for_good(FaultKind::Configuration, why));
        };
        match mailer.send(&mail, &context.idempotency_key).await {
            Ok(id) => Ok(json!({"messageId": id})),
            Err(error @ mail::Error::Transient(_)) => Err(Failed::for_now(FaultKind::Communication, error, SOON)),
            Err(error @ mail::Error::Mail(_)) => Err(Failed::for_good(FaultKind::Validation, error)),
            Err(error @ mail::Error::Permanent(_)) => Err(Failed::for_good(FaultKind::Communication, error)),
            Err(error @ (mail::Error::Config(_) | mail::Error::Secret(_))) => {
                Err(Failed::for_good(FaultKind::Configuration, error))
            }
        }
    })
}

#[derive(Deserialize)]
struct Generate {
    manifest: Value,
}

/// `generate-code`: `{manifest}` → `{generator, files: [{path, contents, executable}]}`.
pub(super) fn generate_code<'a>(parts: &'a Parts, _: &'a CallContext, input: Value) -> Answer<'a> {
    Box::pin(async move {
        let input: Generate = arguments(input)?;
        let made = match Manifest::from_json(input.manifest) {
            Ok(manifest) => parts.generator.generate(&manifest).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(made) => Ok(json!(made)),
            Err(error @ generate::Error::Manifest(_)) => Err(Failed::for_good(FaultKind::Validation, error)),
            Err(generate::Error::Unavailable { detail, after }) => {
                Err(Failed::for_now(FaultKind::Communication, detail, after.unwrap_or(SOON)))
            }
            Err(error @ generate::Error::Refused { .. }) => Err(Failed::for_good(FaultKind::Communication, error)),
            Err(error @ generate::Error::Files(_)) => Err(Failed::for_now(FaultKind::Runtime, error, SOON)),
            Err(error @ generate::Error::Template(_)) => Err(Failed::for_good(FaultKind::Runtime, error)),
        }
    })
}
