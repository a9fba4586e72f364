//! The physical floor beside each workload: the same records in the same order, by nothing but `store::floor`.

use std::time::{Duration, Instant};

use engine::RunId;
use store::{
    PoolSizes, Store,
    floor::{self, Records},
    runs,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use uuid::Uuid;

use super::{
    bed::{Bed, ORG, STEPS, Service, fresh},
    measure::{Meter, Usage},
};
use crate::{clock, output::Failure};

/// How many sessions commit single rows beside each other.
const SESSIONS: usize = 16;

/// How many single rows are committed.
const SINGLE_ROWS: usize = 2000;

/// The facts of one run as the engine stores them: names and JSON.
pub(super) type History = Vec<(String, String)>;

/// What is handed to the group committer.
type Asked = (Uuid, i64, oneshot::Sender<()>);

/// Runs one run and reads its history back: the records that the floor writes.
pub(super) async fn sample(service: &Service) -> Result<History, Failure> {
    let definition = service.register(STEPS).await?;
    let run = fresh();
    let end = service.hints.end_of(run);
    service.start(definition, &[(run, definitions::Data::object())]).await?;
    service.ended(run, &end).await?;
    history(service, run).await
}

async fn history(service: &Service, run: RunId) -> Result<History, Failure> {
    let mut transaction = service.store.begin(ORG).await?;
    let facts = runs::facts(&mut transaction, ORG, run, 0, 100).await?;
    facts.iter().map(|(_, fact)| Ok((fact.name().to_owned(), serde_json::to_string(fact)?))).collect()
}

/// `n` histories, `in_flight` at a time, each fact committed before the next of its run: a bare group-commit loop.
pub(super) async fn throughput(bed: &Bed, history: &History, n: usize, in_flight: usize) -> Result<Usage, Failure> {
    let mut meter = Meter::open(bed.store()).await?;
    let store = bed.store().another(PoolSizes::default());
    let (asked, committing) = committer(store.clone(), history.clone(), in_flight);
    let committing = tokio::spawn(committing);
    drive(&asked, history.len(), in_flight, in_flight).await?;
    meter.start(bed.store()).await?;
    drive(&asked, history.len(), n, in_flight).await?;
    meter.stop(bed.store()).await?;
    drop(asked);
    committing.await??;
    store.close().await;
    meter.close(bed.store(), n as f64 / (n + in_flight) as f64).await
}

async fn drive(asked: &mpsc::Sender<Asked>, facts: usize, n: usize, in_flight: usize) -> Result<(), Failure> {
    let mut clients = JoinSet::new();
    for client in 0..in_flight {
        let (asked, share) = (asked.clone(), share(n, in_flight, client));
        clients.spawn(async move {
            for _ in 0..share {
                let run = Uuid::now_v7();
                for seq in 0..facts {
                    let (reply, committed) = oneshot::channel();
                    let _ = asked.send((run, seq as i64, reply)).await;
                    committed.await.map_err(|_| Failure::new("the floor's committer failed"))?;
                }
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// How many of `n` fall to one of `clients`.
pub(super) fn share(n: usize, clients: usize, client: usize) -> usize {
    n / clients + usize::from(client < n % clients)
}

fn committer(
    store: Store,
    history: History,
    group: usize,
) -> (mpsc::Sender<Asked>, impl Future<Output = Result<(), Failure>> + Send) {
    let (sender, mut asked) = mpsc::channel::<Asked>(group);
    let task = async move {
        let mut gathered = Vec::with_capacity(group);
        while asked.recv_many(&mut gathered, group).await > 0 {
            let mut records = Records::default();
            for (run, seq, _) in &gathered {
                let (name, body) = &history[*seq as usize];
                records.push(*run, *seq, name, body);
            }
            floor::commit(&store, &records, clock::now()).await?;
            for (_, _, reply) in gathered.drain(..) {
                let _ = reply.send(());
            }
        }
        Ok(())
    };
    (sender, task)
}

/// Commits per second of sessions that commit one row each.
pub(super) async fn single_rows(bed: &Bed, history: &History) -> Result<f64, Failure> {
    let store = bed.store().another(PoolSizes { engine: SESSIONS as u32, ..PoolSizes::default() });
    let (name, body) = history.last().cloned().unwrap_or_default();
    let began = Instant::now();
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS {
        let (store, name, body) = (store.clone(), name.clone(), body.clone());
        sessions.spawn(async move {
            for _ in 0..share(SINGLE_ROWS, SESSIONS, session) {
                let mut records = Records::default();
                records.push(Uuid::now_v7(), 1, &name, &body);
                floor::commit(&store, &records, clock::now()).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(session) = sessions.join_next().await {
        session??;
    }
    let rate = SINGLE_ROWS as f64 / began.elapsed().as_secs_f64();
    store.close().await;
    Ok(rate)
}

/// How long `facts` commits take, one after the other, `n` times.
pub(super) async fn latency(bed: &Bed, history: &History, facts: usize, n: usize) -> Result<Vec<Duration>, Failure> {
    let store = bed.store().another(PoolSizes::default());
    let mut taken = Vec::with_capacity(n);
    for _ in 0..n {
        let (run, began) = (Uuid::now_v7(), Instant::now());
        for (seq, (name, body)) in history.iter().take(facts).enumerate() {
            let mut records = Records::default();
            records.push(run, seq as i64, name, body);
            floor::commit(&store, &records, clock::now()).await?;
        }
        taken.push(began.elapsed());
    }
    store.close().await;
    Ok(taken)
}
