//! What the tests of this crate share: a fixed clock, a table of permissions, a sink and probes in memory, and a client.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use chrono::TimeZone;
use cluster::testing::TestDatabase;
use definitions::Definition;
use engine::OrgId;
use futures::future::{BoxFuture, FutureExt, ready};
use platform::{
    access::Role,
    creations,
    handoffs::{self, Evidence, EvidenceChecker, Look},
};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use store::{Hints, PoolSizes, Store};
use tower::ServiceExt;

use crate::{
    Api, Clock, Parts, Watched,
    auth::{Authenticator, Keys, LIFETIME, Secret},
    health::Probes,
    stored::Stored,
    webhooks::{Accepted, EventSink, Received, Unavailable},
};

pub(crate) const ORG: OrgId = OrgId(uuid::Uuid::from_u128(7));

pub(crate) fn clock() -> Clock {
    let now = chrono::Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap();
    Arc::new(move || now)
}

pub(crate) fn keys() -> Keys {
    let secret = Secret::new(&"0123456789abcdef".repeat(4)).unwrap();
    Keys::new("https://stationmaster.example", "stationmaster", &secret, &[])
}

/// A bearer token of a user with these roles.
pub(crate) fn token(roles: &[Role]) -> String {
    token_of("ada", ORG, roles)
}

/// A bearer token of some user of some organisation.
pub(crate) fn token_of(user: &str, org: OrgId, roles: &[Role]) -> String {
    let roles = roles.iter().copied().collect::<BTreeSet<_>>().try_into().unwrap();
    keys().mint(user, org, roles, "session-1", clock()(), LIFETIME).unwrap()
}

/// Remembers what it was given, and recognises repetitions.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) received: Mutex<Vec<Received>>,
    ids: Mutex<BTreeSet<(String, String)>>,
    pub(crate) down: Mutex<bool>,
}

impl EventSink for Memory {
    fn accept(&self, received: Received) -> BoxFuture<'_, Result<Accepted, Unavailable>> {
        if *self.down.lock().unwrap() {
            return ready(Err(Unavailable("connection refused (10.0.0.1:5432)".to_owned()))).boxed();
        }
        let mut ids = self.ids.lock().unwrap();
        let new = |event: &&engine::CloudEvent| ids.insert((event.source.clone(), event.id.clone()));
        let stored = received.events.iter().filter(new).count();
        let duplicates = received.events.len() - stored;
        drop(ids);
        self.received.lock().unwrap().push(received);
        ready(Ok(Accepted { stored, duplicates })).boxed()
    }
}

impl EvidenceChecker for Memory {
    fn look<'a>(&'a self, evidence: Evidence<'a>) -> Look<'a> {
        let (Evidence::Image(name) | Evidence::Health(name) | Evidence::Page(name)) = evidence;
        let missing = name.contains("missing");
        Box::pin(async move { if missing { Err("answers 404".to_owned()) } else { Ok(()) } })
    }
}

impl Probes for Memory {
    fn database(&self) -> BoxFuture<'_, Result<(), String>> {
        let down = *self.down.lock().unwrap();
        ready(if down { Err("connection refused (10.0.0.1:5432)".to_owned()) } else { Ok(()) }).boxed()
    }

    fn migrations(&self) -> BoxFuture<'_, Result<(), String>> {
        ready(Ok(())).boxed()
    }
}

/// The state of an API over this memory.
pub(crate) fn api(memory: &Arc<Memory>) -> Api {
    // Connections are made when they are needed: whoever gets as far as the database finds none.
    let store = Store::new(PgConnectOptions::new().host("127.0.0.1").port(1), PoolSizes::default());
    Api::new(Parts {
        authenticator: Authenticator::new(keys(), clock()),
        hints: Hints::new(store.clone()).0,
        store,
        sink: Arc::clone(memory) as _,
        watched: Watched { probes: Arc::clone(memory) as _, metrics: None },
        evidence: Arc::clone(memory) as _,
        creations: creations::Options::default(),
        reviews: handoffs::Options::default(),
        clock: clock(),
    })
}

