//! A request's transaction: the caller's view of the database, the engine's now, and the `Idempotency-Key`.
//!
//! ```text
//!  begin ─ key taken ─ the effect ─ finish: answer kept under the key, COMMIT ─ hints ─ answer sent
//!            └─ answered before: that answer, and nothing is done
//! ```
//!
//! Invariants: key, effect and answer are committed together, so a crash leaves either all of them or none, and a repetition
//! never finds a key without an answer. What ends in a problem is rolled back and leaves its key unused. A repetition that
//! comes while the first is under way waits for its commit.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Connection, Hint, Transaction, clock, idempotency};

use crate::{
    Api,
    auth::Caller,
    post::Key,
    problem::{Code, Problem},
};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a handler of a POST returns.
pub(crate) type Handled = Result<Response, Ended>;

/// A request that is answered already: by a problem, or by the answer that it got the first time.
#[derive(Debug)]
pub(crate) struct Ended(Box<Response>);

/// A transaction under way.
#[derive(Debug)]
pub(crate) struct Unit {
    transaction: Transaction,
    at: Timestamp,
    org: OrgId,
    caller: String,
    key: Option<Key>,
    hints: Vec<Hint>,
}

/// An answer that can be kept and sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    #[serde(skip)]
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    body: Value,
}

impl Api {
    /// Begins the transaction of a request that changes something.
    ///
    /// # Errors
    /// [`Ended`], if its key was used before: with the answer of that time, or with a problem if that was another request.
    pub(crate) async fn begin(&self, caller: &Caller, key: Option<Key>) -> Result<Unit, Ended> {
        let mut unit = self.open(caller).await?;
        if let Some(key) = key {
            let request = request(unit.org, &unit.caller, &key);
            let taken = idempotency::take(&mut unit.transaction, &request, unit.at).await?;
            unit.key = Some(key);
            match taken {
                idempotency::Key::Fresh => {}
                idempotency::Key::Answered { status, body } => return Err(replay(status, &body)),
                idempotency::Key::Mismatch => {
                    return Err(
                        Problem::new(Code::IdempotencyMismatch, Code::IdempotencyMismatch.default_detail()).into()
                    );
                }
            }
        }
        Ok(unit)
    }

    /// Begins the transaction of a request that only reads; dropping it ends it.
    pub(crate) async fn open(&self, caller: &Caller) -> Result<Unit, Problem> {
        let mut transaction = self.store().begin(caller.org).await?;
        let at = clock::read(&mut transaction).await?.now();
        let (org, caller) = (caller.org, caller.user.clone());
        Ok(Unit { transaction, at, org, caller, key: None, hints: Vec::new() })
    }
}

impl Unit {
    /// The connection, for services.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.transaction
    }

    /// The engine's now, the same for everything in this request.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// The caller's organisation.
    pub(crate) fn org(&self) -> OrgId {
        self.org
    }

    /// Gives a hint after the commit.
    pub(crate) fn hint(&mut self, hint: Hint) {
        self.hints.push(hint);
    }

    /// Keeps the answer under the key, commits, gives the hints, and answers.
    pub(crate) async fn finish(mut self, api: &Api, answer: Answer) -> Handled {
        if let Some(key) = self.key.take() {
            let kept = serde_json::to_string(&answer).map_err(Problem::internal)?;
            let request = request(self.org, &self.caller, &key);
            idempotency::answer(&mut self.transaction, &request, answer.status, &kept).await?;
        }
        self.transaction.commit().await.map_err(store::Error::from)?;
        self.hints.into_iter().for_each(|hint| api.hints().give(hint));
        Ok(answer.into_response())
    }
}

fn request<'a>(org: OrgId, caller: &'a str, key: &'a Key) -> idempotency::Request<'a> {
    idempotency::Request { org, caller, key: &key.text, request_hash: &key.hash }
}

