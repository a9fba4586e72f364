//! Runs: start, list, show, history, and the commands that people give them.
//!
//! Commands become rows of the run's inbox, never facts (DESIGN 5, 7); each leaves its row in the audit trail, committed with
//! it. A run's data (output, history) is for those who may inspect it; how it stands is for everybody who may read.

mod views;

use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, Utc};
use engine::{Data, RunId};
use platform::access::Permission;
use serde::Deserialize;
use serde_json::Value;
use store::{
    Hint, audit,
    commands::{self, Command},
    definitions,
    runs::{self, Cursor, Filter, NewRun},
};
use utoipa::IntoParams;

use self::views::{Acknowledged, HistoryEntry, HistoryPage, Run, RunPage, Started};
use super::inputs::{DefinitionName, Nothing, Reason, StartRun};
use crate::{
    Api, RequestId,
    auth::Caller,
    etag,
    id::Id,
    page::{self, Params},
    post::Post,
    problem::{Document, Problem, Violation},
    request,
    unit::{Answer, Handled, Unit},
};

/// Starts a run of a registered definition, unless it is one of the service's own workflows.
#[utoipa::path(
    post, path = "/runs", tag = "runs", security(("bearer" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "A repeated request under the same key gets the first answer")),
    request_body = ref("#/components/schemas/StartRun"),
    responses((status = 201, body = Started), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn start(State(api): State<Api>, caller: Caller, id: RequestId, post: Post) -> Handled {
    caller.require(Permission::StartRuns)?;
    let (body, key) = post.read::<StartRun>()?;
    refuse_reserved(&body.definition)?;
    let mut unit = api.begin(&caller, key).await?;
    let run = RunId(request::fresh_id(unit.at()));
    let DefinitionName { namespace, name, version } = body.definition;
    let definition = definitions::find(unit.connection(), caller.org, &namespace, &name, version.as_deref()).await?;
    let input = Data::from(body.input);
    if let Some(schema) = &api.library().get_on(unit.connection(), caller.org, definition).await?.workflow.input.schema
    {
        schema.validate(&input).map_err(refuse_input)?;
    }
    let new = NewRun {
        id: run,
        org: caller.org,
        definition,
        input,
        queue: body.queue.unwrap_or_else(|| "default".to_owned()),
        priority: body.priority.into(),
        started_by: caller.actor(),
        at: unit.at(),
    };
    let queue = new.queue.as_str().into();
    runs::start(unit.connection(), &new).await?;
    record(&mut unit, &caller, &id, run, "run.started", Value::Null).await?;
    unit.hint(Hint::Queue(queue));
    let answer = Answer::created(format!("/runs/{run}"), &Started::new(run, unit.at()))?;
    unit.finish(&api, answer).await
}

/// A forged run of one of our own workflows would send mail, open gates and commit code on terms that no service has checked.
fn refuse_reserved(definition: &DefinitionName) -> Result<(), Problem> {
    if definition.namespace != platform::NAMESPACE {
        return Ok(());
    }
    let message =
        format!("runs of {}/{} are started by the endpoints that ask for them", definition.namespace, definition.name);
    Err(Problem::invalid(vec![Violation::new("/definition/namespace", "reserved", message)]))
}

/// What a run would fault with is told to who starts it.
fn refuse_input(violations: Vec<::definitions::Violation>) -> Problem {
    let violations = violations.into_iter();
    Problem::invalid(violations.map(|v| Violation::new(format!("/input{}", v.path), v.rule, v.message)).collect())
}

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// `running`, `suspended`, `completed`, `faulted`, `cancelled` or `quarantined`.
    phase: Option<String>,
    /// `namespace/name` of a definition.
    definition: Option<String>,
    /// The run whose children to list.
    parent: Option<uuid::Uuid>,
    /// Created at or after this.
    since: Option<DateTime<Utc>>,
    /// Created before this.
    before: Option<DateTime<Utc>>,
    /// Items of the page, 1 to 200; 50 unless said otherwise.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

const PHASES: [&str; 6] = ["running", "suspended", "completed", "faulted", "cancelled", "quarantined"];

impl Wanted {
    fn filter(&self) -> Result<Filter, Problem> {
        let mut violations = Vec::new();
        if self.phase.as_deref().is_some_and(|phase| !PHASES.contains(&phase)) {
            violations.push(Violation::new("phase", "enum", format!("must be one of {}", PHASES.join(", "))));
        }
        let definition = self.definition.as_deref().map(|text| text.split_once('/'));
        if definition == Some(None) {
            violations.push(Violation::new("definition", "format", "must be namespace/name"));
        }
        if !violations.is_empty() {
            return Err(Problem::invalid(violations));
        }
        Ok(Filter {
            phase: self.phase.clone(),
            definition: definition.flatten().map(|(namespace, name)| (namespace.to_owned(), name.to_owned())),
            parent: self.parent.map(RunId),
            since: self.since,
            before: self.before,
        })
    }
}

/// Lists runs, the newest first.
#[utoipa::path(
    get, path = "/runs", tag = "runs", security(("bearer" = [])), params(Wanted),
    responses((status = 200, body = RunPage), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(wanted): Params<Wanted>,
) -> Result<axum::Json<RunPage>, Problem> {
    caller.require(Permission::ReadRuns)?;
    let (filter, limit) = (wanted.filter()?, page::limit(wanted.limit)?);
    let after = wanted.cursor.as_deref().map(page::read_cursor).transpose()?;
    let after = after.map(|(created_at, id)| Cursor { created_at, id: RunId(id) });
    let mut unit = api.open(&caller).await?;
    let found = runs::list(unit.connection(), caller.org, &filter, after, limit + 1).await?;
    Ok(axum::Json(RunPage::new(found, limit)))
}

/// Shows how a run stands; answers 304 to whoever knows it already.
#[utoipa::path(
    get, path = "/runs/{id}", tag = "runs", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The run")),
    responses(
        (status = 200, body = Run),
        (status = 304, description = "As in If-None-Match"),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Permission::ReadRuns)?;
    let mut unit = api.open(&caller).await?;
    let mut run = Run::from(runs::show(unit.connection(), caller.org, RunId(id.0)).await?);
    if caller.require(Permission::InspectHistory).is_err() {
        run = run.without_data();
    }
    etag::tagged(&headers, &run)
}

