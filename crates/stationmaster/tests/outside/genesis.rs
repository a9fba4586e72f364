//! A Genesis elsewhere (`REQUIREMENTS 1.3, A11`): asked with key and signature, it answers by a signed callback, late, or never.

use std::{future::IntoFuture, net::SocketAddr, sync::Arc};

use api::{
    stored::Stored,
    webhooks::{self, EventSink, Source},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use chrono::{DateTime, TimeDelta};
use platform::{
    creations::{self, Options},
    functions::Genesis,
    genesis::{
        client::{Client, Config},
        signature::{Headers, Secret},
    },
};
use serde_json::{Value, json};
use store::Hint;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use crate::house::{House, ORG, PATIENCE, orchestrator, root, start};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the run listens for once it has asked.
const LISTENS: &str = "listens com.stationmaster.genesis.verdict.v1";

/// The other side.
struct Remote {
    questions: UnboundedReceiver<Value>,
    /// Where it posts its answers.
    callback: SocketAddr,
}

impl Remote {
    /// A house whose Genesis it is.
    async fn asked_by_a_house() -> (House, Self) {
        let (asked, questions) = unbounded_channel();
        let address = serve(Router::new().route("/validate", post(take)).with_state(asked)).await;
        let url = format!("http://{address}/validate").parse().unwrap();
        let config = Config { url, api_key: "the-key".to_owned(), secret: Secret::parse(SECRET).unwrap() };
        let house = House::build(Genesis::Remote(Client::new(config).unwrap())).await;

        let text = std::fs::read_to_string(root().join("webhooks/genesis.yaml")).unwrap();
        let source = Source::parse("genesis.yaml", &text).unwrap();
        let sink: Arc<dyn EventSink> = Arc::new(Stored::new(house.store.clone(), house.hints.clone()));
        let secret = |reference: &str| match reference {
            "env:STATIONMASTER_GENESIS_WEBHOOK_SECRET" => Ok(SECRET.to_owned()),
            other => Err(format!("{other} is not set")),
        };
        let clock: api::Clock = Arc::new(start);
        let callback = serve(webhooks::routes(vec![source], ORG, &secret, &sink, &clock).unwrap()).await;
        (house, Self { questions, callback })
    }

    /// The name of the next question.
    async fn question(&mut self) -> Value {
        let question = tokio::time::timeout(PATIENCE, self.questions.recv()).await.expect("Genesis is asked").unwrap();
        assert_eq!((&question["type"], &question["agent_name"]), (&json!("agent_creation"), &json!("Ada")));
        question["validation_id"].clone()
    }

    /// Answers a question, signed with `secret`; gives what it was told.
    async fn answer(&self, question: &Value, status: &str, secret: &str) -> StatusCode {
        let body = json!({
            "validation_id": question, "status": status, "reason": "as the rules say", "risk_level": "low",
            "validation_details": {
                "constitutional_alignment": true, "customer_sovereignty_check": true,
                "deny_by_default_enforced": true, "approval_gates_present": true}})
        .to_string();
        let id = format!("msg_{}_{status}", question.as_str().unwrap());
        let Headers { id, timestamp, signature } = Secret::parse(secret).unwrap().sign(&id, start(), body.as_bytes());
        let request = reqwest::Client::new()
            .post(format!("http://{}/pp/v1/webhooks/genesis", self.callback))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature);
        request.body(body).send().await.unwrap().status()
    }
}

/// Takes a question from whoever has the key and can sign.
async fn take(State(asked): State<UnboundedSender<Value>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let now =
        header("webhook-timestamp").parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap();
    let expected = Secret::parse(SECRET).unwrap().sign(&header("webhook-id"), now, &body);
    let recent = now == start() || now == start() + LATER;
    if header("x-api-key") != "the-key" || header("webhook-signature") != expected.signature || !recent {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    asked.send(serde_json::from_slice(&body).unwrap()).unwrap();
    (StatusCode::ACCEPTED, json!({"status": "in_progress"}).to_string())
}

/// When the hard deadline has passed.
const LATER: TimeDelta = TimeDelta::minutes(30);

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

#[tokio::test]
async fn a_creation_goes_on_with_the_answer_that_comes_later() {
    let (mut house, mut remote) = Remote::asked_by_a_house().await;
    let _worker = house.work();
    house.request(json!({}), Options::default()).await;
    let question = remote.question().await;
    house.committed(LISTENS).await;
    let forged = remote.answer(&question, "approved", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(forged, StatusCode::UNAUTHORIZED);
    assert_eq!(house.count("select count(*) from events").await, 0, "nothing of it is believed");

    assert_eq!(remote.answer(&question, "approved", SECRET).await, StatusCode::ACCEPTED);
    assert_eq!(remote.answer(&question, "approved", SECRET).await, StatusCode::OK, "a repetition is harmless");
    house.committed("status genesis_approved").await;
    house.committed("status cicd_running").await;
    assert_eq!(house.count("select count(*) from events where source = '/genesis'").await, 1);
    assert!(house.post.is_empty());
}

#[tokio::test]
async fn no_answer_is_no_approval_and_a_late_one_answers_nothing() {
    let (mut house, mut remote) = Remote::asked_by_a_house().await;
    let _worker = house.work();
    let requested = house.request(json!({}), Options::default()).await;
    let first = remote.question().await;
    house.committed(LISTENS).await;
    house.committed("parked").await;

    house.clock(TimeDelta::minutes(5)).await;
    let letter = house.post.letter().await;
    assert_eq!(letter.header("To"), "admin@example.com");
    assert_eq!(letter.header("Subject"), "Genesis has not answered for 5 minutes");
    house.committed("parked").await;
    assert_eq!(house.count("select count(*) from ola_breaches where ola = 'genesis_validation'").await, 1);
    assert_eq!(house.count("select count(*) from creations where status = 'genesis_validation_pending'").await, 1);

    house.clock(LATER).await;
    house.committed("status genesis_timeout").await;
    assert_eq!(remote.answer(&first, "approved", SECRET).await, StatusCode::ACCEPTED);
    house.committed("listens com.stationmaster.creation.genesis-retry.v1").await;
    let mut transaction = house.begin().await;
    let actor = orchestrator();
    creations::retry_genesis(&mut transaction, &actor, requested.agent_id, start() + LATER).await.unwrap();
    transaction.commit().await.unwrap();
    house.hints.give(Hint::Event);

    let second = remote.question().await;
    assert_ne!(first, second, "an answer to one is none to the other");
    house.committed(LISTENS).await;
    assert_eq!(remote.answer(&second, "rejected", SECRET).await, StatusCode::ACCEPTED);
    house.committed("status genesis_rejected").await;
    assert_eq!(house.post.letter().await.header("Subject"), "Genesis rejected Ada");
    house.committed("phase completed").await;
    let late = "select count(*) from audit where action = 'creation.genesis_approved'";
    assert_eq!(house.count(late).await, 0);
    assert!(house.post.is_empty());
}
