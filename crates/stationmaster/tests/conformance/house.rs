//! A service in pieces for one case: a database of its own, a worker with the real functions, and a clock that stands still.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use cluster::testing::TestDatabase;
use definitions::{Catalog, Definition, FunctionName, Resolution};
use engine::{CloudEvent, OrgId, Run, RunId, Timestamp, Trace};
use functions::{
    egress::{Egress, Policy},
    forge::local::{Config as LocalConfig, Local, Webhook},
    generate::CodeGenerator,
    http::Tokens,
    process,
    secrets::Secrets,
};
use serde_json::{Value, json};
use sqlx::{
    Connection as _,
    postgres::{PgConnection, PgListener, PgPool},
};
use store::{
    Hint, Hints, PoolSizes, Store, clock,
    commands::{self, Command},
    runs::{self, NewRun, Priority, RunView},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;
use worker::{Config, Functions, Queue, Worker};

use crate::{
    Failure,
    sql::{AFTERMATH, BUSY, PACE, SIGNALS},
};

/// How long a case waits for a signal before it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The organisation of all cases.
const ORG: OrgId = OrgId(Uuid::from_u128(1));

/// When everything begins.
const START: &str = "2026-03-01T09:00:00Z";

/// The database and a worker on it.
pub(crate) struct House {
    store: Store,
    hints: Hints,
    committed: watch::Receiver<Commits>,
    /// Keeps the second commit of a worker waiting, where every worker is to be killed after its first.
    barrier: Option<PgConnection>,
    /// Commits of facts after which the worker was killed.
    killed_after: u64,
    _listening: [AbortOnDropHandle<()>; 2],
    worker: Option<AbortOnDropHandle<Result<(), worker::Error>>>,
    outside: Outside,
    secrets: Arc<Secrets>,
    forge: tempfile::TempDir,
    database: TestDatabase,
    events: usize,
}

/// What there is outside the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outside {
    /// The origins that are served by a stand-in.
    pub(crate) hosts: BTreeMap<String, SocketAddr>,
    /// The secrets that the operator has configured, by name.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// What was heard of commits.
#[derive(Debug, Clone, Copy, Default)]
struct Commits {
    all: u64,
    of_facts: u64,
}

/// A wait for events that is open.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) run: RunId,
    pub(crate) pointer: String,
    pub(crate) filter: usize,
}

/// The catalogue of functions: those written in the DSL that a case brings along, and the host's.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) sources: BTreeMap<String, String>,
    pub(crate) host: BTreeSet<FunctionName>,
}

impl Default for Shelf {
    /// What an operator has who lets definitions run programs.
    fn default() -> Self {
        let name = |name: &str| FunctionName { name: name.into(), version: "".into() };
        Self { sources: BTreeMap::new(), host: ["shell", "script"].map(name).into() }
    }
}

impl Catalog for Shelf {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let source = self.sources.get(&format!("{}:{}", function.name, function.version));
        let host = || self.host.contains(function).then_some(Resolution::Host);
        source.map(|source| Resolution::Source(source.as_str().into())).or_else(host)
    }
}

impl House {
    /// Builds it. With `interrupted`, a worker lives for one commit.
    pub(crate) async fn build(outside: Outside, interrupted: bool) -> Result<Self, Failure> {
        let database = TestDatabase::create(&format!("conformance_{}", Store::schema_name()), async |pool: PgPool| {
            Store::new((*pool.connect_options()).clone(), PoolSizes::default()).migrate().await?;
            sqlx::raw_sql(SIGNALS).execute(&pool).await?;
            sqlx::raw_sql(PACE).execute(&pool).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })
        .await?;
        let store = Store::new(database.connect_options(), PoolSizes::default());
        let (hints, hinting) = Hints::new(store.clone());
        let (count, committed) = watch::channel(Commits::default());
        let mut listener = PgListener::connect_with(database.pool()).await?;
        listener.listen("committed").await?;
        let listening = async move {
            while let Ok(signal) = listener.recv().await {
                count.send_modify(|count| {
                    count.all += 1;
                    count.of_facts += u64::from(signal.payload() == "facts");
                });
            }
        };
        let _listening =
            [AbortOnDropHandle::new(tokio::spawn(hinting)), AbortOnDropHandle::new(tokio::spawn(listening))];
        let forge = tempfile::tempdir()?;
        let secrets = Arc::new(secrets(forge.path(), &outside.secrets)?);
        let barrier = if interrupted { Some(barrier(&database).await?) } else { None };
        let mut house = Self {
            store,
            hints,
            committed,
            barrier,
            killed_after: 0,
            _listening,
            worker: None,
            outside,
            secrets,
            forge,
            database,
            events: 0,
        };
        house.set_clock(START.parse()?).await?;
        house.start_worker().await?;
        Ok(house)
    }

