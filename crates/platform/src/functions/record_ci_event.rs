//! `record-ci-event:1.0.0`: takes note of what the forge reported, and says what follows (`REQUIREMENTS R63, A29-A31`).
//!
//! Any order and any number of repetitions of the same reports leave the same rows. The creation becomes `cicd_failed` with
//! the report that decides; that it passed is for its run to act on.

use engine::CallContext;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Connection;

use super::Handler;
use crate::actor::Cause;
use crate::creations::builds::{Builds, Verdict};
use crate::creations::reports::Report;
use crate::creations::rows::{self, Creation};
use crate::creations::state::{Event, Status};
use crate::creations::{build_rows, transition};
use crate::error::Error;
use crate::ids::CreationId;

pub(super) struct RecordCiEvent;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    creation_id: CreationId,
    /// GitHub's payloads; those that are no reports of ours are ignored.
    reports: Vec<Value>,
}

impl Handler for RecordCiEvent {
    const NAME: &str = "record-ci-event";
    type Input = Input;
    type Output = Verdict;

    async fn handle(&self, connection: &mut Connection, context: &CallContext, input: Input) -> Result<Verdict, Error> {
        let cause = Cause::from(context);
        let mut creation = transition::lock_own(connection, context, input.creation_id).await?;
        let status = creation.state.status();
        let dispatched = match (status, creation.build.as_deref()) {
            (Status::CicdRunning | Status::CicdFailed, Some(dispatched)) => dispatched.clone(),
            _ => {
                let detail = format!("the creation is {status}: it waits for no build");
                return Err(Error::conflict("build_under_way", detail));
            }
        };
        let reports = input.reports.iter().filter_map(Report::read);
        let ours = reports.filter(|report| dispatched.run_id.is_none_or(|run_id| report.attempt.run_id == run_id));
        let (builds, news) = record(connection, context, input.creation_id, ours).await?;
        let verdict = builds.verdict(&dispatched);
        match &verdict {
            Verdict::Failed { failed_stage, conclusion } if status == Status::CicdRunning => {
                let details = json!({"stage": failed_stage, "conclusion": conclusion});
                let failed = Event::CicdFailed { stage: *failed_stage };
                transition::apply(connection, &cause, &mut creation, failed, details, context.now).await?;
            }
            Verdict::Running | Verdict::Passed | Verdict::Failed { .. } if news => {
                touch(connection, context, &mut creation).await?;
            }
            Verdict::Running | Verdict::Passed | Verdict::Failed { .. } => {}
        }
        Ok(verdict)
    }
}

/// Writes the reports that say something new. Returns everything that is known now.
async fn record(
    connection: &mut Connection,
    context: &CallContext,
    creation: CreationId,
    reports: impl Iterator<Item = Report>,
) -> Result<(Builds, bool), Error> {
    let mut builds = build_rows::read(connection, context.org, creation).await?;
    let mut news = false;
    for report in reports {
        if builds.take(report.clone()) {
            news = true;
            build_rows::write(connection, context.org, creation, &report).await?;
        }
    }
    Ok((builds, news))
}

/// Those who poll see that there is something new.
async fn touch(connection: &mut Connection, context: &CallContext, creation: &mut Creation) -> Result<(), Error> {
    Ok(rows::save(connection, context.org, creation, context.now).await?)
}
