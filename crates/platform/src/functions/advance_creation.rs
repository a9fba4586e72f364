//! `advance-creation:1.0.0`: moves a creation to the state that its run has reached.
//!
//! The run says where to; which event that is follows from where the creation stands, and the pure state machine decides
//! whether it may happen. Only the run that carries out a creation moves it, and only with a verdict on its own manifest.
//! Handoff states and failed builds have doors of their own and are refused here.

use engine::CallContext;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::types::Json;
use store::Connection;

use super::Handler;
use crate::actor::Cause;
use crate::creations::builds::{Dispatched, Verdict};
use crate::creations::rows::{self, Creation};
use crate::creations::state::{Event, Status};
use crate::creations::{build_rows, transition};
use crate::error::Error;
use crate::ids::CreationId;
use crate::{agents, input::Invalid, input::Violation};

pub(super) struct AdvanceCreation;

/// Where a creation goes, with what is known there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    creation_id: CreationId,
    to: Status,
    /// For `genesis_*`: what Genesis said.
    verdict: Option<Value>,
    /// For `code_generation_failed` and `cancelled`: the error.
    error: Option<Value>,
    /// For `cicd_running`: where the code is.
    code: Option<Value>,
    /// For `cicd_running`: the build that was dispatched.
    ci: Option<Value>,
}

/// Where it is now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    creation_id: CreationId,
    status: Status,
    version: i64,
}

impl Handler for AdvanceCreation {
    const NAME: &str = "advance-creation";
    type Input = Input;
    type Output = Output;

    async fn handle(&self, connection: &mut Connection, context: &CallContext, input: Input) -> Result<Output, Error> {
        let cause = Cause::from(context);
        let mut creation = transition::lock_own(connection, context, input.creation_id).await?;
        let event = event(connection, context, &creation, &input).await?;
        let details = note(&mut creation, &input)?;
        if let (Status::CicdRunning, Some(code)) = (input.to, &creation.code) {
            agents::rows::set_repository(connection, context.org, creation.agent(), code, context.now).await?;
        }
        transition::apply(connection, &cause, &mut creation, event, details, context.now).await?;
        Ok(Output { creation_id: input.creation_id, status: creation.state.status(), version: creation.version })
    }
}

/// The event that leads from where the creation stands to where the run wants it.
async fn event(
    connection: &mut Connection,
    context: &CallContext,
    creation: &Creation,
    input: &Input,
) -> Result<Event, Error> {
    Ok(match input.to {
        Status::GenesisApproved => {
            let verdict = verdict(input, "approved")?;
            on_this_manifest(connection, context, input, verdict).await?;
            // A Genesis elsewhere does not name its policies.
            let policy_hash = verdict.get("policy_hash").and_then(Value::as_str).unwrap_or("remote").to_owned();
            Event::GenesisApproved { policy_hash }
        }
        Status::GenesisRejected => {
            let reason = text(Some(verdict(input, "rejected")?), "verdict", "reason")?.to_owned();
            Event::GenesisRejected { reason }
        }
        Status::GenesisTimeout => Event::GenesisTimedOut,
        Status::GenesisValidationPending => Event::GenesisRetried,
        Status::CodeGeneration if creation.state.status() == Status::CodeGenerationFailed => {
            Event::CodeGenerationRetried
        }
        Status::CodeGeneration => Event::CodeGenerationStarted,
        Status::CodeGenerationFailed => Event::CodeGenerationFailed { error: error(input) },
        Status::CicdRunning if creation.state.status() == Status::CicdFailed => Event::CicdRetried,
        Status::CicdRunning => Event::CodeGenerated { branch: text(input.code.as_ref(), "code", "branch")?.to_owned() },
        Status::DeploymentReady => {
            all_passed(connection, context, creation).await?;
            Event::CicdPassed
        }
        // An Admin has refused to pass what Genesis approved (`REQUIREMENTS A2`).
        Status::Cancelled => Event::Cancelled { reason: error(input) },
        other @ (Status::CicdFailed | Status::HandoffPending | Status::HandoffComplete) => {
            let detail = format!("a run does not make a creation {other}: its service does");
            return Err(Error::conflict("own_door", detail));
        }
    })
}