/// The answer that was kept, marked as a repetition.
fn replay(status: u16, kept: &str) -> Ended {
    let answer = match serde_json::from_str::<Answer>(kept) {
        Ok(answer) => Answer { status, ..answer },
        Err(error) => return Problem::internal(format!("a kept answer cannot be read back: {error}")).into(),
    };
    let mut response = answer.into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ended(Box::new(response))
}

impl Answer {
    /// 200 with a body.
    pub(crate) fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::new(StatusCode::OK, None, body)
    }

    /// 202 with a body: it will be done.
    pub(crate) fn accepted(body: &impl Serialize) -> Result<Self, Problem> {
        Self::new(StatusCode::ACCEPTED, None, body)
    }

    /// 201 with a body and the address of what was made.
    pub(crate) fn created(location: String, body: &impl Serialize) -> Result<Self, Problem> {
        Self::new(StatusCode::CREATED, Some(location), body)
    }

    fn new(status: StatusCode, location: Option<String>, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_value(body).map_err(Problem::internal)?;
        Ok(Self { status: status.as_u16(), location, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.body)).into_response();
        if let Some(location) = self.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl IntoResponse for Ended {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl<E> From<E> for Ended
where
    Problem: From<E>,
{
    fn from(cause: E) -> Self {
        Self(Box::new(Problem::from(cause).into_response()))
    }
}

impl From<platform::Error> for Problem {
    fn from(error: platform::Error) -> Self {
        use platform::Error;
        let text = error.to_string();
        match error {
            Error::NotFound { .. } => Self::new(Code::NotFound, text),
            Error::Invalid(invalid) => invalid.into(),
            Error::Conflict { rule, detail } => Self::new(Code::Conflict, detail).with("rule", rule),
            Error::Forbidden { rule, detail } => Self::new(Code::Forbidden, detail).with("rule", rule),
            Error::Store(error) => error.into(),
            _ => Self::internal(text),
        }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        use store::Error;
        match &error {
            Error::UnknownRun(_) => Self::new(Code::NotFound, error.to_string()),
            Error::UnknownDefinition { definition, .. } => {
                let message = format!("there is no definition {definition}: register it first");
                Self::invalid(vec![crate::problem::Violation::new("/definition", "exists", message)])
            }
            Error::VersionTaken(_) | Error::CommandRefused { .. } => Self::new(Code::Conflict, error.to_string()),
            _ if error.is_transient() => {
                tracing::error!(error.cause = %error, "the database is not available");
                Self::new(Code::Unavailable, Code::Unavailable.default_detail())
            }
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_kept_answer_is_sent_again_as_it_was() {
        let answer = Answer::created("/runs/1".to_owned(), &json!({"z": 1, "a": [1.5, "é"]})).unwrap();
        let kept = serde_json::to_string(&answer).unwrap();
        let parts = async |response: Response| {
            let (parts, body) = response.into_parts();
            (parts.status, parts.headers, to_bytes(body, 1 << 20).await.unwrap())
        };
        let first = parts(answer.into_response()).await;
        let mut again = parts(replay(201, &kept).into_response()).await;
        assert_eq!(again.1.remove(REPLAYED).unwrap(), "true");
        assert_eq!(first, again);
    }

    #[test]
    fn errors_of_the_store_say_what_the_caller_can_do() {
        let run = engine::RunId(uuid::Uuid::from_u128(1));
        let refused = store::Error::CommandRefused { run, phase: "completed".to_owned(), command: "cancelled" };
        let unknown =
            store::Error::UnknownDefinition { org: OrgId(uuid::Uuid::nil()), definition: "a/b:1.0.0".to_owned() };
        let down = store::Error::Database(sqlx_down());
        let problems =
            [store::Error::UnknownRun(run), refused, unknown, down, store::Error::Stopped].map(Problem::from);
        insta::assert_debug_snapshot!(problems);
    }

    fn sqlx_down() -> sqlx::Error {
        sqlx::Error::PoolTimedOut
    }
}
