//! The API's description for people and machines: `/openapi.json`, and a page made of it at `/docs` that loads nothing else.

use std::fmt::Write as _;

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use serde_json::Value;

const STYLE: &str = "body{font:1rem/1.6 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
    code,pre{font:.9rem/1.5 ui-monospace,monospace}pre{overflow-x:auto;padding:.5rem;border:1px solid #8886}\
    summary{cursor:pointer;padding:.3rem 0}summary b{display:inline-block;width:4rem}td{padding-right:1rem;vertical-align:top}";

/// `/openapi.json` and `/docs`.
pub(crate) fn routes(document: &Value) -> Router {
    let (json, html) = (document.to_string(), page(document));
    let as_json = [(header::CONTENT_TYPE, "application/json")];
    Router::new()
        .route("/openapi.json", get(async move || (as_json, json.clone()).into_response()))
        .route("/docs", get(async move || Html(html.clone())))
}

/// Text made harmless in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(document: &Value) -> String {
    let title = text(document, "/info/title");
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} API</title><style>{STYLE}</style><h1>{title} API</h1><p>{}</p>\
         <p>For machines: <a href=\"/openapi.json\">openapi.json</a>.</p>",
        text(document, "/info/description"),
    );
    for (path, item) in entries(document, "/paths") {
        for (method, operation) in item.as_object().into_iter().flatten() {
            write_operation(&mut html, path, method, operation);
        }
    }
    html.push_str("<h2>Types</h2>");
    for (name, schema) in entries(document, "/components/schemas") {
        let _ = write!(
            html,
            "<details id=\"{0}\"><summary><code>{0}</code></summary>{1}</details>",
            escape(name),
            pretty(schema)
        );
    }
    html.push_str("</html>");
    html
}

fn write_operation(html: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        html,
        "<details><summary><b>{}</b> <code>{}</code> {}</summary><p>{}</p>",
        method.to_uppercase(),
        escape(path),
        text(operation, "/summary"),
        text(operation, "/description"),
    );
    if let Some(parameters) = operation.pointer("/parameters") {
        let _ = write!(html, "<h4>Parameters</h4>{}", pretty(parameters));
    }
    if let Some(body) = operation.pointer("/requestBody/content") {
        let _ = write!(html, "<h4>Body</h4>{}", pretty(body));
    }
    html.push_str("<h4>Answers</h4><table>");
    for (status, response) in entries(operation, "/responses") {
        let schema = response.pointer("/content").map(pretty).unwrap_or_default();
        let _ = write!(html, "<tr><td>{}<td>{}{schema}", escape(status), text(response, "/description"));
    }
    html.push_str("</table></details>");
}

/// A value as JSON, with references to types as links.
fn pretty(value: &Value) -> String {
    let json = escape(&serde_json::to_string_pretty(value).unwrap_or_default());
    let mut linked = String::from("<pre>");
    let mut rest = json.as_str();
    while let Some((before, after)) = rest.split_once("#/components/schemas/") {
        let name = after.split_once('&').map_or(after, |(name, _)| name);
        let _ = write!(linked, "{before}<a href=\"#{name}\">{name}</a>");
        rest = &after[name.len()..];
    }
    linked + rest + "</pre>"
}

fn entries<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).map(escape).unwrap_or_default()
}
