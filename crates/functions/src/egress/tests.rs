//! The guard against real sockets on this machine.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;

use super::*;

/// Serves `router` on a free loopback port until the test ends.
async fn serve(router: Router) -> SocketAddr {
    crate::testing::serve(router).await
}

async fn fetch(policy: Policy, url: &str) -> Result<Answer, Error> {
    let egress = Egress::new(policy).expect("client");
    let url = Url::parse(url).expect("url");
    let request = egress.request(Method::GET, &url)?;
    egress.send(request, &url).await
}

#[tokio::test]
async fn loopback_is_denied_by_address_and_by_name() {
    let address = serve(Router::new().route("/", get(|| async { "secret" }))).await;
    let port = address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let error = fetch(Policy::default(), &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{host}: {error}");
        assert!(error.to_string().contains("not a public address"), "{error}");
        assert!(!error.is_transient());
    }
    let url = format!("http://localhost:{port}/");
    let answer = fetch(Policy::default().with_loopback(), &url).await;
    assert_eq!(answer.expect("allowed").body, b"secret");
}

#[tokio::test]
async fn an_allowed_name_may_resolve_to_anything() {
    let address = serve(Router::new().route("/", get(|| async { "ok" }))).await;
    let policy = Policy { allow_hosts: ["localhost".to_owned()].into(), ..Policy::default() };
    let by_name = fetch(policy.clone(), &format!("http://localhost:{}/", address.port())).await;
    assert_eq!(by_name.expect("allowed").body, b"ok");
    assert!(fetch(policy, &format!("http://{address}/")).await.is_err(), "not by address");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let to = |_: ()| async { axum::response::Redirect::temporary("http://169.254.169.254/") };
    let address = serve(Router::new().route("/", get(move || to(())))).await;
    let answer = fetch(Policy::default().with_loopback(), &format!("http://{address}/")).await;
    assert_eq!(answer.expect("answer").status, 307);
}

#[tokio::test]
async fn schemes_and_credentials_are_refused_without_showing_them() {
    for url in ["file:///etc/passwd", "gopher://example.com/", "http://me:hunter2@example.com/"] {
        let error = fetch(Policy::default(), url).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn errors_do_not_show_the_query() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let url = format!("http://{address}/a?token=hunter2");
    let error = fetch(Policy::default().with_loopback(), &url).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn size_and_time_are_limited() {
    let router = Router::new()
        .route("/big", get(|| async { "x".repeat(2000) }))
        .route("/never", get(std::future::pending::<()>));
    let address = serve(router).await;
    let policy =
        Policy { max_body_bytes: 1999, timeout: Duration::from_millis(200), ..Policy::default().with_loopback() };
    let big = fetch(policy.clone(), &format!("http://{address}/big")).await.unwrap_err();
    assert!(matches!(big, Error::TooLarge { limit: 1999, .. }), "{big}");
    let never = fetch(policy, &format!("http://{address}/never")).await.unwrap_err();
    assert!(matches!(never, Error::Timeout { .. }) && never.is_transient(), "{never}");
}

#[tokio::test]
async fn a_mapped_origin_keeps_its_host() {
    let echo = |headers: HeaderMap| async move { headers["host"].to_str().unwrap().to_owned() };
    let address = serve(Router::new().route("/v2/pet/1", get(echo))).await;
    let origin = "https://petstore.example".to_owned();
    let policy = Policy { host_map: [(origin, address)].into(), ..Policy::default() };
    let answer = fetch(policy, "https://petstore.example/v2/pet/1").await.expect("mapped");
    assert_eq!(answer.body, b"petstore.example");
}
