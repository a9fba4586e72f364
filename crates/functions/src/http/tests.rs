//! `call: http` against a real server on loopback.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::{any, get};
use serde_json::{Value, json};

use super::*;
use crate::egress::Policy;

/// Tells what it got.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> axum::Json<Value> {
    let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    axum::Json(json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "authorization": field("authorization"),
        "key": field("idempotency-key"),
        "type": field("content-type"),
        "x": field("x-custom"),
        "body": String::from_utf8_lossy(&body),
    }))
}

async fn run(path: &str, arguments: Value) -> Result<Value, Error> {
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .route("/busy", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "9")]) }))
        .route("/moved", get(|| async { axum::response::Redirect::permanent("/echo") }))
        .route("/bytes", get(|| async { [0xff_u8, 0x00].to_vec() }))
        .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
        .route("/broken", get(|| async { ([("content-type", "application/json")], "{") }));
    let address = crate::testing::serve(router).await;
    let egress = Egress::new(Policy::default().with_loopback()).expect("client");
    let mut all = json!({"method": "get", "endpoint": format!("http://{address}{path}")});
    for (name, value) in arguments.as_object().expect("object") {
        all[name] = value.clone();
    }
    if let Some(authentication) = arguments.get("authentication") {
        all.as_object_mut().expect("object").remove("authentication");
        all["endpoint"] = json!({"uri": all["endpoint"], "authentication": authentication});
    }
    let input = serde_json::from_value(all).map_err(|error| Error::Input(error.to_string()))?;
    call(&egress, &Tokens::default(), &input, "run/do/0/1").await
}

