//! The shipped workflows over the real services: the machine runs them, the functions of the domain and its events are the
//! real ones, and only the forge, the mail and the passing of time are played.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use definitions::{Data, Definition, InProcess, TaskKind};
use engine::{
    Call, ChildOutcome, CloudEvent, Effect, Fact, FactBody, Function, Outcome, Phase, Run, RunId, SEMANTICS,
    Subscription, input_hash,
};
use platform::access::Role;
use platform::creations;
use platform::functions::{Genesis, RequestGenesis};
use platform::gates::{self, Vote};
use platform::handoffs::{self, Decision, Options, Review};
use serde_json::{Value, json};
use store::gates::Verdict;

use super::world::*;

/// A run with what it listens for.
struct Player {
    run: Run,
    listens: Vec<Subscription>,
    parent: Option<(usize, engine::Step)>,
}

struct Stage {
    world: World,
    players: Vec<Player>,
    seen: i64,
    mails: Vec<String>,
}

fn definition(name: &str) -> Arc<Definition> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let function = |name: &str| {
        let text = std::fs::read_to_string(root.join(format!("functions/{name}/1.0.0/function.yaml"))).unwrap();
        (format!("{name}:1.0.0"), text)
    };
    let shelf = BTreeMap::from(["human-approval", "genesis-validation"].map(function));
    let source = std::fs::read_to_string(root.join(format!("workflows/{name}.yaml"))).unwrap();
    Arc::new(Definition::parse(&source, &shelf).unwrap_or_else(|findings| panic!("{findings}")))
}

impl Stage {
    fn start(&mut self, id: RunId, name: &str, input: Data, parent: Option<(usize, engine::Step)>) {
        let run = Run::new(id, definition(name));
        self.players.push(Player { run, listens: Vec::new(), parent });
        let workflows = BTreeMap::from([("stationmaster/agent-handoff:1.0.0".to_owned(), "agent-handoff".to_owned())]);
        let started = FactBody::Started { semantics: SEMANTICS, input, nonce: "n0nce".to_owned(), workflows };
        self.fact(self.players.len() - 1, started);
    }

    fn fact(&mut self, player: usize, body: FactBody) {
        let effects = self.players[player].run.apply(&Fact::new(now(), body)).unwrap();
        for effect in effects {
            let listens = &mut self.players[player].listens;
            match effect {
                Effect::Subscribe(listen) => listens.push(listen),
                Effect::Unsubscribe(step) => listens.retain(|listen| listen.step != step),
                Effect::StartChild { step, child, definition, input, .. } => {
                    self.start(child, &definition, input, Some((player, step)));
                }
                Effect::Emit(_) | Effect::CancelChild(_) => {}
            }
        }
        let ended = &self.players[player];
        if let (Phase::Completed { output }, Some((parent, step))) = (ended.run.phase(), ended.parent.clone()) {
            let outcome = ChildOutcome::Completed { output: output.clone() };
            let child = ended.run.id();
            self.players[player].parent = None;
            self.fact(parent, FactBody::ChildEnded { step, child, outcome });
        }
    }

    /// Calls functions and delivers what was published until nothing more happens by itself.
    async fn play(&mut self) {
        loop {
            let calls: Vec<_> = (0..self.players.len())
                .flat_map(|player| self.players[player].run.pending().calls.into_iter().map(move |call| (player, call)))
                .collect();
            let events = self.published().await;
            if calls.is_empty() && events.is_empty() {
                return;
            }
            for (player, call) in calls {
                let outcome = self.call(self.players[player].run.id(), &call).await;
                let Call { step, input_hash, .. } = call;
                let body = match outcome {
                    Outcome::Done(output) => FactBody::CallCompleted { step, input_hash, output },
                    Outcome::Fail(fault) => FactBody::CallFaulted { step, input_hash, fault },
                    Outcome::Retry { .. } => panic!("nothing here is to be tried again"),
                };
                self.fact(player, body);
            }
            for event in events {
                self.deliver(&event);
            }
        }
    }

