//! From the evaluated arguments of `call: http` to a request.

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::Error;
use crate::egress::Egress;
use crate::secrets::Secrets;

/// The arguments of `call: http`, evaluated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub(super) method: String,
    endpoint: Endpoint,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    #[serde(default)]
    query: Map<String, Value>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    pub(super) output: Output,
    #[serde(default)]
    pub(super) redirect: bool,
}

/// What of the answer becomes the call's output.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Output {
    /// The body in base64.
    Raw,
    /// The body, read by its type.
    #[default]
    Content,
    /// Request, status, headers and content.
    Response,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`endpoint` must be a URL or {uri, authentication: basic or bearer}")]
enum Endpoint {
    Uri(String),
    Full {
        uri: String,
        #[serde(default)]
        authentication: Option<Authentication>,
    },
}

/// It may hold a password, so it prints nothing of it.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Endpoint(…)")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Authentication {
    Basic(Basic),
    Bearer(Bearer),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`basic` must be {username, password} or {use}")]
enum Basic {
    Secret {
        #[serde(rename = "use")]
        name: String,
    },
    Inline {
        username: String,
        password: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`bearer` must be {token} or {use}")]
enum Bearer {
    Secret {
        #[serde(rename = "use")]
        name: String,
    },
    Inline {
        token: String,
    },
}

/// A secret for basic authentication: a JSON text with both parts.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

pub(super) struct Prepared {
    pub(super) url: Url,
    pub(super) builder: RequestBuilder,
}

pub(super) fn prepare(egress: &Egress, secrets: &Secrets, input: &Input, key: &str) -> Result<Prepared, Error> {
    let (uri, authentication) = match &input.endpoint {
        Endpoint::Uri(uri) => (uri, None),
        Endpoint::Full { uri, authentication } => (uri, authentication.as_ref()),
    };
    let url = url(uri, &input.query)?;
    let method = Method::from_bytes(input.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Error::Input(format!("`method` {:?} is no HTTP method", input.method)))?;
    let mut builder = egress.request(method, &url)?;
    builder = builder.header("Idempotency-Key", key);
    for (name, value) in &input.headers {
        let (name, value) = header(name, value)?;
        builder = builder.header(name, value);
    }
    if let Some(authentication) = authentication {
        builder = authenticate(builder, secrets, authentication)?;
    }
    if let Some(body) = &input.body {
        builder = attach(builder, body, has_content_type(input));
    }
    Ok(Prepared { url, builder })
}

fn url(uri: &str, query: &Map<String, Value>) -> Result<Url, Error> {
    let mut url =
        Url::parse(uri).map_err(|error| Error::Input(format!("`endpoint.uri` is no absolute URL: {error}")))?;
    for (name, value) in query {
        let values = if let Value::Array(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
        for value in values.iter().filter(|value| !value.is_null()) {
            let text = plain(value).ok_or_else(|| Error::Input(format!("`query.{name}` must be a plain value")))?;
            url.query_pairs_mut().append_pair(name, &text);
        }
    }
    Ok(url)
}

fn header(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue), Error> {
    let bad = |what: &str| Error::Input(format!("`headers.{name}` {what}"));
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("is no header name"))?;
    if ["host", "content-length", "transfer-encoding", "connection"].contains(&parsed.as_str()) {
        return Err(bad("is set by the client"));
    }
    let text = plain(value).ok_or_else(|| bad("must be a plain value"))?;
    let value = HeaderValue::from_str(&text).map_err(|_| bad("is no header value"))?;
    Ok((parsed, value))
}

/// A string, number or boolean as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn has_content_type(input: &Input) -> bool {
    input.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"))
}

/// A text is sent as it is, anything else as JSON.
fn attach(builder: RequestBuilder, body: &Value, typed: bool) -> RequestBuilder {
    match body {
        Value::String(text) if typed => builder.body(text.clone()),
        Value::String(text) => builder.header("content-type", "text/plain; charset=utf-8").body(text.clone()),
        _ if typed => builder.body(body.to_string()),
        _ => builder.header("content-type", "application/json").body(body.to_string()),
    }
}

fn authenticate(
    builder: RequestBuilder,
    secrets: &Secrets,
    authentication: &Authentication,
) -> Result<RequestBuilder, Error> {
    Ok(match authentication {
        Authentication::Bearer(Bearer::Inline { token }) => builder.bearer_auth(token),
        Authentication::Bearer(Bearer::Secret { name }) => builder.bearer_auth(secrets.resolve(name)?.expose()),
        Authentication::Basic(Basic::Inline { username, password }) => builder.basic_auth(username, Some(password)),
        Authentication::Basic(Basic::Secret { name }) => {
            let secret = secrets.resolve(name)?;
            let pair: Credentials = serde_json::from_str(secret.expose())
                .map_err(|_| Error::Input(format!("the secret {name:?} must be {{username, password}} in JSON")))?;
            builder.basic_auth(pair.username, Some(pair.password))
        }
    })
}
