//! What a workload runs on: a database, definitions registered in it, and a worker of this process.
//!
//! The database is an embedded PostgreSQL in a temporary directory, or the one of `DATABASE_URL`. Each service is made anew
//! and closed again, so that a repetition finds nothing warm and PostgreSQL's sessions report what they did.

use std::{sync::Arc, time::Duration};

use definitions::{Catalog, ContentHash, Data, Definition, FunctionName, Resolution};
use engine::{CallContext, CallFuture, Descriptor, Function, Idempotency, OrgId, Outcome, RunId, Timestamp};
use store::{
    Hint, Hints, PoolSizes, Store,
    runs::{self, NewRun, Priority},
};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::{Config, Functions, Queue, Worker};

use crate::{cli, clock, database::Database, output::Failure};

/// The organisation of everything that the bench does.
pub(super) const ORG: OrgId = OrgId(Uuid::from_u128(0xbe9c));

/// A queue that no service serves.
pub(super) const QUEUE: &str = "bench";

/// How many steps a run of [`STEPS`] has.
pub(super) const STEPS_PER_RUN: u64 = 5;

/// Five calls, one after the other.
pub(super) const STEPS: &str = r"
document: { dsl: '1.0.3', namespace: bench, name: steps, version: '1.0.0' }
do:
  - one: { call: 'bench-step:1.0.0@default', with: { n: 1 } }
  - two: { call: 'bench-step:1.0.0@default', with: { n: 2 } }
  - three: { call: 'bench-step:1.0.0@default', with: { n: 3 } }
  - four: { call: 'bench-step:1.0.0@default', with: { n: 4 } }
  - five: { call: 'bench-step:1.0.0@default', with: { n: 5 } }
";

/// How long a run's end may stay unheard before the run is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A database to measure on.
#[derive(Debug)]
pub(super) struct Bed {
    database: Database,
    _directory: Option<TempDir>,
}

/// A worker at work, and what a client of it needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) store: Store,
    pub(super) hints: Hints,
    /// How often the function was called.
    executed: watch::Receiver<u64>,
    stop: CancellationToken,
    worker: JoinSet<Result<(), worker::Error>>,
    hinting: JoinSet<()>,
}

impl Bed {
    /// Opens the database and brings its schema up to date.
    pub(super) async fn make(arguments: &cli::Bench) -> Result<Self, Failure> {
        let directory = match &arguments.database_url {
            Some(_) => None,
            None => Some(directory()?),
        };
        let arguments = cli::Database {
            database_url: arguments.database_url.clone(),
            data: directory.as_ref().map(|directory| directory.path().to_owned()),
            postgres: arguments.postgres.clone(),
        };
        let database = Database::open(&arguments).await?;
        database.store.migrate().await?;
        Ok(Self { database, _directory: directory })
    }

    /// The database; for looks at it, not for work.
    pub(super) fn store(&self) -> &Store {
        &self.database.store
    }

    /// A worker that drives up to `in_flight` runs at once.
    pub(super) async fn service(&self, in_flight: usize) -> Result<Service, Failure> {
        let store = self.store().another(PoolSizes::default());
        let (hints, task) = Hints::new(store.clone());
        let mut hinting = JoinSet::new();
        hinting.spawn(task);
        let (count, executed) = watch::channel(0);
        let functions = Functions::new().external(Step::new(count));
        let queues = vec![Queue { name: QUEUE.to_owned(), concurrency: in_flight }];
        let secrets = Arc::new(functions::secrets::Secrets::default());
        let config = Config { queues, ..Config::default() };
        let (stop, mut worker) = (CancellationToken::new(), JoinSet::new());
        worker.spawn(Worker::new(store.clone(), hints.clone(), functions, secrets, config).run(stop.clone()));
        Ok(Service { store, hints, executed, stop, worker, hinting })
    }

