//! A database with the schema, definitions and runs in it, and workers that can be stopped, or killed.

use std::{sync::Arc, time::Duration};

use cluster::testing::TestDatabase;
use definitions::{Catalog, ContentHash, Data, Definition, FunctionName, Resolution};
use engine::{CloudEvent, Fact, OrgId, RunId, Secrets};
use serde_json::{Value, json};
use sqlx::postgres::{PgListener, PgPool};
use store::{
    Hint, Hints, PoolSizes, Store,
    commands::{self, Command},
    runs::{self, NewRun, Priority, RunView},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;
use worker::{Config, Functions, Queue, Worker};

/// How long a test waits for a signal before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Says what was committed; for tests only.
const SIGNALS: &str = r"
create function signal() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'facts' then
        perform pg_notify('committed', 'fact ' || new.run_id || ' ' || new.name);
    elsif tg_table_name = 'runs' then
        perform pg_notify('committed', 'phase ' || new.run_id || ' ' || new.phase);
    elsif tg_table_name = 'events' then
        perform pg_notify('committed', 'routed ' || new.id);
    else
        perform pg_notify('committed', 'parked ' || old.run_id);
    end if;
    return null;
end $$;
create trigger signal after insert on facts for each row execute function signal();
create trigger signal after update of phase on runs for each row execute function signal();
create trigger signal after update of routed on events for each row execute function signal();
create trigger signal after delete on activations for each row execute function signal();
create trigger given_up after update on activations for each row
    when (old.lease is not null and new.lease is null) execute function signal();
";

/// The organisation of all tests.
pub(crate) const ORG: OrgId = OrgId(Uuid::from_u128(1));

/// A database, and what was committed in it.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) hints: Hints,
    committed: watch::Receiver<Vec<String>>,
    _listening: [AbortOnDropHandle<()>; 2],
    database: TestDatabase,
}

/// A worker that runs.
pub(crate) struct Working {
    stop: CancellationToken,
    task: AbortOnDropHandle<Result<(), worker::Error>>,
}

/// Secrets, of which there are none.
#[derive(Debug)]
struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &str) -> Result<String, String> {
        Err("there are none".to_owned())
    }
}

/// Every function is the host's.
struct Host;

impl Catalog for Host {
    fn resolve(&self, _: &FunctionName) -> Option<Resolution> {
        Some(Resolution::Host)
    }
}

impl House {
    pub(crate) async fn build() -> Self {
        let database = TestDatabase::create(&format!("worker_{}", Store::schema_name()), async |pool: PgPool| {
            let options = (*pool.connect_options()).clone();
            Store::new(options, PoolSizes::default()).migrate().await?;
            sqlx::raw_sql(SIGNALS).execute(&pool).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })
        .await
        .unwrap();
        let store = Store::new(database.connect_options(), PoolSizes::default());
        let (hints, hinting) = Hints::new(store.clone());
        let (log, committed) = watch::channel(Vec::new());
        let mut listener = PgListener::connect_with(database.pool()).await.unwrap();
        listener.listen("committed").await.unwrap();
        let listening = async move {
            while let Ok(signal) = listener.recv().await {
                log.send_modify(|all: &mut Vec<String>| all.push(signal.payload().to_owned()));
            }
        };
        let _listening = [spawn(hinting), spawn(listening)];
        Self { store, hints, committed, _listening, database }
    }

    /// The superuser's way in.
    pub(crate) fn admin(&self) -> &PgPool {
        self.database.pool()
    }

    /// Registers `test/<name>:1.0.0` with the given rest of a document.
    pub(crate) async fn define(&self, name: &str, body: &str) -> ContentHash {
        let head = format!("document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0' }}");
        self.register(&format!("{head}\n{body}"), "1970-01-01T00:00:00Z").await
    }

    /// Registers a document at a time.
    pub(crate) async fn register(&self, source: &str, at: &str) -> ContentHash {
        let definition = Definition::parse(source, &Host).unwrap_or_else(|findings| panic!("{findings}"));
        let mut transaction = self.store.begin(ORG).await.unwrap();
        store::definitions::register(&mut transaction, ORG, &definition, "test", at.parse().unwrap()).await.unwrap();
        transaction.commit().await.unwrap();
        definition.hash
    }

    /// Starts a run.
    pub(crate) async fn start(&self, definition: ContentHash, input: Value) -> RunId {
        let at = store::clock::read(&mut self.store.engine().await.unwrap()).await.unwrap().now();
        let run = NewRun {
            id: RunId(Uuid::now_v7()),
            org: ORG,
            definition,
            input: input.into(),
            queue: "default".to_owned(),
            priority: Priority::Normal,
            started_by: "test".to_owned(),
            at,
        };
        let mut transaction = self.store.begin(ORG).await.unwrap();
        assert!(runs::start(&mut transaction, &run).await.unwrap());
        transaction.commit().await.unwrap();
        self.hints.give(Hint::Queue("default".into()));
        run.id
    }

    /// Starts a worker whose leases outlast the test: it is lost by force or given back, never by time.
    pub(crate) fn work(&self, functions: Functions) -> Working {
        self.work_with(functions, |_| {})
    }

