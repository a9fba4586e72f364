//! `open-gate:1.0.0`: opens an approval gate for the run (DESIGN 6).

use std::collections::BTreeSet;

use engine::{CallContext, Data, Delay};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Connection;
use store::gates::{self, NewGate};
use uuid::Uuid;

use super::Handler;
use crate::access::Role;
use crate::actor::Cause;
use crate::error::Error;
use crate::input::{Invalid, Violation};

pub(super) struct OpenGate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    /// What is to be approved, in words.
    title: String,
    /// What it is about, such as a creation's identifier.
    subject: String,
    /// Who may decide, beside the Admin, who always may.
    roles: BTreeSet<Role>,
    #[serde(default = "one")]
    quorum: u32,
    #[serde(default)]
    four_eyes: bool,
    /// On whose behalf; the run's own if nobody is named.
    requested_by: Option<String>,
    /// A duration after which the gate expires, which never approves.
    expires_after: Option<Value>,
    #[serde(default)]
    evidence: Value,
}

const fn one() -> u32 {
    1
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    gate_id: Uuid,
}

impl Handler for OpenGate {
    const NAME: &str = "open-gate";
    type Input = Input;
    type Output = Output;

    async fn handle(&self, connection: &mut Connection, context: &CallContext, input: Input) -> Result<Output, Error> {
        if input.quorum == 0 {
            return Err(invalid("/quorum", "at least one approval is needed"));
        }
        if input.four_eyes && input.requested_by.is_none() {
            return Err(invalid("/requestedBy", "is required where four eyes are asked for"));
        }
        let expires_after = input.expires_after.map(|after| Delay::from_data(&Data::from(after)));
        let expires_after = expires_after.transpose().map_err(|error| invalid("/expiresAfter", &error.to_string()))?;
        let roles: BTreeSet<Role> = input.roles.into_iter().chain([Role::Admin]).collect();
        let gate = NewGate {
            org: context.org,
            run: context.run,
            step: context.step.clone(),
            request: json!({"title": input.title, "subject": input.subject, "evidence": input.evidence}).into(),
            subject: input.title,
            requested_by: input.requested_by.unwrap_or_else(|| format!("run:{}", context.run)),
            approver_roles: roles.into_iter().map(|role| role.as_str().to_owned()).collect(),
            required_approvals: input.quorum,
            four_eyes: input.four_eyes,
            expires_at: expires_after.and_then(|after| context.now.checked_add_signed(after)),
        };
        let id = gates::open(connection, &gate, context.now).await?.0;
        let details = json!({
            "title": gate.subject,
            "subject": input.subject,
            "roles": gate.approver_roles,
            "quorum": gate.required_approvals,
            "fourEyes": gate.four_eyes,
            "requestedBy": gate.requested_by,
            "expiresAt": gate.expires_at,
        });
        let cause = Cause::from(context);
        cause.audit(connection, "gate.opened", format!("gate/{id}"), details, context.now).await?;
        Ok(Output { gate_id: id })
    }
}

fn invalid(path: &str, message: &str) -> Error {
    Invalid(vec![Violation::new("gate", path, message)]).into()
}
