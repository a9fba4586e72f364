//! `gate list|decide`, over the API.

use serde_json::json;

use crate::{
    cli::Gate,
    client::Client,
    output::{Failure, Output},
};

pub(crate) async fn gate(output: Output, verb: Gate) -> Result<(), Failure> {
    match verb {
        Gate::List { remote } => {
            let answer = Client::new(&remote)?.get("/gates?status=pending").await?;
            for gate in answer["gates"].as_array().into_iter().flatten() {
                let word = |name: &str| gate[name].as_str().unwrap_or_default().to_owned();
                output.line(|| format!("{}  {}  {}", word("gate_id"), word("created_at"), word("title")));
            }
            output.document(|| answer);
        }
        Gate::Decide { remote, gate, verdict, reason } => {
            let mut body = json!({ "verdict": verdict });
            if let Some(reason) = reason {
                body["reason"] = reason.into();
            }
            let answer = Client::new(&remote)?.post(&format!("/gates/{gate}/decisions"), &body).await?;
            output.line(|| format!("{gate} is {}", answer["status"].as_str().unwrap_or("unchanged")));
            output.document(|| answer);
        }
    }
    Ok(())
}
