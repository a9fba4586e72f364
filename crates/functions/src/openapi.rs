//! `call: openapi` of the DSL: an operation of an OpenAPI 3 or Swagger 2 document, called by its id.
//!
//! The document is fetched through the same guarded client as everything else. What the operation
//! says becomes a request of `call: http`, which makes it.

mod document;
mod operation;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::egress::Egress;
use crate::http::{self, Authentication, Endpoint, Error, Output, Tokens};

/// The arguments of `call: openapi`, evaluated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    document: Resource,
    operation_id: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    authentication: Option<Box<Authentication>>,
    #[serde(default)]
    output: Output,
    #[serde(default)]
    redirect: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    endpoint: Endpoint,
}

/// Calls the operation of `input`; `key` goes along as `Idempotency-Key`.
///
/// # Errors
/// See [`Error`]: the document cannot be had or does not describe the operation, the parameters do
/// not fit it, or the call itself fails.
pub async fn call(egress: &Egress, tokens: &Tokens, input: Input, key: &str) -> Result<Value, Error> {
    let Input { document: Resource { endpoint }, operation_id, parameters, authentication, output, redirect } = input;
    let fetch = http::Input {
        method: "get".to_owned(),
        endpoint,
        headers: Map::new(),
        query: Map::new(),
        body: None,
        output: Output::Raw,
        redirect: false,
    };
    let place = fetch.url()?;
    let fetched = http::call(egress, tokens, &fetch, key).await?;
    let document = document::read(&place, &fetched)?;
    let request = operation::request(&document, &place, &operation_id, parameters)?;
    let call = http::Input {
        method: request.method,
        endpoint: Endpoint::Full { uri: request.uri, authentication },
        headers: request.headers,
        query: request.query,
        body: request.body,
        output,
        redirect,
    };
    http::call(egress, tokens, &call, key).await
}

#[cfg(test)]
mod tests;
