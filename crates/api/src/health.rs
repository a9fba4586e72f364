//! Health: what an orchestrator, a load balancer and an operator ask (REQUIREMENTS R165). Answers need no credential and tell
//! no internals; causes are logged.

use std::time::Duration;

use axum::{Json, extract::State};
use futures::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Watched,
    problem::{Code, Document, Problem},
};

/// A probe that has not answered by then counts as failed.
const PATIENCE: Duration = Duration::from_secs(3);

/// What can be asked of the parts behind the API.
pub trait Probes: Send + Sync {
    /// Whether the database answers.
    fn database(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Whether the schema is the one that this binary needs.
    fn migrations(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// A good answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Healthy {
    /// Always `ok`; anything else is a problem document.
    #[schema(example = "ok")]
    status: &'static str,
}

type Answer = Result<Json<Healthy>, Problem>;

const OK: Json<Healthy> = Json(Healthy { status: "ok" });

/// Whether the process answers at all.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Healthy)))]
pub(crate) async fn live() -> Json<Healthy> {
    OK
}

/// Whether requests can be served: the database answers and has the right schema.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, body = Healthy),
    (status = 503, body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn ready(State(watched): State<Watched>) -> Answer {
    let _ = probe("database", watched.probes.database()).await?;
    probe("migrations", watched.probes.migrations()).await
}

/// Whether the database answers.
#[utoipa::path(get, path = "/health/database", tag = "health", responses(
    (status = 200, body = Healthy),
    (status = 503, body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn database(State(watched): State<Watched>) -> Answer {
    probe("database", watched.probes.database()).await
}

/// Whether the schema is the one that this binary needs.
#[utoipa::path(get, path = "/health/migrations", tag = "health", responses(
    (status = 200, body = Healthy),
    (status = 503, body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn migrations(State(watched): State<Watched>) -> Answer {
    probe("migrations", watched.probes.migrations()).await
}

async fn probe(name: &'static str, answer: BoxFuture<'_, Result<(), String>>) -> Answer {
    let outcome = tokio::time::timeout(PATIENCE, answer).await;
    let cause = match outcome {
        Ok(Ok(())) => return Ok(OK),
        Ok(Err(cause)) => cause,
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    tracing::warn!(probe = name, error.cause = cause, "a health probe failed");
    Err(Problem::new(Code::Unavailable, format!("The probe `{name}` failed.")).with("probe", name))
}
