//! The router, its layers, and the socket.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, StatusCode, header},
    middleware::{from_fn, map_request, map_response},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::{DefaultOnRequest, TraceLayer},
};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api, Clock, Watched, events, health, linger, metrics, problem, reference, request,
    routes::{agents, definitions, gates, handoffs, inputs, runs, slas},
};

/// How long a request may take (REQUIREMENTS 1.1).
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long open requests are waited for at shutdown.
const GRACE: Duration = Duration::from_secs(30);

/// The largest body, except where a webhook source asks for more.
const BODY_LIMIT: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stationmaster",
        description = "Durable, human-gated lifecycles of AI agents. Every error is a problem document (RFC 9457).",
    ),
    tags(
        (name = "agents", description = "The creation of agents"),
        (name = "handoffs", description = "From the creation team to the service team"),
        (name = "service levels", description = "What agents promise"),
        (name = "runs", description = "Runs of definitions, their history, and commands to them"),
        (name = "definitions", description = "What can be run"),
        (name = "gates", description = "What waits for a decision"),
        (name = "events", description = "CloudEvents in"),
        (name = "health", description = "Health and metrics"),
    ),
)]
struct Document;

fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(agents::create))
        .routes(routes!(agents::creation_status))
        .routes(routes!(agents::pipeline))
        .routes(routes!(agents::retry_build))
        .routes(routes!(agents::retry_genesis))
        .routes(routes!(agents::cancel))
        .routes(routes!(handoffs::submit))
        .routes(routes!(handoffs::show))
        .routes(routes!(handoffs::accept))
        .routes(routes!(handoffs::reject))
        .routes(routes!(slas::define))
        .routes(routes!(slas::list))
        .routes(routes!(definitions::list))
        .routes(routes!(runs::start, runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::history))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::pause))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::retry))
        .routes(routes!(gates::list))
        .routes(routes!(gates::show))
        .routes(routes!(gates::decide))
        .routes(routes!(events::publish))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::database))
        .routes(routes!(health::migrations))
        .routes(routes!(metrics::render))
}

/// The OpenAPI 3.1 description of the API: what the code says of itself, with the JSON schemas that bodies are checked against.
#[must_use]
pub fn openapi() -> Value {
    let mut document = documented().split_for_parts().1;
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let mut document = serde_json::to_value(document).unwrap_or_default();
    for (name, schema) in inputs::schemas() {
        let mut schema = schema.clone();
        schema.as_object_mut().and_then(|schema| schema.shift_remove("$schema"));
        // Makes `#/$defs/…` inside the schema mean the schema's own definitions, wherever it is embedded.
        schema["$id"] = format!("/schemas/{name}").into();
        document["components"]["schemas"][name] = schema;
    }
    for (name, schema) in inputs::answers().as_object().into_iter().flatten() {
        document["components"]["schemas"][name] = schema.clone();
    }
    document
}

/// The whole API; `webhooks` are the routes of the inbound sources.
pub fn router(api: &Api, webhooks: Router) -> Router {
    let (routes, _) = documented().split_for_parts();
    let routes = routes
        .with_state(api.clone())
        .merge(reference::routes(&openapi()))
        .merge(webhooks)
        .route("/problems/{code}", get(problem::page));
    layered(routes, api.clock())
}

/// Health and metrics alone, for a process without an API.
pub fn watch_router(watched: &Watched, clock: &Clock) -> Router {
    let routes = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::render));
    layered(routes.with_state(watched.clone()), clock)
}

fn layered(routes: Router, clock: &Clock) -> Router {
    let layers = ServiceBuilder::new()
        .layer(from_fn(linger::read_on))
        .layer(map_request(async |request| request::drop_unsafe_id(request)))
        .layer(SetRequestIdLayer::new(request::HEADER, request::Uuids::new(clock)))
        .layer(map_request(async |request| request::remember_id(request)))
        .layer(PropagateRequestIdLayer::new(request::HEADER))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request::span)
                .on_request(DefaultOnRequest::new().level(tracing::Level::DEBUG))
                .on_response(request::log_answer)
                .on_failure(()),
        )
        .layer(from_fn(metrics::measure))
        .layer(map_response(harden))
        .layer(from_fn(problem::finish))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    routes.fallback(problem::not_found).layer(layers)
}

/// Headers that keep browsers from guessing and framing.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer asks for")]
fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    problem::Problem::internal(format!("a handler panicked: {}", text.unwrap_or("without a message"))).into_response()
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{0} is in use: another process listens there; stop it or choose another address")]
    InUse(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, #[source] io::Error),
}

/// Listens on an address.
///
/// # Errors
/// If the address is in use, not ours, or not allowed.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Other(address, error),
    })
}

/// Serves until `shutdown` resolves, then lets open requests end for up to 30 seconds.
///
/// # Errors
/// If the socket fails.
pub async fn serve<S>(listener: TcpListener, router: Router, shutdown: S) -> io::Result<()>
where
    S: Future<Output = ()> + Send + 'static,
{
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let signal = async move {
        shutdown.await;
        drop(stopping);
    };
    let patience = async move {
        let _ = stopped.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = axum::serve(listener, router).with_graceful_shutdown(signal).into_future() => served,
        () = patience => {
            tracing::warn!(grace_s = GRACE.as_secs(), "open requests were cut off at shutdown");
            Ok(())
        }
    }
}
