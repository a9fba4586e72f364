//! The client against a server that answers one request.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::super::signature::Headers;
use super::*;
use crate::agents::{CreationRequest, Manifest};
use crate::input;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Asks a server that answers one request with `reply`; gives the answer and what the server saw.
async fn ask(reply: String) -> (Result<Answer, Error>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !whole(&seen) {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        // The client hangs up in the middle of an answer that is too long.
        let _ = stream.write_all(reply.as_bytes()).await;
        String::from_utf8(seen).unwrap()
    };
    let client = Client::new(Config {
        url: format!("http://{address}/validate").parse().unwrap(),
        api_key: "the-key".to_owned(),
        secret: Secret::parse(SECRET).unwrap(),
    })
    .unwrap();
    let request: CreationRequest =
        input::parse(json!({"agent_name": "Ada", "industry": "sales", "specialty": "Leads"})).unwrap();
    let manifest = Manifest::from(request);
    let question = Question::new(Uuid::from_u128(5), &manifest);
    tokio::join!(client.ask(&question, "msg_1", DateTime::UNIX_EPOCH), server)
}

/// Whether a whole HTTP request has arrived.
fn whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length: usize = header(head, "content-length").parse().unwrap();
    body.len() >= length
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
    line.unwrap_or_default().split_once(':').unwrap_or_default().1.trim().to_owned()
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn the_question_carries_the_key_and_the_signature_of_its_bytes() {
    let (answer, seen) = ask(reply("202 Accepted", "", r#"{"status": "in_progress"}"#)).await;
    assert_eq!(answer.unwrap(), Answer::InProgress { progress_url: None });
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /validate "), "{head}");
    assert_eq!(header(head, "x-api-key"), "the-key");
    let headers = Headers {
        id: header(head, "webhook-id"),
        timestamp: header(head, "webhook-timestamp"),
        signature: header(head, "webhook-signature"),
    };
    let signed = Secret::parse(SECRET).unwrap().sign(&headers.id, DateTime::UNIX_EPOCH, body.as_bytes());
    assert_eq!(headers, signed);
    assert!(body.contains("\"agent_creation\""), "{body}");
}

#[tokio::test]
async fn each_failure_has_its_name_and_none_is_an_answer() {
    let fail = async |text: String| ask(text).await.0.unwrap_err();
    assert!(matches!(fail(reply("401 Unauthorized", "", "")).await, Error::Unauthorized));
    let limited = fail(reply("429 Too Many Requests", "retry-after: 7\r\n", "")).await;
    assert!(matches!(limited, Error::RateLimited { retry_after } if retry_after.as_secs() == 7));
    assert!(limited.is_transient());
    assert!(fail(reply("503 Service Unavailable", "", "")).await.is_transient());
    assert!(matches!(fail(reply("422 Unprocessable", "", "")).await, Error::Refused(422)));
    let moved = fail(reply("302 Found", "location: http://127.0.0.1:1/\r\n", "")).await;
    assert!(matches!(moved, Error::Refused(302)), "redirects are not followed");
    assert!(matches!(fail(reply("200 OK", "", "approved")).await, Error::BadAnswer(_)));
    let long = fail(reply("200 OK", "", &" ".repeat(LONGEST_ANSWER + 1))).await;
    assert!(long.to_string().contains("too long"), "{long}");
}

#[tokio::test]
async fn a_genesis_that_hangs_up_is_unavailable_and_its_address_stays_out_of_the_error() {
    let error = ask(String::new()).await.0.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

#[test]
fn the_configuration_prints_no_key() {
    let config = Config {
        url: "https://genesis.local/".parse().unwrap(),
        api_key: "the-key".to_owned(),
        secret: Secret::parse(SECRET).unwrap(),
    };
    assert_eq!(format!("{config:?}"), "Config { url: \"https://genesis.local/\", .. }");
}
