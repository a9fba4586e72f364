//! `demo`: one agent from request to `production_ready`, on a service of its own, with its progress printed as it happens.
//!
//! Nothing is staged: the demo is a client of the API, in the roles of an agent orchestrator and an infrastructure engineer,
//! and it runs the agent that the pipeline built, so that the handoff's evidence is there to be looked at.

mod agent;
mod progress;

use chrono::TimeDelta;
use platform::access::{Role, Roles};
use serde_json::{Value, json};

use crate::{
    cli,
    client::Client,
    clock,
    commands::{serve::Stop, token},
    database,
    output::{Failure, Output},
    service::{Role as Part, Service},
};

/// How many agents of one name are tried before giving up.
const NAMES: u32 = 1000;

/// Runs the demonstration.
pub(crate) async fn demo(output: Output, arguments: &cli::Demo) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let started = std::time::Instant::now();
    output.line(|| "starting PostgreSQL, the API and a worker …".to_owned());
    let service = Service::start(&arguments.service, Part::Whole).await?;
    output.line(|| format!("the API listens on {} ({:.1} s)\n", service.url(), started.elapsed().as_secs_f32()));
    let acted = tokio::select! {
        acted = act(output, arguments, &service) => acted,
        failure = service.failed() => Err(failure),
        () = stop.asked() => Err(Failure::new("interrupted")),
    };
    if let Ok(done) = &acted {
        report(output, arguments, &service, done);
        if arguments.keep {
            output.line(|| "the service stays up: press Ctrl-C to stop it".to_owned());
            stop.asked().await;
        }
    }
    let stopped = service.stop().await;
    acted.and(stopped)
}

/// What there is to look at afterwards.
struct Done {
    agent: String,
    run: String,
    seconds: u64,
}

async fn act(output: Output, arguments: &cli::Demo, service: &Service) -> Result<Done, Failure> {
    let started = std::time::Instant::now();
    let data = database::data_directory(arguments.service.database.data.as_deref())?;
    let orchestrator = client(arguments, service, &data, "orchestrator@waooaw.com", Role::AgentOrchestrator)?;
    let engineer = client(arguments, service, &data, "engineer@waooaw.com", Role::InfrastructureEngineer)?;

    let requested = request(output, arguments, &orchestrator).await?;
    let word = |name: &str| requested[name].as_str().unwrap_or_default().to_owned();
    let (agent, run) = (word("agent_id"), word("run_id"));
    let ready = progress::follow(output, &orchestrator, service.forge().local()?, &agent).await?;

    output.line(|| "\n5  handoff".to_owned());
    let staged = agent::Staged::start(output, service.forge().local()?, &data, &ready).await?;
    let handed = hand_over(output, &orchestrator, &engineer, &agent, &staged).await;
    staged.stop().await;
    handed?;
    let status = progress::until(&orchestrator, &agent, |status| status["status"] == "handoff_complete").await?;
    output.line(|| format!("   {agent} is production_ready ({} %)", status["progress_percentage"]));
    progress::ended(&engineer, &run).await?;
    Ok(Done { agent, run, seconds: started.elapsed().as_secs() })
}

fn client(
    arguments: &cli::Demo,
    service: &Service,
    data: &std::path::Path,
    user: &str,
    role: Role,
) -> Result<Client, Failure> {
    let keys = token::signing_keys(arguments.service.jwt_secret.as_deref(), data)?;
    let token = token::mint(&keys, user, token::DEFAULT_ORG, Roles::from(role), clock::now(), TimeDelta::hours(12))?;
    Ok(Client::with_token(&service.url(), token))
}

/// Requests the creation; an earlier demonstration may have left an agent of the same name.
async fn request(output: Output, arguments: &cli::Demo, orchestrator: &Client) -> Result<Value, Failure> {
    let path = arguments.service.home.join(&arguments.manifest);
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let mut manifest: Value =
        serde_saphyr::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let name = manifest["agent_name"].as_str().unwrap_or("Agent").to_owned();
    for number in 1..=NAMES {
        manifest["agent_name"] = if number == 1 { name.clone() } else { format!("{name} {number}") }.into();
        match orchestrator.try_post("/pp/v1/agents/create", &manifest).await? {
            Ok(requested) => {
                output.line(|| {
                    format!("1  request\n   {} ({})", text_of(&manifest["agent_name"]), text_of(&manifest["industry"]))
                });
                output.line(|| {
                    format!(
                        "   agent {}, creation {}",
                        text_of(&requested["agent_id"]),
                        text_of(&requested["creation_id"])
                    )
                });
                return Ok(requested);
            }
            Err(problem) if problem["status"] == 409 => {}
            Err(problem) => return Err(Failure::new(crate::client::explain(&problem))),
        }
    }
    Err(Failure::new(format!("there are {NAMES} agents called {name}")))
}

async fn hand_over(
    output: Output,
    orchestrator: &Client,
    engineer: &Client,
    agent: &str,
    staged: &agent::Staged,
) -> Result<(), Failure> {
    let today = clock::now().date_naive().to_string();
    let sla = json!({ "agent_id": agent, "sla_type": "standard", "effective_date": today });
    let sla = orchestrator.post("/pp/v1/sla-definitions", &sla).await?;
    let checklist = staged.checklist(&sla["sla_id"]);
    for (item, entry) in checklist.as_object().into_iter().flatten() {
        let evidence = entry["evidence"].as_object().and_then(|evidence| evidence.values().next());
        output.line(|| format!("   ✓ {item:<30} {}", evidence.map(text_of).unwrap_or_default()));
    }
    let submission = json!({ "agent_id": agent, "handoff_checklist": checklist });
    let handoff = orchestrator.post("/pp/v1/agent-handoff", &submission).await?;
    let id = text_of(&handoff["handoff_id"]);
    output.line(|| format!("   submitted {id}, to be reviewed until {}", text_of(&handoff["ola_deadline"])));
    let acceptance = json!({ "production_ready": true, "acceptance_notes": "looks good" });
    engineer.post(&format!("/pp/v1/agent-handoff/{id}/accept"), &acceptance).await?;
    output.line(|| "   accepted by engineer@waooaw.com".to_owned());
    Ok(())
}

fn report(output: Output, arguments: &cli::Demo, service: &Service, done: &Done) {
    let Done { agent, run, seconds } = done;
    output.line(|| format!("\nfrom request to production_ready in {seconds} s"));
    let options = arguments.service.database.data.as_ref().map(|data| format!(" --data {}", data.display()));
    let options = options.unwrap_or_default();
    let program = std::env::args().next().unwrap_or_else(|| "stationmaster".to_owned());
    if !arguments.keep {
        output.line(|| format!("start the service again:  {program} dev{options}"));
    }
    output.line(|| format!("look at the run:          {program} run show {run}{options}"));
    output.line(|| format!("check the audit trail:    {program} audit verify{options}"));
    output.line(|| format!("the API's documentation:  {}/docs", service.url()));
    output.document(|| json!({ "agent_id": agent, "run_id": run, "status": "production_ready", "seconds": seconds }));
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
