//! `call: openapi` against a real server on loopback that describes itself.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{any, get};
use serde_json::json;

use super::*;
use crate::egress::Policy;

async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> axum::Json<Value> {
    let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    axum::Json(json!({
        "method": method.as_str(), "uri": uri.to_string(), "x": field("x-trace"), "cookie": field("cookie"),
        "type": field("content-type"), "authorization": field("authorization"), "body": String::from_utf8_lossy(&body),
    }))
}

/// Calls an operation of a document that the server serves, with `HOST` in it as its address.
async fn run(document: &'static str, operation: &str, arguments: Value) -> Result<Value, Error> {
    let describe = move |headers: HeaderMap| async move { document.replace("HOST", headers["host"].to_str().unwrap()) };
    let router = Router::new().route("/docs/api", get(describe)).fallback(any(echo));
    let address = crate::testing::serve(router).await;
    let egress = Egress::new(Policy::default().with_loopback()).expect("client");
    let place = format!("http://{address}/docs/api");
    let mut all = json!({"document": {"endpoint": {"uri": place}}, "operationId": operation});
    for (name, value) in arguments.as_object().expect("object") {
        all[name] = value.clone();
    }
    let input = serde_json::from_value(all).map_err(|error| Error::Input(error.to_string()))?;
    call(&egress, &Tokens::default(), input, "k").await
}

const SWAGGER: &str = r##"{
  "swagger": "2.0", "host": "HOST", "basePath": "/v2", "schemes": ["https", "http"],
  "paths": {
    "/pet/findByStatus": {"get": {"operationId": "find", "parameters": [
      {"name": "status", "in": "query", "required": true, "type": "array", "collectionFormat": "multi"},
      {"name": "tags", "in": "query", "type": "array"}]}},
    "/pet/{id}": {
      "parameters": [{"$ref": "#/parameters/id"}],
      "get": {"operationId": "show"},
      "post": {"operationId": "update", "parameters": [{"name": "name", "in": "formData", "type": "string"}]},
      "put": {"operationId": "replace", "parameters": [{"name": "pet", "in": "body"}]}}},
  "parameters": {"id": {"name": "id", "in": "path", "required": true, "type": "string"}}
}"##;

#[tokio::test]
async fn operations_of_swagger_are_called() {
    let of = |operation, parameters| run(SWAGGER, operation, json!({"parameters": parameters}));
    let found = of("find", json!({"status": ["sold", "new"], "tags": ["a", "b"]})).await.expect("answer");
    assert_eq!(found["method"], "GET");
    assert_eq!(found["uri"], "/v2/pet/findByStatus?status=sold&status=new&tags=a%2Cb");
    assert_eq!(of("show", json!({"id": "a/b"})).await.expect("answer")["uri"], "/v2/pet/a%2Fb");
    let updated = of("update", json!({"id": 1, "name": "Mi lou"})).await.expect("answer");
    assert_eq!(updated["body"], "name=Mi+lou");
    assert_eq!(updated["type"], "application/x-www-form-urlencoded");
    let replaced = of("replace", json!({"id": 1, "pet": {"n": 1}})).await.expect("answer");
    assert_eq!((&replaced["method"], &replaced["body"]), (&json!("PUT"), &json!(r#"{"n":1}"#)));
}

const OPENAPI: &str = "
openapi: 3.1.0
servers: [ { url: '/{stage}/api', variables: { stage: { default: live } } } ]
paths:
  /orders/{id}:
    patch:
      operationId: change
      parameters:
        - { name: id, in: path, required: true }
        - { name: X-Trace, in: header }
        - { name: session, in: cookie }
        - { name: fields, in: query, explode: false }
      requestBody: { $ref: '#/components/requestBodies/order' }
components:
  requestBodies: { order: { required: true, content: { application/json: {} } } }
";

#[tokio::test]
async fn operations_of_openapi_3_are_called() {
    let arguments = json!({"id": 7, "X-Trace": "t", "session": "s", "fields": ["a", "b"], "sum": 5});
    let input = json!({"parameters": arguments, "authentication": {"bearer": {"token": "t"}}, "output": "response"});
    let changed = run(OPENAPI, "change", input).await.expect("answer");
    assert_eq!(changed["statusCode"], 200);
    let changed = &changed["content"];
    assert_eq!(changed["uri"], "/live/api/orders/7?fields=a%2Cb");
    assert_eq!((&changed["x"], &changed["cookie"]), (&json!("t"), &json!("session=s")));
    assert_eq!((&changed["body"], &changed["authorization"]), (&json!(r#"{"sum":5}"#), &json!("Bearer t")));
    let whole = run(OPENAPI, "change", json!({"parameters": {"id": 7, "body": [1]}})).await.expect("answer");
    assert_eq!(whole["body"], "[1]");
}

#[tokio::test]
async fn what_does_not_fit_the_document_is_named() {
    for (document, operation, arguments, word) in [
        (SWAGGER, "nothing", json!({}), "no operation `nothing`"),
        (SWAGGER, "find", json!({}), "needs the parameter `status`"),
        (SWAGGER, "show", json!({"parameters": {"id": 1, "colour": 2}}), "no parameter `colour`"),
        (SWAGGER, "show", json!({"parameters": {"id": {}}}), "`id` must be a plain value"),
        (OPENAPI, "change", json!({"parameters": {"id": 1}}), "needs a request body"),
        ("{\"openapi\": \"4.0\"}", "x", json!({}), "4.0"),
        ("a: b", "x", json!({}), "no OpenAPI document"),
        (SWAGGER, "show", json!({"colour": 1}), "colour"),
    ] {
        let error = run(document, operation, arguments).await.expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
    }
}