    async fn call(&mut self, run: RunId, call: &Call) -> Outcome {
        let input = Value::from(&call.input);
        let played = match &*call.function.name {
            "send-mail" => {
                self.mails.push(input["subject"].as_str().unwrap().to_owned());
                json!({})
            }
            "generate-code" => json!({"files": [], "generator": "template"}),
            "commit-code" => {
                let branch = format!("agent/{}", input["creationId"].as_str().unwrap());
                json!({"repository": "agents/ada", "branch": branch, "commit": "c0ffee"})
            }
            "dispatch-ci" => json!({"runId": 7, "attempt": 1}),
            "rerun-ci" => json!({"runId": 7, "attempt": 2}),
            "request-genesis" => {
                let context = context(self.world.org, run, now());
                return RequestGenesis::new(Genesis::BuiltIn(None)).call(&context, call.input.clone()).await;
            }
            ours => return self.world.call(run, ours, input).await,
        };
        Outcome::Done(played.into())
    }

    /// The events that services have published since the last look.
    async fn published(&mut self) -> Vec<CloudEvent> {
        let news = sqlx::query_as("select event_id, envelope from events where event_id > $1 order by event_id");
        let news: Vec<(i64, Value)> = news.bind(self.seen).fetch_all(&self.world.admin).await.unwrap();
        self.seen = news.last().map_or(self.seen, |(id, _)| *id);
        news.into_iter().map(|(_, envelope)| serde_json::from_value(envelope).unwrap()).collect()
    }

    fn deliver(&mut self, event: &CloudEvent) {
        for player in 0..self.players.len() {
            let Player { run, listens, .. } = &self.players[player];
            let matching: Vec<_> = listens.iter().filter(|listen| matches(run, listen, event)).cloned().collect();
            for Subscription { step, filter, .. } in matching {
                self.fact(player, FactBody::EventReceived { step, filter, event: event.clone() });
            }
        }
    }

    /// The forge reports, as its webhooks say it.
    async fn forge(&mut self, branch: &str, mut payload: Value) {
        let about = if payload.get("workflow_job").is_some() { "workflow_job" } else { "workflow_run" };
        payload[about]["head_branch"] = json!(branch);
        let event = json!({
            "id": "1", "source": "https://github.com", "specversion": "1.0", "data": payload,
            "type": format!("com.github.{about}.{}", payload["action"].as_str().unwrap())});
        self.deliver(&serde_json::from_value(event).unwrap());
        self.play().await;
    }
}

fn matches(run: &Run, listen: &Subscription, event: &CloudEvent) -> bool {
    let task = run.definition().task(&listen.step.pointer).unwrap();
    let TaskKind::Listen(task) = &task.kind else { panic!("only a listen listens") };
    let filter = &task.strategy.filters()[listen.filter];
    let (envelope, evaluator) = (event.envelope(), InProcess::default());
    let key = || input_hash(&Data::array(filter.correlation(&envelope, &evaluator).unwrap()));
    filter.matches(&envelope, &|_| Data::NULL, &evaluator).unwrap() && listen.key == Some(key())
}

/// A request whose run has gone as far as it goes by itself.
async fn requested(body: Value, options: creations::Options) -> (Stage, creations::Requested) {
    let world = World::new().await;
    let mut transaction = world.begin().await;
    let request = platform::input::parse(body).unwrap();
    let requested = creations::request(&mut transaction, &world.orchestrator(), request, options, now()).await.unwrap();
    transaction.commit().await.unwrap();
    let input: Value = sqlx::query_scalar("select body -> 'input' from facts where run_id = $1 and seq = 0")
        .bind(requested.run_id.0)
        .fetch_one(&world.admin)
        .await
        .unwrap();
    let mut stage = Stage { world, players: Vec::new(), seen: 0, mails: Vec::new() };
    stage.start(requested.run_id, "agent-creation", input.into(), None);
    stage.play().await;
    (stage, requested)
}

