//! From an operation and its arguments to a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use url::Url;

use super::document::resolve;
use crate::http::{Error, plain};

/// What a path keeps as it is: the unreserved characters.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

const FORM: &str = "application/x-www-form-urlencoded";

/// A request, complete but for its credentials.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Map<String, Value>,
    pub(super) query: Map<String, Value>,
    pub(super) body: Option<Value>,
    path: String,
    form: Vec<(String, String)>,
    cookies: Vec<String>,
}

/// An operation as the document has it.
struct Operation<'d> {
    id: &'d str,
    method: &'d str,
    path: &'d str,
    shared: &'d Value,
    body: &'d Value,
}

/// The request that calls an operation with these arguments.
pub(super) fn request(
    document: &Value,
    place: &Url,
    id: &str,
    mut arguments: Map<String, Value>,
) -> Result<Request, Error> {
    let operation = find(document, id)?;
    let mut request =
        Request { method: operation.method.to_owned(), path: operation.path.to_owned(), ..Request::default() };
    for parameter in parameters(document, &operation)? {
        let name = text(parameter, "name").unwrap_or_default();
        match arguments.remove(name).or_else(|| default_of(parameter)) {
            Some(value) => request.put(parameter, name, value)?,
            None if is_required(parameter) => {
                return Err(Error::Input(format!("the operation `{id}` needs the parameter `{name}`")));
            }
            None => {}
        }
    }
    if !request.cookies.is_empty() {
        request.headers.insert("cookie".to_owned(), request.cookies.join("; ").into());
    }
    if !request.form.is_empty() {
        let fields = std::mem::take(&mut request.form);
        request.send_form(fields);
    }
    request.send_rest(document, &operation, arguments)?;
    let path = &request.path;
    if path.contains('{') {
        return Err(Error::Input(format!("the path `{path}` of the operation `{id}` has a parameter without a value")));
    }
    request.uri = format!("{}{path}", base(document, place)?.trim_end_matches('/'));
    Ok(request)
}

impl Request {
    /// Puts an argument where its parameter belongs.
    fn put(&mut self, parameter: &Value, name: &str, value: Value) -> Result<(), Error> {
        let scalar = || plain(&value).or_else(|| joined(&value, ",")).ok_or_else(|| not_plain(name));
        match text(parameter, "in").unwrap_or_default() {
            "path" => {
                let encoded = utf8_percent_encode(&scalar()?, PATH).to_string();
                self.path = self.path.replace(&format!("{{{name}}}"), &encoded);
            }
            "query" => drop(self.query.insert(name.to_owned(), shape(parameter, value))),
            "header" => drop(self.headers.insert(name.to_owned(), scalar()?.into())),
            "cookie" => self.cookies.push(format!("{name}={}", scalar()?)),
            "formData" => self.form.push((name.to_owned(), scalar()?)),
            "body" => self.body = Some(value),
            other => {
                return Err(Error::Input(format!("the document puts `{name}` into `{other}`, which is not known")));
            }
        }
        Ok(())
    }

    fn send_form(&mut self, fields: Vec<(String, String)>) {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.headers.insert("content-type".to_owned(), FORM.into());
        self.body = Some(form.finish().into());
    }

