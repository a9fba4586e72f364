//! `dev`, `serve`, `work`: the service until it is told to stop.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli,
    commands::token::DEFAULT_ORG,
    output::{Failure, Output},
    register,
    service::{Role, Service},
};

/// How often `dev` looks for changed definitions.
const LOOK: Duration = Duration::from_secs(1);

/// Runs the service until SIGINT or SIGTERM.
pub(crate) async fn serve(output: Output, arguments: &cli::Service, role: Role) -> Result<(), Failure> {
    run(output, arguments, role, false).await
}

/// The same, and registers definitions again whenever they change.
pub(crate) async fn dev(output: Output, arguments: &cli::Service) -> Result<(), Failure> {
    run(output, arguments, Role::Whole, true).await
}

async fn run(output: Output, arguments: &cli::Service, role: Role, reload: bool) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let service = Service::start(arguments, role).await?;
    announce(output, &service, role);
    let mut ticks = tokio::time::interval(LOOK);
    let mut seen = changed_at(&service);
    loop {
        tokio::select! {
            () = stop.asked() => break,
            failure = service.failed() => {
                drop(service.stop().await); // what made the part end is the thing to report
                return Err(failure);
            }
            _ = ticks.tick(), if reload => {
                let now = changed_at(&service);
                if now != seen {
                    seen = now;
                    register_again(output, &service).await;
                }
            }
        }
    }
    output.line(|| "stopping".to_owned());
    service.stop().await
}

fn announce(output: Output, service: &Service, role: Role) {
    let url = service.url();
    output.line(|| match (role, service.address) {
        (Role::Whole, _) => format!("Stationmaster listens on {url} (documentation: {url}/docs)"),
        (Role::Worker, Some(_)) => format!("a worker is up (health: {url}/health/ready, metrics: {url}/metrics)"),
        (Role::Worker, None) => "a worker is up".to_owned(),
    });
    output.event(&json!({ "listening": url, "registered": service.registered }));
}

/// A definition that is refused is reported, and the one before it stays.
async fn register_again(output: Output, service: &Service) {
    let registered =
        register::register(&service.database.store, DEFAULT_ORG, &service.catalogue, crate::clock::now()).await;
    match registered {
        Ok(1) => output.line(|| "1 definition registered".to_owned()),
        Ok(new) => output.line(|| format!("{new} definitions registered")),
        Err(failure) => output.line(|| failure.message().to_owned()),
    }
}

/// When anything below `workflows/` and `functions/` last changed.
fn changed_at(service: &Service) -> Option<SystemTime> {
    service.catalogue.files().filter_map(|file| file.metadata().and_then(|data| data.modified()).ok()).max()
}

/// The signals that ask for an end.
pub(crate) struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    /// From here on, the signals no longer kill the process.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves when the process is asked to end.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
