//! Images against a registry on loopback that wants tokens, as GitHub's does.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, head};
use axum::{Json, Router};
use serde_json::json;

use super::*;
use crate::egress::Policy;

/// A registry that has `acme/ada@sha256:abc`; to be read with a token, for which its own page wants a login.
async fn registry() -> String {
    let manifest = async |request: Request| {
        let headers = request.headers();
        let host = headers["host"].to_str().unwrap().to_owned();
        let accepted = headers[ACCEPT].to_str().unwrap().contains("oci.image.index");
        match headers.get("authorization").map(|value| value.to_str().unwrap()) {
            Some("Bearer t0ken") if accepted => StatusCode::OK.into_response(),
            _ => {
                let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"reg\",scope=\"a,b\"");
                (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
            }
        }
    };
    let token = async |headers: HeaderMap, request: Request| {
        // robot:hunter2
        let known = headers.get("authorization").is_some_and(|value| value == "Basic cm9ib3Q6aHVudGVyMg==");
        let query = request.uri().query().unwrap();
        assert_eq!(query, "scope=repository%3Aacme%2Fada%3Apull&service=reg");
        if known { Json(json!({"token": "t0ken"})).into_response() } else { StatusCode::FORBIDDEN.into_response() }
    };
    let routes = Router::new()
        .route("/v2/acme/ada/manifests/sha256:abc", head(manifest))
        .route("/v2/acme/open/manifests/1.0", head(async || StatusCode::OK))
        .route("/token", get(token));
    crate::testing::serve(routes).await.to_string()
}

fn login(host: &str, root: &tempfile::TempDir) -> Login {
    let file = root.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    Login { host: host.to_owned(), user: "robot".to_owned(), password: Reference::File(file) }
}

#[tokio::test]
async fn an_image_is_looked_for_with_a_token_where_one_is_wanted() {
    let (host, root) = (registry().await, tempfile::tempdir().unwrap());
    let egress = Egress::new(Policy::default().with_loopback()).unwrap();
    let ours = login(&host, &root);
    let image = Image::parse(&format!("{host}/acme/ada@sha256:abc")).unwrap();
    assert!(image_exists(&egress, &image, Some(&ours)).await.unwrap().holds);
    let closed = image_exists(&egress, &image, None).await.unwrap();
    assert!(!closed.holds && closed.detail.contains("401"), "{closed:?}");
    for (name, holds) in [("acme/open:1.0", true), ("acme/open:2.0", false), ("acme/open", false)] {
        let image = Image::parse(&format!("{host}/{name}")).unwrap();
        let found = image_exists(&egress, &image, None).await.unwrap();
        assert_eq!(found.holds, holds, "{found:?}");
    }
    let inside = Egress::new(Policy::default()).unwrap();
    assert!(image_exists(&inside, &image, None).await.is_err(), "not asked is not found");
}

#[tokio::test]
async fn a_login_goes_to_its_own_registry_only() {
    let (host, root) = (registry().await, tempfile::tempdir().unwrap());
    let egress = Egress::new(Policy::default().with_loopback()).unwrap();
    let image = Image::parse(&format!("{host}/acme/ada@sha256:abc")).unwrap();
    let others = login("ghcr.io", &root);
    assert!(!image_exists(&egress, &image, Some(&others)).await.unwrap().holds, "it would have been let in");

    // A registry of ours that sends us elsewhere for tokens: they would be given out there.
    let elsewhere = Image::parse("registry.example/acme/ada@sha256:abc").unwrap();
    let challenge = Challenge::parse(&format!("Bearer realm=\"http://{host}/token\",service=\"reg\"")).unwrap();
    let theirs = login("registry.example", &root);
    assert_eq!(token(&egress, &elsewhere, &challenge, Some(&theirs)).await.unwrap(), None);
    let given = token(&egress, &image, &challenge, Some(&theirs)).await.unwrap();
    assert_eq!(given.as_deref(), Some("t0ken"), "at its own origin");
}

#[test]
fn names_are_read_as_docker_reads_them() {
    let parse = |text| Image::parse(text).map(|image| image.manifest().to_string());
    assert_eq!(parse("ghcr.io/acme/ada").unwrap(), "https://ghcr.io/v2/acme/ada/manifests/latest");
    assert_eq!(parse("ghcr.io/acme/ada:1.0").unwrap(), "https://ghcr.io/v2/acme/ada/manifests/1.0");
    assert_eq!(parse("ghcr.io/acme/ada:1.0@sha256:ab").unwrap(), "https://ghcr.io/v2/acme/ada/manifests/sha256:ab");
    assert_eq!(parse("localhost:5000/ada:1").unwrap(), "http://localhost:5000/v2/ada/manifests/1");
    for wrong in [
        "",
        "ada",
        "acme/ada:1",
        "ghcr.io/",
        "ghcr.io/../x:1",
        "ghcr.io/a/..:1",
        "ghcr.io/a:../../health",
        "ghcr.io/a?b:1",
        "u@ghcr.io/a:1",
        "ghcr.io/a b:1",
        "ghcr.io/a@",
        "ghcr.io:x/a:1",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
