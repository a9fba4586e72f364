//! The rows of builds. Their creation is locked before they are read to be written, so that two reports cannot cross.

use engine::OrgId;
use serde::de::value::{Error as NameError, StrDeserializer};
use serde::{Deserialize, de::IntoDeserializer};
use store::Connection;

use super::builds::{Attempt, Builds, Seen};
use super::ci::{Stage, StageStatus};
use super::reports::{About, Report};
use crate::ids::CreationId;

/// Reads everything that was reported.
pub(crate) async fn read(connection: &mut Connection, org: OrgId, creation: CreationId) -> sqlx::Result<Builds> {
    let mut builds = Builds::default();
    let runs = sqlx::query!(
        "select ci_run, attempt, status, conclusion, url, started_at, completed_at
         from ci_runs where org_id = $1 and creation_id = $2",
        org.0,
        creation.0,
    );
    for row in runs.fetch_all(&mut *connection).await? {
        let seen = Seen {
            status: named(&row.status)?,
            conclusion: row.conclusion,
            started_at: row.started_at,
            completed_at: row.completed_at,
            url: row.url,
        };
        builds.runs.insert(Attempt { run_id: row.ci_run, attempt: row.attempt }, seen);
    }
    let stages = sqlx::query!(
        "select ci_run, attempt, stage, status, conclusion, url, started_at, completed_at
         from ci_stages where org_id = $1 and creation_id = $2",
        org.0,
        creation.0,
    );
    for row in stages.fetch_all(connection).await? {
        let seen = Seen {
            status: named(&row.status)?,
            conclusion: row.conclusion,
            started_at: row.started_at,
            completed_at: row.completed_at,
            url: row.url,
        };
        let attempt = Attempt { run_id: row.ci_run, attempt: row.attempt };
        builds.stages.insert((attempt, named(&row.stage)?), seen);
    }
    Ok(builds)
}

/// Writes the furthest report about a build or a stage over what was known of it.
pub(crate) async fn write(
    connection: &mut Connection,
    org: OrgId,
    creation: CreationId,
    report: &Report,
) -> sqlx::Result<()> {
    match report.about {
        About::Run => write_run(connection, org, creation, report).await,
        About::Stage(stage) => write_stage(connection, org, creation, stage, report).await,
    }
}

async fn write_run(
    connection: &mut Connection,
    org: OrgId,
    creation: CreationId,
    Report { attempt, seen, .. }: &Report,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into ci_runs (org_id, creation_id, ci_run, attempt, status, conclusion, url, started_at, completed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (org_id, creation_id, ci_run, attempt) do update
         set status = excluded.status, conclusion = excluded.conclusion, url = excluded.url,
             started_at = excluded.started_at, completed_at = excluded.completed_at",
        org.0,
        creation.0,
        attempt.run_id,
        attempt.attempt,
        status_name(seen.status),
        seen.conclusion,
        seen.url,
        seen.started_at,
        seen.completed_at,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn write_stage(
    connection: &mut Connection,
    org: OrgId,
    creation: CreationId,
    stage: Stage,
    Report { attempt, seen, .. }: &Report,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into ci_stages (org_id, creation_id, ci_run, attempt, stage, status, conclusion, url, started_at,
                                completed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (org_id, creation_id, ci_run, attempt, stage) do update
         set status = excluded.status, conclusion = excluded.conclusion, url = excluded.url,
             started_at = excluded.started_at, completed_at = excluded.completed_at",
        org.0,
        creation.0,
        attempt.run_id,
        attempt.attempt,
        stage_name(stage),
        status_name(seen.status),
        seen.conclusion,
        seen.url,
        seen.started_at,
        seen.completed_at,
    )
    .execute(connection)
    .await
    .map(drop)
}

fn named<T: for<'de> Deserialize<'de>>(name: &str) -> sqlx::Result<T> {
    let name: StrDeserializer<'_, NameError> = name.into_deserializer();
    T::deserialize(name).map_err(|error| sqlx::Error::Decode(error.into()))
}

const fn status_name(status: StageStatus) -> &'static str {
    match status {
        StageStatus::Pending => "pending",
        StageStatus::Running => "running",
        StageStatus::Passed => "passed",
        StageStatus::Failed => "failed",
    }
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Lint => "lint",
        Stage::UnitTests => "unit_tests",
        Stage::BuildImage => "build_image",
        Stage::IntegrationTests => "integration_tests",
        Stage::PushToRegistry => "push_to_registry",
    }
}