#[tokio::test]
async fn everything_authored_arrives() {
    let got = run(
        "/echo?a=1",
        json!({
            "method": "post",
            "query": {"b": "x y", "c": [1, true], "none": null},
            "headers": {"X-Custom": 5},
            "body": {"n": 1},
        }),
    );
    let got = got.await.expect("answer");
    assert_eq!(got["method"], "POST");
    assert_eq!(got["uri"], "/echo?a=1&b=x+y&c=1&c=true");
    assert_eq!(got["key"], "run/do/0/1");
    assert_eq!(got["type"], "application/json");
    assert_eq!(got["x"], "5");
    assert_eq!(got["body"], r#"{"n":1}"#);
}

#[tokio::test]
async fn credentials_come_in_full_or_as_the_text_of_a_secret() {
    let basic = "Basic bWU6aHVudGVyMg==";
    for (authentication, expected) in [
        (json!({"basic": {"username": "me", "password": "hunter2"}}), basic),
        (json!({"basic": {"use": r#"{"username": "me", "password": "hunter2"}"#}}), basic),
        (json!({"bearer": {"token": "t"}}), "Bearer t"),
        (json!({"bearer": {"use": "t\n"}}), "Bearer t"),
        (json!({"bearer": {"use": r#"{"token": "t"}"#}}), "Bearer t"),
    ] {
        let got = run("/echo", json!({"authentication": authentication})).await.expect("answer");
        assert_eq!(got["authorization"], expected);
    }
    let wrong = run("/echo", json!({"authentication": {"basic": {"use": "hunter2"}}})).await.expect_err("no JSON");
    assert_eq!((wrong.kind(), wrong.to_string().contains("hunter2")), ("configuration", false));
}

#[tokio::test]
async fn the_status_decides() {
    for (path, status) in [("/missing", 404), ("/busy", 503), ("/moved", 308)] {
        let error = run(path, json!({})).await.expect_err(path);
        assert_eq!((error.kind(), error.status()), ("communication", status), "{error}");
    }
    let Err(Error::Status { after, .. }) = run("/busy", json!({})).await else { panic!() };
    assert_eq!(after, Some(Duration::from_secs(9)));
    let moved = run("/moved", json!({"redirect": true, "output": "response"})).await;
    let moved = moved.expect("an answer");
    assert_eq!((&moved["statusCode"], &moved["headers"]["location"]), (&json!(308), &json!("/echo")));
}

#[tokio::test]
async fn outputs_are_shaped() {
    let headers = json!({"Authorization": "Bearer hunter2", "X-Custom": "y"});
    let full = run("/echo", json!({"output": "response", "headers": headers})).await;
    let full = full.expect("answer");
    assert_eq!(full["request"]["method"], "GET");
    assert_eq!(full["request"]["headers"], json!({"X-Custom": "y"}));
    assert_eq!(full["statusCode"], 200);
    assert_eq!(full["content"]["authorization"], "Bearer hunter2");
    assert_eq!(run("/bytes", json!({"output": "raw"})).await.expect("answer"), "/wA=");
    assert_eq!(run("/bytes", json!({})).await.expect("answer"), "/wA=");
    assert_eq!(run("/nothing", json!({})).await.expect("answer"), Value::Null);
    let broken = run("/broken", json!({})).await.expect_err("not json");
    assert!(matches!(broken, Error::Content { .. }), "{broken}");
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    for (arguments, word) in [
        (json!({"endpoint": "/relative"}), "endpoint.uri"),
        (json!({"method": "a b"}), "method"),
        (json!({"headers": {"Host": "x"}}), "headers.Host"),
        (json!({"headers": {"a b": "x"}}), "headers.a b"),
        (json!({"headers": {"x": "a\nb"}}), "headers.x"),
        (json!({"query": {"q": {}}}), "query.q"),
        (json!({"unknown": 1}), "unknown"),
    ] {
        let error = run("/echo", arguments).await.expect_err(word);
        assert_eq!((error.kind(), error.status()), ("configuration", 400));
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn inside_addresses_are_denied_by_default() {
    let egress = Egress::new(Policy::default()).expect("client");
    let input = json!({"method": "get", "endpoint": "http://169.254.169.254/latest/meta-data"});
    let input = serde_json::from_value(input).expect("input");
    let error = call(&egress, &Tokens::default(), &input, "k").await.expect_err("denied");
    assert_eq!(error.kind(), "configuration");
}

/// A server that gives tokens, and wants the one that it gave last.
#[derive(Clone, Default)]
struct Authority(std::sync::Arc<std::sync::Mutex<(u32, Vec<String>)>>);

impl Authority {
    async fn serve(&self) -> std::net::SocketAddr {
        let (granting, guarding) = (self.clone(), self.clone());
        let grant = move |headers: HeaderMap, body: String| async move {
            let mut state = granting.0.lock().unwrap();
            state.0 += 1;
            let header = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
            state.1.push(format!("{header}|{body}"));
            axum::Json(json!({"access_token": format!("t{}", state.0), "expires_in": 3600, "token_type": "bearer"}))
        };
        let guard = move |headers: HeaderMap| async move {
            let wanted = format!("Bearer t{}", guarding.0.lock().unwrap().0);
            let given = headers.get("authorization").is_some_and(|value| value == wanted.as_str());
            if given { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
        };
        let configuration = |headers: HeaderMap| async move {
            let host = headers["host"].to_str().unwrap().to_owned();
            axum::Json(json!({"token_endpoint": format!("http://{host}/tokens")}))
        };
        let router = Router::new()
            .route("/tokens", axum::routing::post(grant))
            .route("/realm/.well-known/openid-configuration", get(configuration))
            .route("/guarded", get(guard));
        crate::testing::serve(router).await
    }
}

async fn guarded(address: std::net::SocketAddr, tokens: &Tokens, authentication: Value) -> Result<Value, Error> {
    let egress = Egress::new(Policy::default().with_loopback()).expect("client");
    let uri = format!("http://{address}/guarded");
    let input = json!({"method": "get", "endpoint": {"uri": uri, "authentication": authentication}});
    call(&egress, tokens, &serde_json::from_value(input).expect("input"), "k").await
}

#[tokio::test]
async fn an_access_token_is_asked_for_once_and_again_when_it_is_refused() {
    let authority = Authority::default();
    let address = authority.serve().await;
    let tokens = Tokens::default();
    let oauth2 = json!({"oauth2": {
        "authority": format!("http://{address}"), "endpoints": {"token": "/tokens"}, "grant": "client_credentials",
        "client": {"id": "me", "secret": "hunter2"}, "scopes": ["a", "b"], "audiences": ["c"],
    }});
    for _ in 0..3 {
        guarded(address, &tokens, oauth2.clone()).await.expect("let in");
    }
    assert_eq!(
        authority.0.lock().unwrap().1,
        ["|grant_type=client_credentials&scope=a+b&audience=c&client_id=me&client_secret=hunter2"]
    );
    authority.0.lock().unwrap().0 = 7; // the authority forgets what it gave
    guarded(address, &tokens, oauth2.clone()).await.expect("let in with a new one");
    assert_eq!(authority.0.lock().unwrap().1.len(), 2);
    let strict = json!({"oauth2": {
        "authority": format!("http://{address}/tokens"), "endpoints": {"token": format!("http://{address}/tokens")},
        "grant": "client_credentials", "client": {"id": "me", "secret": "x", "authentication": "client_secret_basic"},
        "issuers": ["https://x.example"],
    }});
    let refused = guarded(address, &tokens, strict).await.expect_err("of nobody");
    assert_eq!((refused.kind(), refused.status()), ("authentication", 401), "{refused}");
    assert!(authority.0.lock().unwrap().1[2].starts_with("Basic bWU6eA==|"), "{:?}", authority.0.lock().unwrap().1);
}

#[tokio::test]
async fn an_authority_says_where_it_gives_tokens() {
    let authority = Authority::default();
    let address = authority.serve().await;
    let oidc = json!({"oidc": {
        "authority": format!("http://{address}/realm"), "grant": "password", "username": "u", "password": "p w",
        "client": {"id": "me", "authentication": "none"}, "request": {"encoding": "application/json"},
    }});
    guarded(address, &Tokens::default(), oidc.clone()).await.expect("let in");
    let body = r#"{"client_id":"me","grant_type":"password","password":"p w","username":"u"}"#;
    assert_eq!(authority.0.lock().unwrap().1, [format!("|{body}")]);
    let secret = json!({"oidc": {"use": oidc["oidc"].to_string()}});
    guarded(address, &Tokens::default(), secret).await.expect("let in with a secret");
}

#[tokio::test]
async fn a_digest_answers_the_challenge() {
    let guard = |headers: HeaderMap, uri: Uri| async move {
        let Some(given) = headers.get("authorization") else {
            let challenge = r#"Digest realm="r", nonce="n0nce", qop="auth", algorithm=SHA-256"#;
            return (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]);
        };
        let mut header = digest_auth::AuthorizationHeader::parse(given.to_str().unwrap()).unwrap();
        let response = header.response.clone();
        let context = digest_auth::AuthContext::new("me", "hunter2", uri.to_string());
        header.digest(&context);
        let fine = header.response == response && header.uri == uri.to_string();
        (if fine { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN }, [("www-authenticate", "")])
    };
    let address = crate::testing::serve(Router::new().route("/guarded", get(guard))).await;
    let of = |password: &str| json!({"digest": {"username": "me", "password": password}});
    guarded(address, &Tokens::default(), of("hunter2")).await.expect("let in");
    assert_eq!(guarded(address, &Tokens::default(), of("wrong")).await.expect_err("kept out").status(), 403);
}