fn ada() -> Value {
    json!({"agent_name": "Ada", "industry": "marketing", "specialty": "campaigns"})
}

/// Genesis, code, a build that fails and is tried again, a handoff that is sent back and made again, production.
#[tokio::test]
async fn an_agent_comes_from_its_request_to_production() {
    let (mut stage, requested) = requested(ada(), creations::Options::default()).await;
    let (agent, branch) = (requested.agent_id, format!("agent/{}", requested.creation_id));
    assert_eq!(stage.world.status(agent).await["status"], "cicd_running");
    stage.forge(&branch, job(1, "lint", "success")).await;
    stage.forge(&branch, job(1, "unit-tests", "failure")).await;
    assert_eq!(stage.world.status(agent).await["status"], "cicd_failed");
    assert_eq!(stage.mails, ["CI failed for Ada"]);

    let mut transaction = stage.world.begin().await;
    creations::retry_ci(&mut transaction, &stage.world.orchestrator(), agent, now()).await.unwrap();
    transaction.commit().await.unwrap();
    stage.play().await;
    assert_eq!(stage.world.status(agent).await["status"], "cicd_running");
    stage.forge(&branch, build(1, "failure")).await;
    for report in ["push", "integration-tests", "build", "unit-tests"].map(|name| job(2, name, "success")) {
        stage.forge(&branch, report).await;
    }
    stage.forge(&branch, build(2, "success")).await;
    assert_eq!(stage.world.status(agent).await["status"], "deployment_ready");

    let first = stage.world.hand_over(agent).await.unwrap().handoff_id;
    stage.play().await;
    let decide = async |world: &World, handoff, decision| {
        let (mut transaction, review) = (world.begin().await, Review { decision, notes: None });
        handoffs::decide(&mut transaction, &world.engineer(), handoff, &review, Options::default(), now())
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    };
    decide(&stage.world, first, Decision::Reject { reason: "no runbook".to_owned() }).await;
    stage.play().await;
    let second = stage.world.hand_over(agent).await.unwrap().handoff_id;
    // Before the run of the review has even begun.
    decide(&stage.world, second, Decision::Accept { production_ready: true }).await;
    stage.play().await;
    let Phase::Completed { output } = stage.players[0].run.phase() else {
        panic!("{:?}", stage.players[0].run.phase())
    };
    assert_eq!(Value::from(output)["status"], "production_ready");
    assert_eq!(stage.world.agent_status(agent).await.0, "production_ready");
}

#[tokio::test]
async fn what_genesis_rejects_ends_there() {
    let mut overreach = ada();
    overreach["data"] = json!({"scopes": [{"name": "industry_data", "access": "read"}]});
    let (stage, requested) = requested(overreach, creations::Options::default()).await;
    assert_eq!(stage.world.status(requested.agent_id).await["status"], "genesis_rejected");
    assert_eq!(stage.mails, ["Genesis rejected Ada"]);
    assert!(matches!(stage.players[0].run.phase(), Phase::Completed { .. }));
}

#[tokio::test]
async fn where_an_admin_is_asked_the_admin_decides() {
    for (verdict, status) in [(Verdict::Approve, "cicd_running"), (Verdict::Reject, "cancelled")] {
        let (mut stage, requested) = requested(ada(), creations::Options { admin_gate: true }).await;
        assert_eq!(
            stage.world.status(requested.agent_id).await["status"],
            "genesis_approved",
            "nothing goes on by itself"
        );
        let admin = stage.world.actor("root", Role::Admin);
        let mut transaction = stage.world.begin().await;
        let gate: uuid::Uuid =
            sqlx::query_scalar("select gate_id from gates").fetch_one(&mut *transaction).await.unwrap();
        let vote = Vote { verdict, reason: Some("as discussed".to_owned()), digest: None };
        gates::decide(&mut transaction, &admin, gate, &vote, now()).await.unwrap();
        transaction.commit().await.unwrap();
        stage.play().await;
        assert_eq!(stage.world.status(requested.agent_id).await["status"], status);
    }
}