    /// The functions as the service has them, over the stand-ins.
    async fn functions(&self) -> Result<Functions, Failure> {
        let policy = Policy { host_map: self.outside.hosts.clone(), ..Policy::default() };
        let nowhere = Webhook { url: "http://127.0.0.1:9/".parse()?, secret: "env:PATH".parse()? };
        let config = LocalConfig::new(self.forge.path(), nowhere, Arc::new(|| Timestamp::UNIX_EPOCH));
        let parts = functions::Parts {
            egress: Egress::new(policy)?,
            tokens: Tokens::default(),
            mailer: None,
            generator: CodeGenerator::Templates,
            forge: Arc::new(Local::open(config).await?),
            owner: "agents".to_owned(),
            processes: Some(process::Limits::default()),
        };
        Ok(functions::registry(parts).into_iter().fold(Functions::new(), Functions::external))
    }

    async fn start_worker(&mut self) -> Result<(), Failure> {
        let functions = self.functions().await?;
        let config = Config {
            queues: vec![Queue { name: "default".to_owned(), concurrency: 16 }],
            lease: Duration::from_secs(3600),
            ..Config::default()
        };
        let store = Store::new(self.database.connect_options(), PoolSizes::default());
        let worker = Worker::new(store, self.hints.clone(), functions, Arc::clone(&self.secrets) as Arc<_>, config);
        self.worker = Some(AbortOnDropHandle::new(tokio::spawn(worker.run(CancellationToken::new()))));
        Ok(())
    }

    /// What a crash and a new start are: the worker is gone in the middle of everything, its leases have expired, and another
    /// one takes over.
    pub(crate) async fn restart(&mut self) -> Result<(), Failure> {
        if let Some(worker) = self.worker.take() {
            let task = worker.detach();
            task.abort();
            drop(task.await);
        }
        sqlx::raw_sql(AFTERMATH).execute(self.database.pool()).await?;
        self.store = Store::new(self.database.connect_options(), PoolSizes::default());
        if self.barrier.is_some() {
            sqlx::raw_sql("update pace set commits = 1").execute(self.database.pool()).await?;
        }
        self.start_worker().await
    }

    /// Registers a definition.
    pub(crate) async fn register(&self, definition: &Definition) -> Result<(), Failure> {
        let mut transaction = self.store.begin(ORG).await?;
        store::definitions::register(&mut transaction, ORG, definition, "conformance", START.parse()?).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Starts a run.
    pub(crate) async fn start(&self, definition: &Definition, input: Value) -> Result<RunId, Failure> {
        let run = NewRun {
            id: RunId(Uuid::now_v7()),
            org: ORG,
            definition: definition.hash,
            input: input.into(),
            queue: "default".to_owned(),
            priority: Priority::Normal,
            started_by: "conformance".to_owned(),
            at: self.now().await?,
        };
        let mut transaction = self.store.begin(ORG).await?;
        runs::start(&mut transaction, &run).await?;
        transaction.commit().await?;
        self.hints.give(Hint::Queue("default".into()));
        Ok(run.id)
    }

    /// Waits until nothing happens by itself any more: every run has ended or waits for a time or an event.
    pub(crate) async fn settle(&mut self) -> Result<(), Failure> {
        let mut committed = self.committed.clone();
        let settled = async {
            loop {
                let commits = *committed.borrow_and_update();
                if self.barrier.is_some() && commits.of_facts > self.killed_after {
                    self.killed_after = commits.of_facts;
                    self.restart().await?;
                }
                if !sqlx::query_scalar::<_, bool>(BUSY).fetch_one(self.database.pool()).await? {
                    return Ok::<_, Failure>(());
                }
                committed.changed().await?;
            }
        };
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(settled) => settled,
            Err(_) => Err(Failure::new(format!("the service did not come to rest within {PATIENCE:?}"))),
        }
    }

    pub(crate) async fn show(&self, run: RunId) -> Result<RunView, Failure> {
        Ok(runs::show(&mut *self.store.engine().await?, ORG, run).await?)
    }

