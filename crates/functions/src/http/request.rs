//! From the evaluated arguments of `call: http` to a request.

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::Error;
use super::authentication::Authentication;
use crate::egress::{Answer, Egress};

/// The arguments of `call: http`, evaluated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub(crate) method: String,
    pub(crate) endpoint: Endpoint,
    #[serde(default)]
    pub(crate) headers: Map<String, Value>,
    #[serde(default)]
    pub(crate) query: Map<String, Value>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) output: Output,
    #[serde(default)]
    pub(crate) redirect: bool,
}

/// What of the answer becomes the call's output.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Output {
    /// The body in base64.
    Raw,
    /// The body, read by its type.
    #[default]
    Content,
    /// Request, status, headers and content.
    Response,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "`endpoint` must be a URL or {uri, authentication}")]
pub(crate) enum Endpoint {
    Uri(String),
    Full {
        uri: String,
        #[serde(default)]
        authentication: Option<Box<Authentication>>,
    },
}

/// It may hold a password, so it prints nothing of it.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Endpoint(…)")
    }
}

impl Endpoint {
    fn parts(&self) -> (&str, Option<&Authentication>) {
        match self {
            Self::Uri(uri) => (uri, None),
            Self::Full { uri, authentication } => (uri, authentication.as_deref()),
        }
    }
}

impl Input {
    /// Where the request goes.
    pub(crate) fn url(&self) -> Result<Url, Error> {
        url(self.endpoint.parts().0, &self.query)
    }

    /// How the request says who it is from.
    pub(super) fn authentication(&self) -> Option<&Authentication> {
        self.endpoint.parts().1
    }
}

pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: Url,
    builder: Option<RequestBuilder>,
}

impl Prepared {
    /// Sends the request, which can be done once.
    pub(super) async fn send(&mut self, egress: &Egress) -> Result<Answer, Error> {
        let builder = self.builder.take().ok_or_else(|| Error::Input("the request has been sent".to_owned()))?;
        Ok(egress.send(builder, &self.url).await?)
    }
}

pub(super) fn prepare(
    egress: &Egress,
    input: &Input,
    key: &str,
    authorization: Option<&str>,
) -> Result<Prepared, Error> {
    let url = input.url()?;
    let method = Method::from_bytes(input.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Error::Input(format!("`method` {:?} is no HTTP method", input.method)))?;
    let mut builder = egress.request(method.clone(), &url)?;
    builder = builder.header("Idempotency-Key", key);
    for (name, value) in &input.headers {
        let (name, value) = header(name, value)?;
        builder = builder.header(name, value);
    }
    if let Some(authorization) = authorization {
        let value = HeaderValue::from_str(authorization)
            .map_err(|_| Error::Authentication("the credentials are no header value".to_owned()))?;
        builder = builder.header(AUTHORIZATION, value);
    }
    if let Some(body) = &input.body {
        builder = attach(builder, body, has_content_type(input));
    }
    Ok(Prepared { method, url, builder: Some(builder) })
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
pub(crate) fn plain(value: &Value) -> Option<String> {
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
