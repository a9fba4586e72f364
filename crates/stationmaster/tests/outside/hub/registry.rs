//! The container registry beside it, by the OCI distribution API: whoever asks is sent for a token first.

use axum::{
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Hub, OWNER};

const PULL: &str = "a token to pull with";

/// `HEAD /v2/<owner>/<name>/manifests/<commit>`: there as soon as a build of the commit has pushed it.
pub(super) fn answer(hub: &Hub, path: &str, headers: &HeaderMap) -> Response {
    if path == "token" {
        return axum::Json(json!({"token": PULL})).into_response();
    }
    if headers.get(AUTHORIZATION).is_none_or(|given| given != &format!("Bearer {PULL}")) {
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"ghcr.io\"", hub.address);
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, realm)]).into_response();
    }
    let parts: Vec<_> = path.split('/').collect();
    let ["v2", owner, name, "manifests", commit] = parts.as_slice() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let pushed = hub.look(|state| {
        let mut of_commit = state.runs.iter().filter(|run| run.repository == *name && run.sha == *commit);
        of_commit.any(|run| run.conclusion == Some("success"))
    });
    let found = if pushed && *owner == OWNER { StatusCode::OK } else { StatusCode::NOT_FOUND };
    found.into_response()
}
