//! A database with two organisations, people in them, and what they and their runs do.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use cluster::testing::TestDatabase;
use engine::{AgentId, CallContext, Data, Fault, OrgId, Outcome, RunId, Step};
use platform::access::{Role, Roles};
use platform::agents::CreationRequest;
use platform::creations::{self, Requested};
use platform::handoffs::{self, Evidence, EvidenceChecker, HandoffView, Look, Submission};
use platform::{Actor, CreationId, Error, functions, input, sla};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::{Connection, PoolSizes, Store, Transaction, TransactionalFunction, clock};
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) org: OrgId,
    pub(crate) other: OrgId,
    /// A connection of the superuser, to look behind everything.
    pub(crate) admin: PgPool,
    functions: Vec<Arc<dyn TransactionalFunction>>,
    _database: TestDatabase,
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

pub(crate) fn later(hours: i64) -> DateTime<Utc> {
    now() + Duration::hours(hours)
}

/// Finds all evidence good.
struct Trusting;

impl EvidenceChecker for Trusting {
    fn look<'a>(&'a self, _: Evidence<'a>) -> Look<'a> {
        Box::pin(async { Ok(()) })
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create(&Store::schema_name(), async |pool: PgPool| {
            Store::new((*pool.connect_options()).clone(), PoolSizes::default()).migrate().await
        })
        .await
        .unwrap();
        let world = Self {
            store: Store::new(database.connect_options(), PoolSizes::default()),
            org: OrgId(Uuid::from_u128(1)),
            other: OrgId(Uuid::from_u128(2)),
            admin: database.pool().clone(),
            functions: functions::functions("admin@example.com"),
            _database: database,
        };
        clock::set(&mut world.admin.acquire().await.unwrap(), now(), 0.0).await.unwrap();
        world.execute("insert into function_sets (functions) values ('{}')").await;
        for org in [world.org, world.other] {
            sqlx::query(
                "insert into definitions
                 select $1, sha256(convert_to($1 || name, 'UTF8')), 'stationmaster', name, '1.0.0', set_id, '',
                        '{}', 'test', now()
                 from function_sets, unnest(array['agent-creation', 'build-cancellation']) as name",
            )
            .bind(org.0)
            .execute(&world.admin)
            .await
            .unwrap();
        }
        world
    }