    /// The moves of a run's tasks, recomputed from its facts.
    pub(crate) async fn moves(&self, definition: &Arc<Definition>, run: RunId) -> Result<Vec<Trace>, Failure> {
        let facts = runs::facts(&mut *self.store.engine().await?, ORG, run, 0, 10_000).await?;
        let (mut run, mut moves) = (Run::new(run, Arc::clone(definition)), Vec::new());
        for (_, mut fact) in facts {
            moves.extend(run.trace(&mut fact)?.1);
        }
        Ok(moves)
    }

    /// Whether a worker was killed after every commit of facts, if there was one besides that of the start.
    pub(crate) async fn was_interrupted(&self) -> Result<bool, Failure> {
        let more = "select exists (select from facts where seq > 0)";
        Ok(self.killed_after > 0 || !sqlx::query_scalar::<_, bool>(more).fetch_one(self.database.pool()).await?)
    }

    /// Publishes an event; attributes that are not given are made up.
    pub(crate) async fn publish(&mut self, event: Value) -> Result<(), Failure> {
        self.events += 1;
        let mut whole =
            json!({"specversion": "1.0", "id": format!("event-{}", self.events), "source": "https://events.example"});
        if let (Some(whole), Value::Object(given)) = (whole.as_object_mut(), event) {
            whole.extend(given);
        }
        let event: CloudEvent = serde_json::from_value(whole)?;
        let at = self.now().await?;
        let mut transaction = self.store.begin(ORG).await?;
        store::events::publish(&mut transaction, ORG, &event, at).await?;
        transaction.commit().await?;
        self.hints.give(Hint::Event);
        Ok(())
    }

    /// Cancels a run.
    pub(crate) async fn cancel(&self, run: RunId) -> Result<(), Failure> {
        let mut transaction = self.store.begin(ORG).await?;
        let command = Command::Cancel { reason: "the scenario says so".to_owned() };
        commands::send(&mut transaction, ORG, run, &command).await?;
        transaction.commit().await?;
        self.hints.give(Hint::Queue("default".into()));
        Ok(())
    }

    pub(crate) async fn now(&self) -> Result<Timestamp, Failure> {
        Ok(clock::read(&mut *self.store.engine().await?).await?.now())
    }

    /// Moves the clock, which stands still there.
    pub(crate) async fn set_clock(&self, now: Timestamp) -> Result<(), Failure> {
        clock::set(&mut *self.database.pool().acquire().await?, now, 0.0).await?;
        self.hints.give(Hint::Queue("default".into()));
        Ok(())
    }

    /// The nearest time that a run waits for.
    pub(crate) async fn due(&self) -> Result<Option<Timestamp>, Failure> {
        let nearest = "select least((select min(due_at) from activations), (select min(due_at) from schedules))";
        Ok(sqlx::query_scalar(nearest).fetch_one(self.database.pool()).await?)
    }

    /// The run that a schedule has started first.
    pub(crate) async fn scheduled(&self) -> Result<Option<RunId>, Failure> {
        let first = "select run_id from runs where parent_run is null order by created_at, run_id limit 1";
        Ok(sqlx::query_scalar(first).fetch_optional(self.database.pool()).await?.map(RunId))
    }

    /// The waits for events that are open, the oldest first.
    pub(crate) async fn waits(&self) -> Result<Vec<Wait>, Failure> {
        let rows: Vec<(Uuid, String, i32)> =
            sqlx::query_as("select run_id, pointer, filter from subscriptions order by subscription_id")
                .fetch_all(self.database.pool())
                .await?;
        let wait = |(run, pointer, filter): (Uuid, String, i32)| {
            Ok(Wait { run: RunId(run), pointer, filter: usize::try_from(filter)? })
        };
        rows.into_iter().map(wait).collect()
    }
}

/// Secrets in files, as an operator configures them.
fn secrets(directory: &Path, values: &BTreeMap<String, String>) -> Result<Secrets, Failure> {
    let mut references = Vec::new();
    for (name, value) in values {
        let file = directory.join(format!("{name}.secret"));
        fs::write(&file, value)?;
        references.push((name.as_str(), format!("file:{}", file.display())));
    }
    Ok(Secrets::new(references.iter().map(|(name, reference)| (*name, reference.as_str())))?)
}

/// Holds the lock that workers wait for at their second commit.
async fn barrier(database: &TestDatabase) -> Result<PgConnection, Failure> {
    let mut connection = PgConnection::connect_with(&database.connect_options()).await?;
    sqlx::raw_sql("select pg_advisory_lock(1); update pace set commits = 1").execute(&mut connection).await?;
    Ok(connection)
}
