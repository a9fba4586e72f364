//! The running service: database, worker and API, started in this order and stopped in the other.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use api::{Api, Parts, Watched, auth::Authenticator, metrics, stored::Stored, webhooks};
use platform::{creations, handoffs};
use sandbox::Pool;
use store::{Hints, Store, clock as engine_clock};
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;
use worker::{Config, Queue, Worker};

use crate::{
    catalogue::Catalogue,
    cli, clock,
    commands::token::{DEFAULT_ORG, signing_keys},
    composition,
    database::{self, Database},
    evidence::Eyes,
    forge::{self, Forge},
    output::Failure,
    register,
};

/// Where the API listens unless it is told.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8015);

/// Which parts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// API and worker, on the embedded database if there is no other.
    Whole,
    /// A worker alone, with health and metrics where it is to listen.
    Worker,
}

/// A service that is up.
#[derive(Debug)]
pub(crate) struct Service {
    /// Where it listens, if it does.
    pub(crate) address: Option<SocketAddr>,
    /// How many definitions are new since the last start.
    pub(crate) registered: usize,
    pub(crate) database: Database,
    pub(crate) catalogue: Catalogue,
    forge: Forge,
    shutdown: CancellationToken,
    parts: Mutex<JoinSet<Result<(), Failure>>>,
    beside: JoinSet<()>,
}

impl Service {
    /// Starts the service; what cannot start stops what has.
    pub(crate) async fn start(arguments: &cli::Service, role: Role) -> Result<Self, Failure> {
        let data = database::data_directory(arguments.database.data.as_deref())?;
        let listener = listen(arguments, role).await?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let database = Database::open(&arguments.database).await?;
        database.make_ready().await?;
        let store = database.store.clone();
        if let Some(factor) = arguments.time_scale {
            scale_time(&store, factor).await?;
        }

        let (mut parts, mut beside, shutdown) = (JoinSet::new(), JoinSet::new(), CancellationToken::new());
        let (hints, hinting) = Hints::new(store.clone());
        beside.spawn(hinting);
        let catalogue = Catalogue::new(&arguments.home, composition::allowed_functions(arguments));
        let registered = register::register(&store, DEFAULT_ORG, &catalogue, clock::now()).await?;
        let root = forge::directory(arguments, &data);
        let forge = Forge::open(arguments, &root, &api_url(arguments, role, address)?).await?;
        let functions = composition::functions(arguments, &forge)?;
        let queues = vec![Queue { name: "default".to_owned(), concurrency: arguments.concurrency }];
        let secrets = Arc::new(composition::secrets(arguments)?);
        let worker =
            Worker::new(store.clone(), hints.clone(), functions, secrets, Config { queues, ..Config::default() })
                .with_evaluator(Arc::new(Pool::of_this_program("evaluate")?));
        let stop = shutdown.clone();
        parts.spawn(async move { Ok(worker.run(stop).await?) });
        if let Some(listener) = listener {
            let router = match role {
                Role::Whole => router(arguments, &data, store, hints, &forge)?,
                Role::Worker => watch_router(store, hints)?,
            };
            let stop = shutdown.clone().cancelled_owned();
            parts.spawn(async move { Ok(api::serve(listener, router, stop).await?) });
        }
        forge.start();
        let parts = Mutex::new(parts);
        Ok(Self { address, registered, database, catalogue, forge, shutdown, parts, beside })
    }

    /// The address that it listens on, as a URL.
    pub(crate) fn url(&self) -> String {
        self.address.map_or_else(String::new, |address| format!("http://{address}"))
    }

    /// The forge of this service.
    pub(crate) fn forge(&self) -> &Forge {
        &self.forge
    }

    /// Waits until a part ends by itself, which none should.
    pub(crate) async fn failed(&self) -> Failure {
        match self.parts.lock().await.join_next().await {
            Some(Ok(Err(failure))) => failure,
            Some(Err(error)) => Failure::new(format!("a part of the service crashed: {error}")),
            Some(Ok(Ok(()))) | None => Failure::new("a part of the service ended by itself"),
        }
    }

    /// Stops everything: no new work, open requests and commits end, the embedded database is shut down.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.shutdown.cancel();
        let mut result = Ok(());
        let mut parts = self.parts.into_inner();
        while let Some(ended) = parts.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(Failure::new(error.to_string())));
            result = result.and(ended);
        }
        self.forge.stop().await;
        self.beside.shutdown().await;
        result.and(self.database.close().await)
    }
}