    /// Stops the embedded server, whose files go with it.
    pub(super) async fn close(self) -> Result<(), Failure> {
        self.database.close().await
    }
}

impl Service {
    /// How often the function was called.
    pub(super) fn executed(&self) -> u64 {
        *self.executed.borrow()
    }

    /// Waits until it was called so often.
    pub(super) async fn executed_often(&self, times: u64) -> Result<(), Failure> {
        let mut executed = self.executed.clone();
        executed.wait_for(|executed| *executed >= times).await.map(drop).map_err(Failure::from_display)
    }

    /// Registers a definition.
    pub(super) async fn register(&self, source: &str) -> Result<ContentHash, Failure> {
        let definition = Definition::parse(source, &Host).map_err(Failure::from_display)?;
        let mut transaction = self.store.begin(ORG).await?;
        store::definitions::register(&mut transaction, ORG, &definition, "bench", clock::now()).await?;
        transaction.commit().await?;
        Ok(definition.hash)
    }

    /// Starts runs together, in one transaction, as a service that is asked for many would.
    pub(super) async fn start(&self, definition: ContentHash, runs: &[(RunId, Data)]) -> Result<(), Failure> {
        let at: Timestamp = clock::now();
        let runs: Vec<_> = runs
            .iter()
            .map(|(id, input)| NewRun {
                id: *id,
                org: ORG,
                definition,
                input: input.clone(),
                queue: QUEUE.to_owned(),
                priority: Priority::Normal,
                started_by: "bench".to_owned(),
                at,
            })
            .collect();
        let mut transaction = self.store.begin(ORG).await?;
        runs::start_all(&mut transaction, &runs).await?;
        transaction.commit().await?;
        self.hints.give(Hint::Queue(QUEUE.into()));
        Ok(())
    }

    /// Waits until a run has ended, however it did.
    pub(super) async fn ended(&self, run: RunId, end: &store::End) -> Result<(), Failure> {
        while tokio::time::timeout(LOOK, end.heard()).await.is_err() {
            let mut transaction = self.store.begin(ORG).await?;
            if runs::show(&mut transaction, ORG, run).await?.ended_at.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Stops the worker and closes its connections.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        while let Some(ended) = self.worker.join_next().await {
            ended??;
        }
        self.hinting.shutdown().await;
        self.store.close().await;
        Ok(())
    }
}

/// A fresh identifier of a run.
pub(super) fn fresh() -> RunId {
    RunId(Uuid::now_v7())
}

/// A directory that the server's account may pass through, whoever that is.
fn directory() -> Result<TempDir, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new().prefix("stationmaster-bench-").tempdir()?;
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(directory)
}

/// The trivial step: it returns what it was given, or as many bytes as it is asked for.
struct Step {
    descriptor: Descriptor,
    executed: watch::Sender<u64>,
}

impl Step {
    fn new(executed: watch::Sender<u64>) -> Self {
        let name = FunctionName { name: "bench-step".into(), version: "1.0.0".into() };
        let descriptor = Descriptor { name, idempotency: Idempotency::Natural, timeout: Duration::from_secs(30) };
        Self { descriptor, executed }
    }
}

impl Function for Step {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn call<'a>(&'a self, _: &'a CallContext, input: Data) -> CallFuture<'a> {
        self.executed.send_modify(|executed| *executed += 1);
        let asked = input.get("bytes").and_then(|bytes| bytes.as_i64()).and_then(|bytes| usize::try_from(bytes).ok());
        let output = asked.map_or(input, |bytes| Data::from(noise(bytes)));
        Box::pin(std::future::ready(Outcome::Done(output)))
    }
}

/// Text that no compression makes much smaller.
fn noise(bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state % 64) as usize])
    };
    (0..bytes).map(letter).collect()
}

/// Every function is the host's.
struct Host;

impl Catalog for Host {
    fn resolve(&self, _: &FunctionName) -> Option<Resolution> {
        Some(Resolution::Host)
    }
}