    /// Sends what no parameter took: the request body of OpenAPI 3, as `body` or as the fields of an object.
    fn send_rest(
        &mut self,
        document: &Value,
        operation: &Operation<'_>,
        mut rest: Map<String, Value>,
    ) -> Result<(), Error> {
        let id = operation.id;
        let body = operation.body.get("requestBody").map(|body| resolve(document, body)).transpose()?;
        let Some(body) = body else {
            let unknown = rest.keys().next();
            return unknown
                .map_or(Ok(()), |name| Err(Error::Input(format!("the operation `{id}` has no parameter `{name}`"))));
        };
        if rest.is_empty() {
            let message = format!("the operation `{id}` needs a request body");
            return if is_required(body) { Err(Error::Input(message)) } else { Ok(()) };
        }
        let whole = rest.len() == 1 && rest.contains_key("body");
        let value = if whole { rest.remove("body").unwrap_or_default() } else { Value::Object(rest) };
        let types: Vec<&str> =
            body.get("content").and_then(Value::as_object).into_iter().flatten().map(|(kind, _)| &**kind).collect();
        match (value, types.first()) {
            (value, None) => self.body = Some(value),
            (value, Some(_)) if types.iter().any(|kind| kind.contains("json") || kind.contains('*')) => {
                self.body = Some(value);
            }
            (Value::Object(fields), Some(_)) if types.contains(&FORM) => {
                let fields = fields.iter().map(|(name, value)| Some((name.clone(), plain(value)?)));
                self.send_form(fields.collect::<Option<_>>().ok_or_else(|| not_plain("body"))?);
            }
            (Value::String(text), Some(kind)) => {
                self.headers.insert("content-type".to_owned(), (*kind).into());
                self.body = Some(text.into());
            }
            (_, Some(_)) => {
                return Err(Error::Input(format!("the operation `{id}` wants a body that is neither JSON nor a form")));
            }
        }
        Ok(())
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn is_required(described: &Value) -> bool {
    described.get("required").and_then(Value::as_bool).unwrap_or(false)
}

fn find<'d>(document: &'d Value, id: &str) -> Result<Operation<'d>, Error> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    for (path, item) in paths {
        let shared = resolve(document, item)?;
        for method in METHODS {
            let Some(body) = shared.get(method) else { continue };
            if let Some(found) = text(body, "operationId").filter(|found| *found == id) {
                return Ok(Operation { id: found, method, path, shared, body });
            }
        }
    }
    Err(Error::Input(format!("the document has no operation `{id}`")))
}

/// The operation's parameters, and those of its path that it does not replace.
fn parameters<'d>(document: &'d Value, operation: &Operation<'d>) -> Result<Vec<&'d Value>, Error> {
    let mut found: Vec<&Value> = Vec::new();
    for holder in [operation.body, operation.shared] {
        for parameter in holder.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let parameter = resolve(document, parameter)?;
            let same = |name| found.iter().any(|other| text(other, name) == text(parameter, name));
            if !(same("name") && same("in")) {
                found.push(parameter);
            }
        }
    }
    Ok(found)
}

/// The default of a required parameter that was not given.
fn default_of(parameter: &Value) -> Option<Value> {
    let default = parameter.get("default").or_else(|| parameter.get("schema")?.get("default"));
    default.filter(|_| is_required(parameter)).cloned()
}

/// How a list goes into the query: repeated, or as one text with a separator.
fn shape(parameter: &Value, value: Value) -> Value {
    let separator = match (text(parameter, "collectionFormat"), text(parameter, "style")) {
        (Some("multi"), _) => None,
        (Some("ssv"), _) | (None, Some("spaceDelimited")) => Some(" "),
        (Some("tsv"), _) => Some("\t"),
        (Some("pipes"), _) | (None, Some("pipeDelimited")) => Some("|"),
        (Some(_), _) => Some(","),
        (None, _) if text(parameter, "type") == Some("array") => Some(","),
        (None, _) if parameter.get("explode").and_then(Value::as_bool) == Some(false) => Some(","),
        (None, _) => None,
    };
    separator.and_then(|separator| joined(&value, separator)).map_or(value, Value::from)
}

fn joined(value: &Value, separator: &str) -> Option<String> {
    let items = value.as_array()?.iter().map(plain).collect::<Option<Vec<_>>>()?;
    Some(items.join(separator))
}

fn not_plain(name: &str) -> Error {
    Error::Input(format!("the parameter `{name}` must be a plain value, or a list of them"))
}

/// Where the operations are.
fn base(document: &Value, place: &Url) -> Result<String, Error> {
    if document.get("swagger").is_some() {
        let schemes = document.get("schemes").and_then(Value::as_array).into_iter().flatten();
        let schemes: Vec<_> = schemes.filter_map(Value::as_str).collect();
        let same = schemes.is_empty() || schemes.contains(&place.scheme());
        let scheme = if same { place.scheme() } else { schemes[0] };
        let own = || &place[url::Position::BeforeHost..url::Position::AfterPort];
        let host = text(document, "host").unwrap_or_else(own);
        return Ok(format!("{scheme}://{host}{}", text(document, "basePath").unwrap_or_default()));
    }
    let server = document.get("servers").and_then(|servers| servers.get(0));
    let mut url = server.and_then(|server| text(server, "url")).unwrap_or("/").to_owned();
    let variables = server.and_then(|server| server.get("variables")).and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        url = url.replace(&format!("{{{name}}}"), text(variable, "default").unwrap_or_default());
    }
    let joined = place.join(&url).map_err(|error| Error::Input(format!("the server `{url}` is no URL: {error}")))?;
    Ok(joined.to_string())
}
