//! A service in pieces: the database with the shipped workflows in it, and workers that can be stopped or killed.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use chrono::TimeDelta;
use cluster::testing::TestDatabase;
use definitions::Definition;
use engine::{OrgId, Timestamp};
use functions::{
    egress::{Egress, Policy},
    generate::CodeGenerator,
    mail::{Config as MailConfig, Mailer, Security},
    secrets::Secrets,
};
use futures::future::BoxFuture;
use platform::{
    Actor,
    access::{Role, Roles},
    creations::{self, Requested},
    functions::{Genesis, RequestGenesis},
};
use serde_json::{Value, json};
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use store::{Hint, Hints, PoolSizes, Store, Transaction};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;
use worker::{Config, Functions, Queue, Worker};

use crate::{post::Post, yard::Yard};

/// How long a test waits for a signal before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The organisation of all tests.
pub(crate) const ORG: OrgId = OrgId(Uuid::from_u128(1));

/// Says what was committed; for tests only.
const SIGNALS: &str = r"
create function signal() returns trigger language plpgsql as $$
begin
    perform pg_notify('committed', case tg_table_name
        when 'creations' then 'status ' || (to_jsonb(new) ->> 'status')
        when 'runs' then 'phase ' || (to_jsonb(new) ->> 'phase')
        when 'subscriptions' then 'listens ' || (to_jsonb(new) ->> 'event_type')
        else 'parked' end);
    return null;
end $$;
create trigger signal after insert or update of state on creations for each row execute function signal();
create trigger signal after update of phase on runs for each row execute function signal();
create trigger signal after insert on subscriptions for each row execute function signal();
create trigger signal after delete on activations for each row execute function signal();
create trigger given_up after update on activations for each row
    when (old.lease is not null and new.lease is null) execute function signal();
";

/// The database, what was committed in it, and the world around it.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) hints: Hints,
    pub(crate) post: Post,
    /// The runs that the forge was asked to cancel.
    pub(crate) cancelled: UnboundedReceiver<u64>,
    yard: Arc<Yard>,
    genesis: Genesis,
    committed: PgListener,
    _hinting: AbortOnDropHandle<()>,
    database: TestDatabase,
}

/// A worker that runs.
pub(crate) struct Working(AbortOnDropHandle<Result<(), worker::Error>>);

/// When everything begins.
pub(crate) fn start() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

