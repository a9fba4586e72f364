//! Problem documents (RFC 9457): the one shape in which every refusal and failure leaves the API.
//!
//! ```text
//!   handler, extractor ── Problem ──▶ response extension ──▶ finish(): writes the body, with the request id as `instance`
//!   router, layer ─────── bare 4xx/5xx ─────────────────────▶ finish(): the problem of that status
//! ```
//!
//! Invariants: no error answer has another body; a 5xx says nothing of the inside; codes are contract ([`Code`]), and each
//! has its page at the address that `type` names. Called by everything in this crate, and by nothing below it.

mod pages;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::pages::{Code, page};
use crate::request::RequestId;

/// The media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One field that broke one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// A JSON pointer into the body, or the name of a parameter or header.
    pub field: String,
    /// The rule, a stable name such as `required` or `maxLength`.
    pub rule: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Violation {
    /// A violation of `rule` by `field`.
    pub fn new(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), message: message.into() }
    }
}

/// A problem on its way out.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    detail: String,
    violations: Vec<Violation>,
    members: Map<String, Value>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

/// The document as it is sent; further members depend on `type`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// The address of the page that explains this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/validation")]
    kind: String,
    /// The kind, in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, and what to do about it.
    detail: String,
    /// The request's id, as in `x-request-id` and in the logs.
    instance: String,
    /// The fields at fault, if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind; `detail` is for the person who called.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            violations: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// A request that is well-formed and wrong: every violation found in it.
    #[must_use]
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let detail = match violations.as_slice() {
            [one] => format!("{}: {}", display_field(&one.field), one.message),
            several => format!("{} fields break a rule; see violations", several.len()),
        };
        let mut problem = Self::new(Code::Validation, detail);
        problem.0.violations = violations;
        problem
    }

    /// A failure of ours: logged here, once, and told to the caller without its cause.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(error.cause = %cause, "a request failed inside");
        Self::new(Code::Internal, "The service failed to answer; the operator finds the cause under the request id.")
    }

    /// Adds a member of its own to the document.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The kind of problem.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    fn document(self, instance: &str) -> Document {
        let Parts { code, detail, violations, members, .. } = *self.0;
        Document {
            kind: code.address(),
            title: code.title(),
            status: code.status().as_u16(),
            detail,
            instance: instance.to_owned(),
            violations,
            members,
        }
    }
}

fn display_field(field: &str) -> &str {
    if field.is_empty() { "the body" } else { field }
}

impl IntoResponse for Problem {
    /// Without a body yet: [`finish`] knows the request id.
    fn into_response(self) -> Response {
        let mut response = self.0.code.status().into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Middleware: writes the body of every problem, and turns bare error statuses of the router and its layers into problems.
pub async fn finish(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let Some(problem) = problem.or_else(|| bare(&response)) else { return response };
    render(problem, response, &id)
}

fn bare(response: &Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    is_error.then(|| Code::of_status(status)).flatten().map(|code| Problem::new(code, code.default_detail()))
}

fn render(problem: Problem, response: Response, id: &RequestId) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = problem.code().status();
    let document = problem.document(id.as_str());
    let body = serde_json::to_vec(&document).unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(parts, Body::from(body))
}

/// What the fallback of the router answers.
pub(crate) async fn not_found() -> Problem {
    Problem::new(Code::NotFound, Code::NotFound.default_detail())
}

impl From<StatusCode> for Problem {
    /// The problem of a status that some library chose; a status without one is an internal failure.
    fn from(status: StatusCode) -> Self {
        let code = Code::of_status(status).unwrap_or(Code::Internal);
        Self::new(code, code.default_detail())
    }
}
