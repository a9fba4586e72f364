//! The catalogue of problems: code, status, title, and the page that explains it.
//!
//! One table; a code that is not here cannot be sent.

use axum::{extract::Path, http::StatusCode, response::Html};

use super::Problem;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident, $title:literal, $detail:literal;)*) => {
        /// A kind of problem; its text form is part of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Code {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code, as in the last segment of `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it is sent with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The kind in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What is said when nothing more exact is known.
            #[must_use]
            pub const fn default_detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }

            /// The paragraph on its page.
            const fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)* }
            }
        }
    };
}

codes! {
    /// The request could not be read: its JSON, its headers or its query are not well-formed. Nothing was changed. Correct
    /// the place that `detail` names; sending the same bytes again fails again.
    Malformed = "malformed", BAD_REQUEST, "Malformed request", "The request could not be read.";
    /// The request was read and breaks rules. `violations` lists every field at fault with the rule and what would be right.
    /// Nothing was changed.
    Validation = "validation", UNPROCESSABLE_ENTITY, "Validation failed", "The request breaks a rule.";
    /// The request carries no credential, or one that is forged, expired, not yet valid, or meant for something else. Send
    /// `Authorization: Bearer <token>` with a token of this service.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Not authenticated", "A valid bearer token is needed.";
    /// A webhook delivery whose signature does not match its body under any configured secret, or that has none. Compare the
    /// secret at the sender with the one that the source names; nothing of the body was read.
    InvalidSignature = "invalid-signature", UNAUTHORIZED, "Signature not accepted", "The delivery's signature was not accepted.";
    /// You are known and not allowed. `required_permission` names what is missing and `user_roles` the roles that you have;
    /// an administrator can assign a role that carries it.
    Forbidden = "forbidden", FORBIDDEN, "Forbidden", "Your roles do not allow this.";
    /// There is nothing here, or nothing that your organisation may see.
    NotFound = "not-found", NOT_FOUND, "Not found", "There is nothing at this address.";
    /// The address exists and does not take this method; `Allow` lists those that it takes.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed", "This address does not take this method; see the Allow header.";
    /// The request is valid and the present state refuses it: `detail` names the state. Read the resource again before you
    /// decide what to send.
    Conflict = "conflict", CONFLICT, "Conflict with the present state", "The present state refuses this.";
    /// This `Idempotency-Key` was used for another request. A key belongs to one request for good; choose a new one.
    IdempotencyMismatch = "idempotency-mismatch", UNPROCESSABLE_ENTITY, "Idempotency key reused", "This Idempotency-Key was used for another request.";
    /// The body is larger than this endpoint takes.
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "Payload too large", "The body is larger than this endpoint takes.";
    /// The body's `Content-Type` is not one that this endpoint reads.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "This endpoint does not read this Content-Type.";
    /// Too many requests in the window. `Retry-After` says when the next one is taken.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests", "Too many requests; see Retry-After.";
    /// The service failed. The cause is in its logs under the request id, which is `instance` here. Repeating the request with
    /// the same `Idempotency-Key` is safe.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error", "The service failed to answer.";
    /// The service, or the database behind it, is not ready. Repeat the request with the same `Idempotency-Key`.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Unavailable", "The service is not ready.";
    /// The answer took longer than 30 seconds and was given up. What the request began may have been done: repeat it with the
    /// same `Idempotency-Key` to learn the result.
    Timeout = "timeout", GATEWAY_TIMEOUT, "Timed out", "The request took longer than 30 seconds.";
}

impl Code {
    /// The address of the page, which is the problem's `type`.
    #[must_use]
    pub fn address(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The general kind of a status; `None` if the API never sends that status.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.status() == status)
    }
}

/// `GET /problems/{code}`: the page of a problem.
pub async fn page(Path(code): Path<String>) -> Result<Html<String>, Problem> {
    let known = Code::ALL.iter().copied().find(|known| known.as_str() == code);
    let code = known.ok_or_else(|| Problem::new(Code::NotFound, "There is no problem of this name."))?;
    Ok(Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:1rem/1.6 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}}</style>\
         <h1>{title}</h1><p><code>{address}</code> · HTTP {status}</p><p>{explanation}</p></html>",
        title = code.title(),
        address = code.address(),
        status = code.status(),
        explanation = escape(code.explanation().trim()),
    )))
}

/// Text as HTML, with `code` between backticks.
fn escape(text: &str) -> String {
    let plain = crate::reference::escape(text);
    let mut html = String::with_capacity(plain.len());
    for (index, part) in plain.split('`').enumerate() {
        html.push_str(if index == 0 {
            ""
        } else if index % 2 == 1 {
            "<code>"
        } else {
            "</code>"
        });
        html.push_str(part);
    }
    html
}