    /// Does something as the superuser.
    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.admin).await.unwrap();
    }

    pub(crate) async fn begin(&self) -> Transaction {
        self.store.begin(self.org).await.unwrap()
    }

    pub(crate) fn actor(&self, user: &str, role: Role) -> Actor {
        Actor {
            org: self.org,
            user: user.to_owned(),
            email: Some(format!("{user}@example.com")),
            roles: Roles::from(role),
            correlation: "request-1".to_owned(),
        }
    }

    pub(crate) fn orchestrator(&self) -> Actor {
        self.actor("ada", Role::AgentOrchestrator)
    }

    pub(crate) fn engineer(&self) -> Actor {
        self.actor("grace", Role::InfrastructureEngineer)
    }

    /// Asks for an agent of this name.
    pub(crate) async fn request(&self, name: &str) -> Result<Requested, Error> {
        let mut transaction = self.begin().await;
        let requested = request_in(&mut transaction, &self.orchestrator(), name).await?;
        transaction.commit().await.unwrap();
        Ok(requested)
    }

    /// Calls a function, as the run of the creation that it is about; commits what it did.
    pub(crate) async fn call(&self, run: RunId, name: &str, input: Value) -> Outcome {
        let mut transaction = self.begin().await;
        let outcome = self.call_in(&mut transaction, run, name, input).await;
        if matches!(outcome, Outcome::Done(_)) {
            transaction.commit().await.unwrap();
        }
        outcome
    }

    pub(crate) async fn call_in(&self, connection: &mut Connection, run: RunId, name: &str, input: Value) -> Outcome {
        self.call_at(now(), connection, run, name, input).await
    }

    pub(crate) async fn call_at(
        &self,
        now: DateTime<Utc>,
        connection: &mut Connection,
        run: RunId,
        name: &str,
        input: Value,
    ) -> Outcome {
        let function = self.functions.iter().find(|function| &*function.descriptor().name.name == name).unwrap();
        let context = context(self.org, run, now);
        function.call(connection, &context, Data::from(input)).await.unwrap()
    }

    /// Moves a creation as its run does.
    pub(crate) async fn advance(&self, creation: CreationId, to: &str) -> Outcome {
        self.call(self.run_of(creation).await, "advance-creation", move_to(creation, to)).await
    }

    /// The run that carries out a creation.
    async fn run_of(&self, creation: CreationId) -> RunId {
        let run = sqlx::query_scalar("select run_id from creations where creation_id = $1").bind(creation.0);
        RunId(run.fetch_one(&self.admin).await.unwrap())
    }

    /// An agent whose creation has come as far as `to` on the straight way.
    pub(crate) async fn agent_at(&self, name: &str, to: &str) -> Requested {
        let requested = self.request(name).await.unwrap();
        let way =
            ["genesis_validation_pending", "genesis_approved", "code_generation", "cicd_running", "deployment_ready"];
        let steps = way.iter().position(|step| *step == to).unwrap();
        for step in &way[1..=steps] {
            if *step == "deployment_ready" {
                self.report(requested.creation_id, passing()).await;
            }
            done(self.advance(requested.creation_id, step).await);
        }
        requested
    }

    /// Tells the creation what the forge said.
    pub(crate) async fn report(&self, creation: CreationId, reports: Vec<Value>) -> Value {
        let input = json!({"creationId": creation, "reports": reports});
        done(self.call(self.run_of(creation).await, "record-ci-event", input).await)
    }

    /// Hands an agent over, with service levels and everything.
    pub(crate) async fn hand_over(&self, agent: AgentId) -> Result<HandoffView, Error> {
        let mut transaction = self.begin().await;
        let definition = input::parse(json!({"agent_id": agent, "effective_date": "2026-03-01"})).unwrap();
        let actor = self.orchestrator();
        let defined = sla::define(&mut transaction, &actor, &definition, now()).await?;
        let submission = verified(agent, defined.sla_id.0).await;
        let handoff = handoffs::submit(&mut transaction, &actor, &submission, now()).await?;
        transaction.commit().await.unwrap();
        Ok(handoff)
    }

    pub(crate) async fn status(&self, agent: AgentId) -> Value {
        json!(creations::status(&mut *self.begin().await, self.org, agent).await.unwrap())
    }

    /// The audited actions of a subject, the first first.
    pub(crate) async fn audited(&self, subject: &str) -> Vec<String> {
        sqlx::query_scalar("select action from audit where subject = $1 order by audit_id")
            .bind(subject)
            .fetch_all(&self.admin)
            .await
            .unwrap()
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.admin).await.unwrap()
    }

    /// Lets `second` run until it waits for what `first` holds, then commits `first`. Returns what becomes of `second`.
    pub(crate) async fn second_waits<T: std::fmt::Debug>(
        &self,
        first: Transaction,
        second: impl Future<Output = T>,
    ) -> T {
        let mut second = std::pin::pin!(second);
        tokio::select! {
            ended = &mut second => panic!("the second did not wait for the first: {ended:?}"),
            () = self.somebody_waits() => {}
        }
        first.commit().await.unwrap();
        second.await
    }

    /// Looks until PostgreSQL reports that somebody in this database waits for a lock.
    async fn somebody_waits(&self) {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        while self.count(waiting).await == 0 {}
    }

    pub(crate) async fn agent_status(&self, agent: AgentId) -> (String, String) {
        sqlx::query_as("select status, lifecycle from agents where agent_id = $1")
            .bind(agent.0)
            .fetch_one(&self.admin)
            .await
            .unwrap()
    }
}