/// An API over a database of its own.
pub(crate) struct Live {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) database: TestDatabase,
}

/// The definition that [`Live`] has registered for [`ORG`].
const ECHO: &str = "
document: { dsl: '1.0.3', namespace: test, name: echo, version: '1.0.0' }
input: { schema: { document: { type: object, properties: { n: { type: integer } }, required: [ n ] } } }
do: [ { echo: { set: { n: '${ .n }' } } } ]
";

/// Migrates, registers the definition, and stops the clock, so that answers do not vary.
async fn prepare(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let options = (*pool.connect_options()).clone();
    Store::new(options, PoolSizes::default()).migrate().await?;
    let echo = Definition::parse(ECHO, &BTreeMap::new())?;
    store::definitions::register(&mut *pool.acquire().await?, ORG, &echo, "system", clock()()).await?;
    sqlx::query(
        "insert into definitions (org_id, hash, namespace, name, version, needs, source, functions, created_by, created_at)
         select org_id, sha256(hash), 'stationmaster', 'agent-creation', '1.0.0', needs, '', '{}', 'system', now()
         from definitions",
    )
    .execute(&pool)
    .await?;
    store::clock::set(&mut *pool.acquire().await?, clock()(), 0.0).await?;
    Ok(())
}

impl Live {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create(&format!("api_{}", Store::schema_name()), prepare).await.unwrap();
        let store = Store::new(database.connect_options(), PoolSizes::default());
        let hints = Hints::new(store.clone()).0;
        let stored = Arc::new(Stored::new(store.clone(), hints.clone()));
        let api = Api::new(Parts {
            authenticator: Authenticator::new(keys(), clock()),
            store: store.clone(),
            hints,
            sink: Arc::clone(&stored) as _,
            watched: Watched { probes: stored, metrics: None },
            evidence: Arc::new(Memory::default()),
            creations: creations::Options::default(),
            reviews: handoffs::Options::default(),
            clock: clock(),
        });
        Self { router: crate::router(&api, Router::new()), store, database }
    }

    /// One number out of the database, seen by its superuser.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.pool()).await.unwrap()
    }
}

/// An answer in the form that snapshots keep: status, the headers that are contract, and the body.
pub(crate) async fn send(router: &Router, request: Request<Body>) -> Value {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let kept = [
        "content-type",
        "x-request-id",
        "www-authenticate",
        "allow",
        "retry-after",
        "location",
        "etag",
        "cache-control",
        "idempotent-replayed",
    ];
    let headers: serde_json::Map<_, _> =
        kept.into_iter().filter_map(|name| header(name).map(|value| (name.to_owned(), Value::from(value)))).collect();
    let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes)));
    serde_json::json!({"status": status.as_u16(), "headers": headers, "body": body})
}

/// The same answers with identifiers numbered in the order of their appearance, and without entity tags.
pub(crate) fn stable(mut answers: Value) -> Value {
    let text = answers.to_string();
    let mut known: Vec<&str> = Vec::new();
    for start in 0..text.len().saturating_sub(36) {
        let Some(candidate) = text.get(start..start + 36) else { continue };
        if uuid::Uuid::try_parse(candidate).is_ok() && !known.contains(&candidate) {
            known.push(candidate);
        }
    }
    let numbered =
        known.iter().enumerate().fold(text.clone(), |text, (index, id)| text.replace(id, &format!("ID-{index}")));
    answers = serde_json::from_str(&numbered).unwrap();
    for answer in answers.as_object_mut().into_iter().flatten().map(|(_, answer)| answer) {
        if let Some(etag) = answer.pointer_mut("/headers/etag") {
            *etag = "ETAG".into();
        }
    }
    answers
}

/// The status of an answer from [`send`].
pub(crate) fn status(answer: &Value) -> StatusCode {
    StatusCode::from_u16(u16::try_from(answer["status"].as_u64().unwrap()).unwrap()).unwrap()
}

/// A request with an id of its own, so that answers do not vary.
pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("x-request-id", "test-1")
}