/// A verdict that says what it was given on was given on this creation's manifest.
async fn on_this_manifest(
    connection: &mut Connection,
    context: &CallContext,
    input: &Input,
    verdict: &Value,
) -> Result<(), Error> {
    let Some(judged) = verdict.get("manifest_hash") else { return Ok(()) };
    let manifest = rows::manifest(connection, context.org, input.creation_id).await?;
    if judged.as_str() == Some(&manifest.hash()) {
        return Ok(());
    }
    Err(Error::conflict("same_manifest", "the verdict was given on another manifest than this creation's"))
}

/// Whatever the run believes: nothing is ready whose five stages and build did not pass.
async fn all_passed(connection: &mut Connection, context: &CallContext, creation: &Creation) -> Result<(), Error> {
    let id = CreationId(creation.creation_id);
    let builds = build_rows::read(connection, context.org, id).await?;
    match builds.verdict(&creation.dispatched()) {
        Verdict::Passed => Ok(()),
        Verdict::Running | Verdict::Failed { .. } => Err(Error::conflict(
            "all_stages_passed",
            "not all five stages of the build and the build itself have passed",
        )),
    }
}

/// Keeps what the run brought with it. Returns what the audit trail should know of it.
fn note(creation: &mut Creation, input: &Input) -> Result<Value, Error> {
    if let Some(verdict) = &input.verdict {
        creation.verdict = Some(verdict.clone());
    }
    if input.to == Status::CicdRunning {
        let ci = input.ci.as_ref().ok_or_else(|| missing("/ci"))?;
        creation.build = Some(Json(dispatched(creation.build.as_deref(), ci)));
        if let Some(code) = &input.code {
            creation.code = Some(code.clone());
        }
    }
    Ok(json!({"verdict": input.verdict, "error": input.error, "code": input.code, "build": input.ci}))
}

/// The build as its dispatch describes it; the next attempt of the same build, where it does not count.
fn dispatched(before: Option<&Dispatched>, ci: &Value) -> Dispatched {
    let run_id = ci.get("runId").and_then(Value::as_i64);
    let again = before.filter(|before| before.run_id == run_id).map_or(1, |before| before.attempt + 1);
    let url = ci.get("url").and_then(Value::as_str).map(str::to_owned);
    Dispatched { run_id, attempt: ci.get("attempt").and_then(Value::as_i64).unwrap_or(again), url }
}

/// The verdict, which must be the one that the new state needs.
fn verdict<'a>(input: &'a Input, status: &str) -> Result<&'a Value, Error> {
    let verdict = input.verdict.as_ref().ok_or_else(|| missing("/verdict"))?;
    if text(Some(verdict), "verdict", "status")? != status {
        let detail = format!("{} takes a verdict that is {status}", input.to);
        return Err(Error::conflict("genesis_decides", detail));
    }
    Ok(verdict)
}

fn text<'a>(value: Option<&'a Value>, name: &str, field: &str) -> Result<&'a str, Error> {
    let text = value.and_then(|value| value.get(field)).and_then(Value::as_str);
    text.ok_or_else(|| missing(&format!("/{name}/{field}")))
}

fn missing(path: &str) -> Error {
    Invalid(vec![Violation::new("required", path, "is required to go there")]).into()
}

/// The error in one line, as people read it.
fn error(input: &Input) -> String {
    let part = |name| input.error.as_ref().and_then(|error| error.get(name)).and_then(Value::as_str);
    let title = part("title").or_else(|| part("type")).unwrap_or("no reason was given");
    part("detail").map_or_else(|| title.to_owned(), |detail| format!("{title}: {detail}"))
}
