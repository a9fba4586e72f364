//! `run start|list|show|watch|cancel`, over the API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cli::Run,
    client::Client,
    output::{Failure, Output},
};

/// How often `watch` looks.
const INTERVAL: Duration = Duration::from_millis(500);

pub(crate) async fn run(output: Output, verb: Run) -> Result<(), Failure> {
    match verb {
        Run::Start { remote, definition, input } => start(output, &Client::new(&remote)?, &definition, &input).await,
        Run::List { remote, phase, definition, limit } => {
            let mut query = format!("?limit={limit}");
            phase.into_iter().for_each(|phase| query.push_str(&format!("&phase={phase}")));
            definition.into_iter().for_each(|name| query.push_str(&format!("&definition={name}")));
            list(output, &Client::new(&remote)?, &query).await
        }
        Run::Show { remote, run } => show(output, &Client::new(&remote)?, &run.to_string()).await,
        Run::Watch { remote, run } => watch(output, &Client::new(&remote)?, &run.to_string()).await,
        Run::Cancel { remote, run, reason } => {
            let body = json!({ "reason": reason });
            let answer = Client::new(&remote)?.post(&format!("/runs/{run}/cancel"), &body).await?;
            output.line(|| format!("{run} is being cancelled"));
            output.document(|| answer);
            Ok(())
        }
    }
}

async fn start(output: Output, client: &Client, definition: &str, input: &str) -> Result<(), Failure> {
    let input = super::argument(input)?;
    let (path, version) =
        definition.split_once(':').map_or((definition, None), |(path, version)| (path, Some(version)));
    let Some((namespace, name)) = path.split_once('/') else {
        return Err(Failure::new(format!(
            "`{definition}` names no definition: write namespace/name or namespace/name:version"
        )));
    };
    let mut body = json!({ "definition": { "namespace": namespace, "name": name }, "input": input });
    if let Some(version) = version {
        body["definition"]["version"] = version.into();
    }
    let answer = client.post("/runs", &body).await?;
    output.line(|| text_of(&answer["id"]));
    output.document(|| answer);
    Ok(())
}

async fn list(output: Output, client: &Client, query: &str) -> Result<(), Failure> {
    let answer = client.get(&format!("/runs{query}")).await?;
    for run in answer["runs"].as_array().into_iter().flatten() {
        output.line(|| summary(run));
    }
    output.document(|| answer);
    Ok(())
}

async fn show(output: Output, client: &Client, run: &str) -> Result<(), Failure> {
    let mut answer = client.get(&format!("/runs/{run}")).await?;
    let history = history(client, run, 0).await?;
    output.line(|| summary(&answer));
    for name in ["output", "fault", "reason"] {
        if !answer[name].is_null() {
            output.line(|| format!("{name}: {:#}", answer[name]));
        }
    }
    for fact in &history {
        output.line(|| fact_line(fact));
    }
    answer["history"] = history.into();
    output.document(|| answer);
    Ok(())
}

/// The facts of a run from `seq` on, page by page.
pub(crate) async fn history(client: &Client, run: &str, seq: u64) -> Result<Vec<Value>, Failure> {
    let (mut facts, mut from) = (Vec::new(), Some(seq));
    while let Some(seq) = from {
        let page = client.get(&format!("/runs/{run}/history?from={seq}&limit=200")).await?;
        facts.extend(page["facts"].as_array().cloned().unwrap_or_default());
        from = page["next"].as_u64();
    }
    Ok(facts)
}

async fn watch(output: Output, client: &Client, run: &str) -> Result<(), Failure> {
    let mut next = 0_u64;
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let state = client.get(&format!("/runs/{run}")).await?;
        for fact in history(client, run, next).await? {
            output.line(|| fact_line(&fact));
            next = fact["seq"].as_u64().unwrap_or(next) + 1;
        }
        let phase = state["phase"].as_str().unwrap_or_default().to_owned();
        if matches!(phase.as_str(), "completed" | "faulted" | "cancelled" | "quarantined") {
            output.line(|| summary(&state));
            output.document(|| state);
            return if phase == "completed" { Ok(()) } else { Err(Failure::silent()) };
        }
    }
}

fn summary(run: &Value) -> String {
    let [id, phase, created] = ["id", "phase", "created_at"].map(|name| text_of(&run[name]));
    let [namespace, name, version] = ["namespace", "name", "version"].map(|name| text_of(&run["definition"][name]));
    format!("{id}  {phase:<11}  {created}  {namespace}/{name}:{version}")
}

fn fact_line(fact: &Value) -> String {
    let step = &fact["step"];
    let place = if step.is_null() { String::new() } else { format!("  {}", text_of(&step["pointer"])) };
    format!("{:>5}  {}  {:<15}{place}", text_of(&fact["seq"]), text_of(&fact["at"]), text_of(&fact["fact"]))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
