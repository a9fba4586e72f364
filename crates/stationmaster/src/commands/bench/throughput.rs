//! W1: how many durable steps per second, with many runs in flight.
//!
//! Clients start a run, wait for its end and start the next, so that `in_flight` runs are under way at any time. What the
//! clients ask for while the last start commits is started together.

use std::sync::Arc;

use definitions::{ContentHash, Data};
use engine::RunId;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    bed::{Bed, STEPS, STEPS_PER_RUN, Service, fresh},
    floor::share,
    measure::{Meter, Usage},
};
use crate::output::Failure;

/// Runs `n` runs of five steps.
pub(super) async fn measure(bed: &Bed, n: usize, in_flight: usize) -> Result<Usage, Failure> {
    let mut meter = Meter::open(bed.store()).await?;
    let service = Arc::new(bed.service(in_flight).await?);
    let definition = service.register(STEPS).await?;
    drive(&service, definition, in_flight, in_flight).await?;
    meter.start(bed.store()).await?;
    let before = service.executed();
    drive(&service, definition, n, in_flight).await?;
    meter.stop(bed.store()).await?;
    let executed = service.executed() - before;
    if executed != n as u64 * STEPS_PER_RUN {
        return Err(Failure::new(format!("{n} runs executed {executed} steps, not {STEPS_PER_RUN} each")));
    }
    close(service).await?;
    meter.close(bed.store(), n as f64 / (n + in_flight) as f64).await
}

/// Closes a service that nobody shares any more.
pub(super) async fn close(service: Arc<Service>) -> Result<(), Failure> {
    match Arc::try_unwrap(service) {
        Ok(service) => service.close().await,
        Err(_) => Err(Failure::new("a client of the bench is still at work")),
    }
}

/// `n` runs, `in_flight` at a time.
pub(super) async fn drive(
    service: &Arc<Service>,
    definition: ContentHash,
    n: usize,
    in_flight: usize,
) -> Result<(), Failure> {
    let (starts, asked) = mpsc::channel(in_flight);
    let mut clients = JoinSet::new();
    for client in 0..in_flight {
        let (service, starts, share) = (Arc::clone(service), starts.clone(), share(n, in_flight, client));
        clients.spawn(async move {
            for _ in 0..share {
                let run = fresh();
                let end = service.hints.end_of(run);
                let (reply, started) = oneshot::channel();
                let _ = starts.send((run, reply)).await;
                started.await.map_err(|_| Failure::new("a run could not be started"))?;
                service.ended(run, &end).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    drop(starts);
    start(service, definition, asked, in_flight).await?;
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

async fn start(
    service: &Service,
    definition: ContentHash,
    mut asked: mpsc::Receiver<(RunId, oneshot::Sender<()>)>,
    group: usize,
) -> Result<(), Failure> {
    let mut gathered = Vec::with_capacity(group);
    while asked.recv_many(&mut gathered, group).await > 0 {
        let runs: Vec<_> = gathered.iter().map(|(run, _)| (*run, Data::object())).collect();
        service.start(definition, &runs).await?;
        for (_, reply) in gathered.drain(..) {
            let _ = reply.send(());
        }
    }
    Ok(())
}