/// From where to read a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// The first fact, from 0.
    from: Option<u64>,
    /// Facts of the page, 1 to 200; 50 unless said otherwise.
    limit: Option<u32>,
}

/// Reads the history of a run: its facts, in order.
#[utoipa::path(
    get, path = "/runs/{id}/history", tag = "runs", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The run"), Since),
    responses((status = 200, body = HistoryPage), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn history(
    State(api): State<Api>,
    caller: Caller,
    id: Id,
    Params(wanted): Params<Since>,
) -> Result<axum::Json<HistoryPage>, Problem> {
    caller.require(Permission::InspectHistory)?;
    let (run, limit) = (RunId(id.0), page::limit(wanted.limit)?);
    let mut unit = api.open(&caller).await?;
    runs::show(unit.connection(), caller.org, run).await?;
    let facts = runs::facts(unit.connection(), caller.org, run, wanted.from.unwrap_or(0), limit + 1).await?;
    let entries = facts.into_iter().map(HistoryEntry::from).collect();
    Ok(axum::Json(HistoryPage::new(entries, limit)))
}

/// Cancels a run with all that it has started.
#[utoipa::path(
    post, path = "/runs/{id}/cancel", tag = "runs", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The run")),
    request_body = ref("#/components/schemas/Reason"),
    responses((status = 202, body = Acknowledged), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn cancel(State(api): State<Api>, caller: Caller, id: Id, request: RequestId, post: Post) -> Handled {
    caller.require(Permission::ControlRuns)?;
    let (Reason { reason }, key) = post.read()?;
    let unit = api.begin(&caller, key).await?;
    command(&api, unit, &caller, &request, RunId(id.0), Command::Cancel { reason }).await
}

/// Pauses a run: its timers stay due, events gather, nothing is carried out.
#[utoipa::path(
    post, path = "/runs/{id}/pause", tag = "runs", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The run")),
    responses((status = 202, body = Acknowledged), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn pause(State(api): State<Api>, caller: Caller, id: Id, request: RequestId, post: Post) -> Handled {
    plain(&api, &caller, &request, id, &post, Command::Suspend).await
}

/// Resumes a paused run.
#[utoipa::path(
    post, path = "/runs/{id}/resume", tag = "runs", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The run")),
    responses((status = 202, body = Acknowledged), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn resume(State(api): State<Api>, caller: Caller, id: Id, request: RequestId, post: Post) -> Handled {
    plain(&api, &caller, &request, id, &post, Command::Resume).await
}

/// Tries a run again that was set aside.
#[utoipa::path(
    post, path = "/runs/{id}/retry", tag = "runs", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The run")),
    responses((status = 202, body = Acknowledged), (status = "4XX", body = Document, content_type = "application/problem+json")),
)]
pub(crate) async fn retry(State(api): State<Api>, caller: Caller, id: Id, request: RequestId, post: Post) -> Handled {
    plain(&api, &caller, &request, id, &post, Command::Retry).await
}

async fn plain(api: &Api, caller: &Caller, request: &RequestId, id: Id, post: &Post, wanted: Command) -> Handled {
    caller.require(Permission::ControlRuns)?;
    let (Nothing {}, key) = post.read()?;
    let unit = api.begin(caller, key).await?;
    command(api, unit, caller, request, RunId(id.0), wanted).await
}

async fn command(
    api: &Api,
    mut unit: Unit,
    caller: &Caller,
    request: &RequestId,
    run: RunId,
    wanted: Command,
) -> Handled {
    tracing::Span::current().record("run.id", tracing::field::display(run));
    let queue = commands::send(unit.connection(), caller.org, run, &wanted).await?;
    let (action, details) = match wanted {
        Command::Cancel { reason } => ("run.cancel_requested", serde_json::json!({"reason": reason})),
        Command::Suspend => ("run.pause_requested", Value::Null),
        Command::Resume => ("run.resume_requested", Value::Null),
        Command::Retry => ("run.retry_requested", Value::Null),
    };
    record(&mut unit, caller, request, run, action, details).await?;
    unit.hint(Hint::Queue(queue.into()));
    let answer = Answer::accepted(&Acknowledged::new(run, action))?;
    unit.finish(api, answer).await
}

async fn record(
    unit: &mut Unit,
    caller: &Caller,
    request: &RequestId,
    run: RunId,
    action: &str,
    details: Value,
) -> Result<(), store::Error> {
    let entry = audit::Entry {
        actor: caller.actor(),
        action: action.to_owned(),
        subject: format!("run/{run}"),
        run: Some(run),
        correlation: request.as_str().to_owned(),
        details: details.into(),
    };
    let at = unit.at();
    audit::append(unit.connection(), caller.org, &entry, at).await?;
    unit.hint(Hint::Audit);
    Ok(())
}
