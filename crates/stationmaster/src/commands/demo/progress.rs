//! Following a creation: each change of its status and of its stages, printed once.

use std::{collections::BTreeMap, time::Duration};

use functions::forge::Local;
use serde_json::Value;

use super::text_of;
use crate::{
    client::Client,
    output::{Failure, Output},
};

/// How often the API is asked.
const INTERVAL: Duration = Duration::from_millis(200);

/// Asks until the creation is as wanted.
pub(super) async fn until(client: &Client, agent: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let status = client.get(&format!("/pp/v1/agents/{agent}/creation-status")).await?;
        if wanted(&status) {
            return Ok(status);
        }
    }
}

/// Waits until the run that carried the creation out has ended, which the acceptance made it do.
pub(super) async fn ended(client: &Client, run: &str) -> Result<(), Failure> {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let run = client.get(&format!("/runs/{run}")).await?;
        match run["phase"].as_str() {
            Some("completed") => return Ok(()),
            Some("running") => {}
            _ => return Err(Failure::new(format!("the run ended as {}: {}", run["phase"], run["fault"]))),
        }
    }
}

/// Prints what happens until the agent can be handed over; gives its last status.
pub(super) async fn follow(output: Output, client: &Client, forge: &Local, agent: &str) -> Result<Value, Failure> {
    output.line(|| "\n2  Genesis".to_owned());
    let (mut ticks, mut printed, mut stages) = (tokio::time::interval(INTERVAL), Printed::default(), BTreeMap::new());
    loop {
        ticks.tick().await;
        let status = client.get(&format!("/pp/v1/agents/{agent}/creation-status")).await?;
        printed.judged(output, &status);
        printed.committed(output, &status);
        for stage in status["stages"]["cicd_pipeline"]["stages"].as_array().into_iter().flatten() {
            moved(output, stage, &mut stages);
        }
        let name = text_of(&status["status"]);
        match name.as_str() {
            "deployment_ready" => return Ok(status),
            "genesis_rejected" | "genesis_timeout" | "code_generation_failed" | "cicd_failed" | "cancelled" => {
                return Err(failure(forge, &name, &status).await);
            }
            _ => {}
        }
    }
}

/// What has been printed, so that it is printed once; a step may pass between two looks.
#[derive(Default)]
struct Printed {
    verdict: bool,
    code: bool,
}

impl Printed {
    fn judged(&mut self, output: Output, status: &Value) {
        let verdict = &status["verdict"];
        if verdict.is_null() || std::mem::replace(&mut self.verdict, true) {
            return;
        }
        for check in verdict["checks"].as_array().into_iter().flatten() {
            let mark = if check["passed"] == true { '✓' } else { '✗' };
            output.line(|| format!("   {mark} {}", text_of(&check["name"])));
            for violation in check["violations"].as_array().into_iter().flatten() {
                output.line(|| format!("       {}: {}", text_of(&violation["rule"]), text_of(&violation["message"])));
            }
        }
        output.line(|| format!("   {}", text_of(&verdict["status"])));
    }

    fn committed(&mut self, output: Output, status: &Value) {
        let code = &status["code"];
        if code.is_null() || std::mem::replace(&mut self.code, true) {
            return;
        }
        let generator = match text_of(&code["generator"]).as_str() {
            "templates" => "the built-in template generator".to_owned(),
            model => format!("the model {model}"),
        };
        output.line(|| format!("\n3  code\n   {} files, written by {generator}", code["files"]));
        output.line(|| format!("   commit {} in {}\n\n4  CI", text_of(&code["commit"]), text_of(&code["repository"])));
    }
}

/// A stage that has begun or ended.
fn moved(output: Output, stage: &Value, seen: &mut BTreeMap<String, String>) {
    let (name, status) = (text_of(&stage["stage"]), text_of(&stage["status"]));
    if status == "pending" || seen.get(&name) == Some(&status) {
        return;
    }
    if status != "running" {
        let duration = stage["duration"].as_u64().map(|seconds| format!("{seconds} s")).unwrap_or_default();
        output.line(|| format!("   {name:<18} {status:<8} {duration}"));
    }
    seen.insert(name, status);
}

/// Why a creation stopped; for a stage, the end of its log.
async fn failure(forge: &Local, name: &str, status: &Value) -> Failure {
    let stage = text_of(&status["current_stage"]);
    let reason = text_of(&status["stages"][&stage]["result"]);
    let mut message = format!("the creation ended as {name}: {reason}");
    let run = status["ci"]["run_id"].as_u64().or_else(|| status["ci"]["runId"].as_u64());
    let failed = status["stages"]["cicd_pipeline"]["stages"].as_array().and_then(|stages| {
        stages.iter().find(|stage| stage["status"] == "failed").map(|stage| text_of(&stage["stage"]))
    });
    if let (Some(run), Some(stage)) = (run, failed)
        && let Ok(Some(log)) = forge.log(run, &stage.replace('_', "-")).await
    {
        let tail: Vec<_> = log.lines().rev().take(20).collect();
        message.push_str(&format!("\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n")));
    }
    Failure::new(message)
}