/// The directory of the shipped definitions.
pub(crate) fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl House {
    /// Builds it; boxed, for the clients of everything in it are large.
    pub(crate) fn build(genesis: Genesis) -> BoxFuture<'static, Self> {
        Box::pin(Self::built(genesis))
    }

    async fn built(genesis: Genesis) -> Self {
        let database = TestDatabase::create("outside_tests", async |pool: PgPool| {
            Store::new((*pool.connect_options()).clone(), PoolSizes::default()).migrate().await?;
            sqlx::raw_sql(SIGNALS).execute(&pool).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })
        .await
        .unwrap();
        let store = Store::new(database.connect_options(), PoolSizes::default());
        let (hints, hinting) = Hints::new(store.clone());
        let listening = PgPoolOptions::new().max_connections(1).connect_with(database.connect_options()).await.unwrap();
        let mut committed = PgListener::connect_with(&listening).await.unwrap();
        committed.listen("committed").await.unwrap();
        let (cancels, cancelled) = unbounded_channel();
        let house = Self {
            store,
            hints,
            post: Post::open().await,
            cancelled,
            yard: Arc::new(Yard { cancelled: cancels }),
            genesis,
            committed,
            _hinting: AbortOnDropHandle::new(tokio::spawn(hinting)),
            database,
        };
        house.clock(TimeDelta::zero()).await;
        house.register().await;
        house
    }

    async fn register(&self) {
        let read = |file: String| fs::read_to_string(root().join(file)).unwrap();
        let function = |name: &str| (format!("{name}:1.0.0"), read(format!("functions/{name}/1.0.0/function.yaml")));
        let shelf = BTreeMap::from(["human-approval", "genesis-validation"].map(function));
        let mut transaction = self.begin().await;
        for name in ["agent-creation", "agent-handoff", "build-cancellation"] {
            let definition = Definition::parse(&read(format!("workflows/{name}.yaml")), &shelf).unwrap();
            store::definitions::register(&mut transaction, ORG, &definition, "test", start()).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn begin(&self) -> Transaction {
        self.store.begin(ORG).await.unwrap()
    }

    /// Starts a worker; its leases last a second, so that another soon takes over from one that was killed.
    pub(crate) fn work(&self) -> Working {
        let parts = functions::Parts {
            egress: Egress::new(Policy::default()).unwrap(),
            tokens: functions::http::Tokens::default(),
            mailer: Some(self.mailer()),
            generator: CodeGenerator::Templates,
            forge: Arc::clone(&self.yard) as Arc<dyn functions::forge::Forge>,
            owner: "agents".to_owned(),
            processes: None,
        };
        let all = Functions::new().external(RequestGenesis::new(self.genesis.clone()));
        let all = functions::registry(parts).into_iter().fold(all, Functions::external);
        let ours = platform::functions::functions("admin@example.com");
        let all = ours.into_iter().fold(all, Functions::transactional);
        let config = Config {
            queues: vec![Queue { name: "default".to_owned(), concurrency: 8 }],
            lease: Duration::from_secs(1),
            ..Config::default()
        };
        let worker = Worker::new(self.store.clone(), self.hints.clone(), all, Arc::new(Secrets::default()), config);
        Working(AbortOnDropHandle::new(tokio::spawn(worker.run(CancellationToken::new()))))
    }

    fn mailer(&self) -> Mailer {
        Mailer::new(&MailConfig {
            host: self.post.address.ip().to_string(),
            port: self.post.address.port(),
            security: Security::Plain,
            login: None,
            from: "stationmaster@example.com".to_owned(),
            timeout: PATIENCE,
        })
        .unwrap()
    }

    /// Asks for an agent, with more in its manifest.
    pub(crate) async fn request(&self, more: Value, options: creations::Options) -> Requested {
        let mut body = json!({"agent_name": "Ada", "industry": "marketing", "specialty": "campaigns"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = platform::input::parse(body).unwrap();
        let mut transaction = self.begin().await;
        let requested = creations::request(&mut transaction, &orchestrator(), request, options, start()).await.unwrap();
        transaction.commit().await.unwrap();
        self.hints.give(Hint::Queue("default".into()));
        requested
    }

    /// The forge reports that a stage has ended.
    pub(crate) async fn stage(&self, requested: &Requested, name: &str, conclusion: &str) {
        let event = json!({
            "id": format!("{name}-{conclusion}"), "source": "https://github.com", "specversion": "1.0",
            "type": "com.github.workflow_job.completed",
            "data": {"action": "completed", "workflow_job": {
                "run_id": crate::yard::RUN, "run_attempt": 1, "name": name, "status": "completed",
                "conclusion": conclusion, "head_branch": format!("agent/{}", requested.creation_id),
                "started_at": "2026-03-01T09:00:00Z", "completed_at": "2026-03-01T09:01:03Z"}}});
        let mut transaction = self.begin().await;
        let event = serde_json::from_value(event).unwrap();
        store::events::publish(&mut transaction, ORG, &event, start()).await.unwrap();
        transaction.commit().await.unwrap();
        self.hints.give(Hint::Event);
    }

    /// Sets the engine's clock to so long after the start, where it stands still.
    pub(crate) async fn clock(&self, since: TimeDelta) {
        let mut connection = self.database.pool().acquire().await.unwrap();
        store::clock::set(&mut connection, start() + since, 0.0).await.unwrap();
        self.hints.give(Hint::Queue("default".into()));
    }

    /// Waits until something is committed, after everything that was waited for before.
    pub(crate) async fn committed(&mut self, what: &str) {
        let mut passed = Vec::new();
        loop {
            match tokio::time::timeout(PATIENCE, self.committed.recv()).await {
                Ok(signal) if signal.as_ref().unwrap().payload() == what => return,
                Ok(signal) => passed.push(signal.unwrap().payload().to_owned()),
                Err(_) => panic!("`{what}` was never committed, only {passed:#?}"),
            }
        }
    }

    /// A number that a statement gives.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(self.database.pool()).await.unwrap()
    }
}

impl Working {
    /// What a crash is: everything that the worker was doing is gone at once.
    pub(crate) async fn kill(self) {
        let task = self.0.detach();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

/// Who asks for agents.
pub(crate) fn orchestrator() -> Actor {
    Actor {
        org: ORG,
        user: "ada".to_owned(),
        email: Some("ada@example.com".to_owned()),
        roles: Roles::from(Role::AgentOrchestrator),
        correlation: "request-1".to_owned(),
    }
}
