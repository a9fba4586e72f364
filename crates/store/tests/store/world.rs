//! A database with one organisation and one definition, and the moves that tests make in it.

use std::{sync::Arc, time::Duration};

use cluster::testing::TestDatabase;
use definitions::{ContentHash, Data, FunctionName};
use engine::{CloudEvent, Effect, Fact, FactBody, OrgId, Phase, RunId, SEMANTICS, Step, Subscription, Timestamp};
use sqlx::PgPool;
use store::{
    Claim, Claimer, Committed, Committer, Flush, Lease, PoolSizes, Recorded, Store, Then, lease,
    runs::{self, NewRun, Priority},
};
use uuid::Uuid;

/// Long enough for every test.
pub(crate) const LEASE: Duration = Duration::from_secs(600);

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) org: OrgId,
    pub(crate) definition: ContentHash,
    pub(crate) claimer: Claimer,
    /// A connection of the superuser, to look behind everything.
    pub(crate) admin: PgPool,
    _database: TestDatabase,
}

/// The engine's now, unless a test moves it.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

pub(crate) fn step(pointer: &str) -> Step {
    Step { pointer: pointer.into(), visit: 0 }
}

pub(crate) fn claimer(functions: &[&str]) -> Claimer {
    let functions = functions.iter().map(|name| {
        let (name, version) = name.split_once(':').unwrap_or((name, ""));
        FunctionName { name: name.into(), version: version.into() }
    });
    Claimer::new(Uuid::now_v7(), [SEMANTICS], functions)
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create(&Store::schema_name(), async |pool: PgPool| {
            Store::new((*pool.connect_options()).clone(), PoolSizes::default()).migrate().await
        })
        .await
        .unwrap();
        let store = Store::new(database.connect_options(), PoolSizes::default());
        let (org, definition) = (OrgId(Uuid::now_v7()), ContentHash([7; 32]));
        let world = Self {
            org,
            definition,
            claimer: claimer(&["http", "send-mail:1.0.0"]),
            admin: database.pool().clone(),
            store,
            _database: database,
        };
        world.define(org, definition, "order", &["http"]).await;
        store::clock::set(&mut world.admin.acquire().await.unwrap(), now(), 0.0).await.unwrap();
        world
    }

    /// Registers a definition without its text.
    pub(crate) async fn define(&self, org: OrgId, hash: ContentHash, name: &str, needs: &[&str]) {
        sqlx::query("insert into function_sets (functions) values ($1) on conflict do nothing")
            .bind(needs)
            .execute(&self.admin)
            .await
            .unwrap();
        sqlx::query(
            "insert into definitions
             select $1, $2, 'test', $3, '1.0.0', set_id, '', '{}', 'test', now() from function_sets where functions = $4",
        )
        .bind(org.0)
        .bind(hash.0)
        .bind(name)
        .bind(needs)
        .execute(&self.admin)
        .await
        .unwrap();
    }

    pub(crate) fn new_run(&self) -> NewRun {
        NewRun {
            id: RunId(Uuid::now_v7()),
            org: self.org,
            definition: self.definition,
            input: Data::object(),
            queue: "runs".to_owned(),
            priority: Priority::Normal,
            started_by: "user:ada".to_owned(),
            at: now(),
        }
    }

    pub(crate) async fn start(&self, run: &NewRun) -> RunId {
        let mut transaction = self.store.begin(run.org).await.unwrap();
        assert!(runs::start(&mut transaction, run).await.unwrap());
        transaction.commit().await.unwrap();
        run.id
    }

    pub(crate) async fn claim_with(&self, claimer: &Claimer, limit: usize) -> Vec<Claim> {
        let mut connection = self.store.relaxed().await.unwrap();
        lease::claim(&mut connection, claimer, "runs", limit, LEASE).await.unwrap().0
    }

    /// Starts a run and claims it.
    pub(crate) async fn held(&self) -> Claim {
        let run = self.start(&self.new_run()).await;
        self.claim(run).await
    }

    /// Claims a run, which is the only one that is due.
    pub(crate) async fn claim(&self, run: RunId) -> Claim {
        let claims = self.claim_with(&self.claimer, 10).await;
        assert_eq!(claims.iter().map(|claim| claim.lease.run).collect::<Vec<_>>(), [run]);
        claims[0].clone()
    }

    /// A flush of no facts that keeps the run.
    pub(crate) fn flush(&self, lease: Lease, seq: u64) -> Flush {
        Flush {
            lease,
            org: self.org,
            parent: None,
            expect_wake: None,
            seq,
            facts: Vec::new(),
            at: now(),
            discarded: Vec::new(),
            audit: Vec::new(),
            snapshot: None,
            phase: Phase::Running,
            then: Then::Stay,
        }
    }

    pub(crate) async fn commit(&self, flush: Flush) -> Committed {
        self.commit_all(vec![flush]).await.pop().unwrap()
    }

    /// Commits flushes as one group.
    pub(crate) async fn commit_all(&self, flushes: Vec<Flush>) -> Vec<Committed> {
        let (committer, task) = Committer::new(self.store.clone(), 64);
        let commits = futures::future::join_all(flushes.into_iter().map(|flush| committer.commit(flush)));
        // The task first finds all of them in its queue.
        let commits = async {
            let committed = commits.await;
            drop(committer.clone());
            committed
        };
        tokio::select! {
            biased;
            committed = commits => committed,
            () = task => panic!("the committer ended"),
        }
    }

    /// A number that a query of the superuser gives.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.admin).await.unwrap()
    }

    /// Waits until as many of this database's connections wait for a lock.
    pub(crate) async fn blocked(&self, connections: i64) {
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let wait = async {
            while self.count(waiting).await < connections {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("somebody waits for a lock");
    }
}

/// A fact that matters to nobody.
pub(crate) fn fact() -> Recorded {
    Recorded { fact: Fact::new(now(), FactBody::Continued), effects: Vec::new(), consumes: None }
}

pub(crate) fn fact_with(effects: Vec<Effect>) -> Recorded {
    Recorded { effects, ..fact() }
}

pub(crate) fn event(id: &str, kind: &str) -> CloudEvent {
    CloudEvent {
        id: id.to_owned(),
        source: "/test".to_owned(),
        specversion: "1.0".to_owned(),
        kind: kind.to_owned(),
        time: None,
        subject: None,
        datacontenttype: None,
        data: Data::NULL,
        extensions: serde_json::Map::new(),
    }
}

pub(crate) fn subscription(pointer: &str, kind: &str, key: Option<&str>) -> Subscription {
    Subscription {
        step: step(pointer),
        filter: 0,
        event_type: Some(kind.into()),
        correlation: key.iter().map(|_| Arc::from(".subject")).collect(),
        key: key.map(str::to_owned),
    }
}

pub(crate) fn done(committed: &Committed) -> (i64, bool) {
    match committed {
        Committed::Done { wake, held } => (*wake, *held),
        other => panic!("not committed: {other:?}"),
    }
}
