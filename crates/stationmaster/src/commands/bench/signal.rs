//! W3: how long a run that waits for an event takes to end, from the moment the event is posted to the HTTP API.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::{Api, Parts, Watched, auth::Authenticator, stored::Stored, webhooks::EventSink};
use chrono::TimeDelta;
use definitions::Data;
use engine::RunId;
use platform::{
    access::{Role, Roles},
    creations,
    handoffs::{self, Evidence, EvidenceChecker, Look},
};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use store::runs;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bed::{Bed, ORG, Service, fresh};
use crate::{clock, commands::token, output::Failure};

/// A run that waits for one event of its own.
const WAITING: &str = r"
document: { dsl: '1.0.3', namespace: bench, name: waiting, version: '1.0.0' }
do:
  - signal:
      listen:
        to:
          one:
            with: { type: bench.signal }
            correlate: { run: { from: .subject, expect: '${ $workflow.id }' } }
";

/// Signals that are not counted.
const WARM_UP: usize = 20;

/// Between two looks at a run that has yet to park.
const LOOK: Duration = Duration::from_millis(1);

/// How many commits a signal needs at least: the event's and that of the fact that it became.
pub(super) const COMMITS: usize = 2;

/// The API of a service, on a socket of this machine.
#[derive(Debug)]
pub(super) struct Http {
    url: String,
    token: String,
    client: reqwest::Client,
    stop: CancellationToken,
    server: JoinSet<Result<(), std::io::Error>>,
}

/// Signals `n` runs, one after the other.
pub(super) async fn measure(bed: &Bed, n: usize) -> Result<Vec<Duration>, Failure> {
    let service = bed.service(1).await?;
    let definition = service.register(WAITING).await?;
    let http = Http::serve(&service).await?;
    let mut taken = Vec::with_capacity(n);
    for number in 0..n + WARM_UP {
        let run = fresh();
        service.start(definition, &[(run, Data::object())]).await?;
        parked(&service, run).await?;
        let end = service.hints.end_of(run);
        let began = Instant::now();
        http.signal(run).await?;
        service.ended(run, &end).await?;
        if number >= WARM_UP {
            taken.push(began.elapsed());
        }
    }
    http.close().await?;
    service.close().await?;
    Ok(taken)
}

/// Waits until nobody holds the run and it has nothing to do.
async fn parked(service: &Service, run: RunId) -> Result<(), Failure> {
    loop {
        let mut transaction = service.store.begin(ORG).await?;
        if runs::show(&mut transaction, ORG, run).await?.due_at.is_none() {
            return Ok(());
        }
        drop(transaction);
        tokio::time::sleep(LOOK).await;
    }
}

impl Http {
    pub(super) async fn serve(service: &Service) -> Result<Self, Failure> {
        let secret = api::auth::Secret::new(&uuid::Uuid::new_v4().simple().to_string().repeat(2))?;
        let keys = api::auth::Keys::new("bench", "bench", &secret, &[]);
        let token = token::mint(&keys, "bench", ORG, Roles::from(Role::Admin), clock::now(), TimeDelta::hours(12))?;
        let stored = Arc::new(Stored::new(service.store.clone(), service.hints.clone()));
        let api = Api::new(Parts {
            authenticator: Authenticator::new(keys, clock::machine()),
            store: service.store.clone(),
            hints: service.hints.clone(),
            sink: Arc::clone(&stored) as Arc<dyn EventSink>,
            watched: Watched { probes: stored, metrics: None },
            evidence: Arc::new(Blind),
            creations: creations::Options::default(),
            reviews: handoffs::Options::default(),
            clock: clock::machine(),
        });
        let listener = api::bind(([127, 0, 0, 1], 0).into()).await?;
        let url = format!("http://{}/events", listener.local_addr()?);
        let (stop, mut server) = (CancellationToken::new(), JoinSet::new());
        server.spawn(api::serve(listener, api::router(&api, axum::Router::new()), stop.clone().cancelled_owned()));
        Ok(Self { url, token, client: reqwest::Client::new(), stop, server })
    }

    /// Posts the event that a run waits for.
    pub(super) async fn signal(&self, run: RunId) -> Result<(), Failure> {
        let id = fresh().to_string();
        let event = json!({
            "specversion": "1.0", "id": id, "source": "/bench", "type": "bench.signal", "subject": run.to_string(),
        });
        let request = self.client.post(&self.url).bearer_auth(&self.token);
        let request = request.header(CONTENT_TYPE, "application/cloudevents+json").body(event.to_string());
        request.send().await?.error_for_status()?;
        Ok(())
    }

    pub(super) async fn close(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        drop(self.client);
        while let Some(served) = self.server.join_next().await {
            served??;
        }
        Ok(())
    }
}

/// No handoff is submitted here.
struct Blind;

impl EvidenceChecker for Blind {
    fn look<'a>(&'a self, _: Evidence<'a>) -> Look<'a> {
        Box::pin(std::future::ready(Err("the bench looks at nothing".to_owned())))
    }
}