/// A first attempt of some call.
pub(crate) fn context(org: OrgId, run: RunId, now: DateTime<Utc>) -> CallContext {
    let step = Step { pointer: "/do/0/step".into(), visit: 0 };
    let idempotency_key = step.idempotency_key(run);
    CallContext { org, run, step, idempotency_key, attempt: 1, now }
}

pub(crate) async fn request_in(connection: &mut Connection, actor: &Actor, name: &str) -> Result<Requested, Error> {
    let body = json!({"agent_name": name, "industry": "marketing", "specialty": "campaigns"});
    let request: CreationRequest = input::parse(body).unwrap();
    creations::request(connection, actor, request, creations::Options::default(), now()).await
}

/// The input of `advance-creation`, with all that each state asks for.
pub(crate) fn move_to(creation: CreationId, to: &str) -> Value {
    let mut input = json!({"creationId": creation, "to": to});
    match to {
        "genesis_approved" => input["verdict"] = json!({"status": "approved", "policy_hash": "abc", "reason": "fine"}),
        "genesis_rejected" => input["verdict"] = json!({"status": "rejected", "reason": "data_privacy (consent)"}),
        "genesis_timeout" => input["verdict"] = json!({"status": "timed_out"}),
        "code_generation_failed" => input["error"] = json!({"title": "Communication error", "detail": "no answer"}),
        "cicd_running" => {
            let branch = format!("agent/{creation}");
            input["code"] = json!({"repository": "agents/ada", "branch": branch, "commit": "c0ffee"});
            input["ci"] = json!({"runId": 7, "attempt": 1, "url": "https://forge.local/runs/7"});
        }
        _ => {}
    }
    input
}

pub(crate) async fn verified(agent: AgentId, sla: Uuid) -> handoffs::Verified {
    let page = |url: &str| json!({"status": true, "evidence": {"url": url}});
    let submission: Submission = input::parse(json!({
        "agent_id": agent,
        "handoff_checklist": {
            "docker_image_built_and_pushed": {"status": true, "evidence": {"image": "registry.local/ada:1.0.0"}},
            "runbook_documented": page("https://docs.local/ada"),
            "health_check_endpoint_working": page("http://ada.local/health"),
            "monitoring_dashboard_created": page("https://dashboards.local/ada"),
            "alert_thresholds_configured": {"status": true, "evidence": {"details": "error rate > 1 %"}},
            "oncall_engineer_assigned": {"status": true, "evidence": {"engineer": "grace@example.com"}},
            "sla_defined_and_agreed": {"status": true, "evidence": {"sla_id": sla}},
            "load_testing_completed": page("https://reports.local/ada"),
        },
    }))
    .unwrap();
    handoffs::verify(submission, &Trusting).await.unwrap()
}

pub(crate) fn job(attempt: i64, name: &str, conclusion: &str) -> Value {
    json!({"action": "completed", "workflow_job": {
        "run_id": 7, "run_attempt": attempt, "name": name, "status": "completed", "conclusion": conclusion,
        "started_at": "2026-03-01T09:00:00Z", "completed_at": "2026-03-01T09:01:03Z"}})
}

pub(crate) fn build(attempt: i64, conclusion: &str) -> Value {
    json!({"action": "completed", "workflow_run": {
        "id": 7, "run_attempt": attempt, "status": "completed", "conclusion": conclusion,
        "html_url": "https://forge.local/agents/ada/actions/runs/7"}})
}

/// Everything of a first attempt that succeeds.
pub(crate) fn passing() -> Vec<Value> {
    let jobs = ["lint", "unit-tests", "build", "integration-tests", "push"];
    jobs.into_iter().map(|name| job(1, name, "success")).chain([build(1, "success")]).collect()
}

pub(crate) fn done(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Done(data) => Value::from(&data),
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn failed(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Fail(fault) => fault,
        other => panic!("not failed: {other:?}"),
    }
}

/// The rule that a conflict names.
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Conflict { rule, .. }) => rule,
        other => panic!("no conflict: {other:?}"),
    }
}