    /// Starts a worker that is told of nothing that happens outside it, as if every hint were lost.
    pub(crate) fn work_unhinted(&self, functions: Functions) -> Working {
        let (deaf, _never_listens) = Hints::new(self.store.clone());
        self.start_worker(functions, deaf, |config| config.lease = Duration::from_secs(15))
    }

    /// Starts a worker with other settings.
    pub(crate) fn work_with(&self, functions: Functions, set: impl FnOnce(&mut Config)) -> Working {
        self.start_worker(functions, self.hints.clone(), set)
    }

    fn start_worker(&self, functions: Functions, hints: Hints, set: impl FnOnce(&mut Config)) -> Working {
        let mut config = Config {
            queues: vec![Queue { name: "default".to_owned(), concurrency: 64 }],
            lease: Duration::from_secs(3600),
            shutdown: PATIENCE,
            ..Config::default()
        };
        set(&mut config);
        let stop = CancellationToken::new();
        let options = self.database.connect_options().application_name("worker");
        let store = Store::new(options, PoolSizes::default());
        let worker = Worker::new(store, hints, functions, Arc::new(NoSecrets), config);
        Working { task: spawn(worker.run(stop.clone())), stop }
    }

    /// Waits until something was committed.
    pub(crate) async fn committed(&self, what: impl AsRef<str>) {
        let (what, mut committed) = (what.as_ref(), self.committed.clone());
        let seen = committed.wait_for(|all| all.iter().any(|signal| signal == what));
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        assert!(matches!(seen, Ok(Ok(_))), "`{what}` was never committed, only {:#?}", self.committed.borrow());
    }

    /// Waits until a run is in a phase.
    pub(crate) async fn phase(&self, run: RunId, phase: &str) -> RunView {
        self.committed(format!("phase {run} {phase}")).await;
        self.show(run).await
    }

    /// Waits until a run has completed; its output.
    pub(crate) async fn output(&self, run: RunId) -> Value {
        let output = self.phase(run, "completed").await.output.unwrap();
        Value::from(&output)
    }

    /// Waits until a run is held by nobody.
    pub(crate) async fn parked(&self, run: RunId) {
        self.committed(format!("parked {run}")).await;
    }

    pub(crate) async fn show(&self, run: RunId) -> RunView {
        runs::show(&mut self.store.engine().await.unwrap(), ORG, run).await.unwrap()
    }

    /// A run's history.
    pub(crate) async fn facts(&self, run: RunId) -> Vec<Fact> {
        let facts = runs::facts(&mut self.store.engine().await.unwrap(), ORG, run, 0, 10_000).await.unwrap();
        facts.into_iter().map(|(_, fact)| fact).collect()
    }

    /// The names of a run's facts.
    pub(crate) async fn history(&self, run: RunId) -> Vec<&'static str> {
        self.facts(run).await.iter().map(Fact::name).collect()
    }

    /// Sends a command and hints at it.
    pub(crate) async fn command(&self, run: RunId, command: Command) {
        let mut transaction = self.store.begin(ORG).await.unwrap();
        let queue = commands::send(&mut transaction, ORG, run, &command).await.unwrap();
        transaction.commit().await.unwrap();
        self.hints.give(Hint::Queue(queue.into()));
    }

    /// Publishes an event and hints at it.
    pub(crate) async fn publish(&self, id: &str, kind: &str, data: Value) {
        let event = json!({"id": id, "source": "/test", "specversion": "1.0", "type": kind, "data": data});
        let event: CloudEvent = serde_json::from_value(event).unwrap();
        let at = store::clock::read(&mut self.store.engine().await.unwrap()).await.unwrap().now();
        let mut transaction = self.store.begin(ORG).await.unwrap();
        store::events::publish(&mut transaction, ORG, &event, at).await.unwrap();
        transaction.commit().await.unwrap();
        self.hints.give(Hint::Event);
    }

    /// Sets the engine's clock.
    pub(crate) async fn clock(&self, now: &str, factor: f64) {
        let mut connection = self.admin().acquire().await.unwrap();
        store::clock::set(&mut connection, now.parse().unwrap(), factor).await.unwrap();
        self.hints.give(Hint::Queue("default".into()));
    }

    /// Waits until a count is reached.
    pub(crate) async fn counts(&self, count: i64, query: &'static str) {
        let reached = async {
            while self.count(query).await < count {
                tokio::task::yield_now().await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE * 3, reached).await;
        assert!(reached.is_ok(), "`{query}` never reached {count}");
    }

    /// Runs a statement as the superuser.
    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.admin()).await.unwrap();
    }

    /// A number that a statement gives.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(self.admin()).await.unwrap()
    }
}

impl Working {
    /// Shuts the worker down in order.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(PATIENCE, self.task).await;
        stopped.expect("the shutdown is bounded").unwrap().unwrap();
    }

    /// What a crash is: everything that the worker was doing is gone at once.
    pub(crate) async fn kill(self) {
        let task: JoinHandle<_> = self.task.detach();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

fn spawn<F: Future<Output: Send + 'static> + Send + 'static>(future: F) -> AbortOnDropHandle<F::Output> {
    AbortOnDropHandle::new(tokio::spawn(future))
}

/// JSON of a value that a run has.
pub(crate) fn json_of(data: &Data) -> Value {
    Value::from(data)
}