fn router(
    arguments: &cli::Service,
    data: &std::path::Path,
    store: Store,
    hints: Hints,
    forge: &Forge,
) -> Result<axum::Router, Failure> {
    if arguments.database.database_url.is_some() && arguments.jwt_secret.is_none() {
        let why = "other processes on this database must know it too (env:NAME or file:/path, at least 64 characters)";
        return Err(Failure::new(format!("STATIONMASTER_JWT_SECRET is missing: {why}")));
    }
    let keys = signing_keys(arguments.jwt_secret.as_deref(), data)?;
    let stored = Arc::new(Stored::new(store.clone(), hints.clone()));
    let sources = composition::webhook_sources(&arguments.home)?;
    let root = forge::directory(arguments, data);
    let resolve = |reference: &str| composition::webhook_secret(reference, &root);
    let sink = Arc::clone(&stored) as Arc<dyn webhooks::EventSink>;
    let webhooks = webhooks::routes(sources, DEFAULT_ORG, &resolve, &sink, &clock::machine())?;
    let api = Api::new(Parts {
        authenticator: Authenticator::new(keys, clock::machine()),
        store,
        hints,
        sink,
        watched: Watched { probes: stored, metrics: Some(metrics::install()?) },
        evidence: Arc::new(Eyes::new(forge.clone(), composition::egress()?)),
        creations: creations::Options { admin_gate: arguments.admin_gate },
        reviews: handoffs::Options::default(),
        clock: clock::machine(),
    });
    Ok(api::router(&api, webhooks))
}

/// Health and metrics of a worker.
fn watch_router(store: Store, hints: Hints) -> Result<axum::Router, Failure> {
    let watched = Watched { probes: Arc::new(Stored::new(store, hints)), metrics: Some(metrics::install()?) };
    Ok(api::watch_router(&watched, &clock::machine()))
}

/// The API's address must be had; a worker listens only where it is told to.
async fn listen(arguments: &cli::Service, role: Role) -> Result<Option<TcpListener>, Failure> {
    match (role, arguments.listen) {
        (Role::Whole, address) => Ok(Some(api::bind(address.unwrap_or(LISTEN)).await?)),
        (Role::Worker, Some(address)) => Ok(Some(api::bind(address).await?)),
        (Role::Worker, None) => Ok(None),
    }
}

/// Where the local forge finds the API: where it is said to be, else here, else where it usually is.
fn api_url(arguments: &cli::Service, role: Role, address: Option<SocketAddr>) -> Result<Url, Failure> {
    let own = address.filter(|_| role == Role::Whole);
    match &arguments.api {
        Some(api) => Ok(api.clone()),
        None => Ok(Url::parse(&format!("http://{}", reachable(own.unwrap_or(LISTEN))))?),
    }
}

/// The address by which this machine reaches a listener: one that listens everywhere is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    }
}

/// Sets how fast durable time passes, if it should pass otherwise than it does.
async fn scale_time(store: &Store, factor: f64) -> Result<(), Failure> {
    let mut connection = store.owner().await?; // no worker may move the clock
    let clock = engine_clock::read(&mut connection).await?;
    if (clock.factor() - factor).abs() > f64::EPSILON {
        engine_clock::set(&mut connection, clock.now(), factor).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn told(role: Role, options: &[&str], address: &str) -> String {
        let line = ["stationmaster", "serve"].iter().chain(options);
        let Verb::Serve(service) = Cli::try_parse_from(line).unwrap().verb else { panic!("another verb") };
        api_url(&service, role, Some(address.parse().unwrap())).unwrap().to_string()
    }

    #[test]
    fn the_forge_reports_to_the_api_wherever_that_is() {
        assert_eq!(told(Role::Whole, &[], "0.0.0.0:99"), "http://127.0.0.1:99/");
        assert_eq!(told(Role::Whole, &[], "[::]:99"), "http://[::1]:99/");
        assert_eq!(told(Role::Whole, &[], "10.0.0.1:99"), "http://10.0.0.1:99/");
        assert_eq!(told(Role::Worker, &[], "127.0.0.1:99"), "http://127.0.0.1:8015/", "not the worker's own port");
        assert_eq!(told(Role::Worker, &["--api", "http://api:8015"], "127.0.0.1:99"), "http://api:8015/");
    }
}
