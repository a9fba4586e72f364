//! `record-ola-breach:1.0.0` and `record-genesis-delay:1.0.0`: a promise between teams was missed.
//!
//! It is recorded once, whoever notices it how often, and it decides nothing (`REQUIREMENTS A11, A40, R87`).

use chrono::{DateTime, SubsecRound, Utc};
use engine::CallContext;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Connection;

use super::Handler;
use crate::actor::Cause;
use crate::error::Error;
use crate::ids::HandoffId;

/// A handoff was not reviewed within 24 hours.
pub(super) struct RecordOlaBreach {
    /// Who hears of it.
    pub(super) escalate_to: String,
}

/// Genesis did not answer within its soft deadline.
pub(super) struct RecordGenesisDelay {
    /// Who hears of it.
    pub(super) escalate_to: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OlaInput {
    handoff_id: HandoffId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DelayInput {
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    /// Who is to be told.
    escalate_to: String,
    /// Whether it is news.
    recorded: bool,
}

impl Handler for RecordOlaBreach {
    const NAME: &str = "record-ola-breach";
    type Input = OlaInput;
    type Output = Output;

    async fn handle(
        &self,
        connection: &mut Connection,
        context: &CallContext,
        input: OlaInput,
    ) -> Result<Output, Error> {
        let handoff = crate::handoffs::show(connection, context.org, input.handoff_id).await?;
        // The review's timer counts whole seconds.
        if context.now < handoff.ola_deadline.trunc_subsecs(0) {
            let detail = format!("the review is due at {}: nothing is missed yet", handoff.ola_deadline);
            return Err(Error::conflict("deadline_passed", detail));
        }
        let reviewed_at = handoff.accepted_at.or(handoff.rejected_at);
        if reviewed_at.is_some_and(|reviewed_at| reviewed_at <= handoff.ola_deadline) {
            return Ok(Output { escalate_to: self.escalate_to.clone(), recorded: false });
        }
        let breach = Breach {
            ola: "handoff_review",
            subject: format!("handoff/{}", handoff.handoff_id),
            deadline: Some(handoff.ola_deadline),
            escalate_to: &self.escalate_to,
        };
        breach.record(connection, context).await
    }
}

impl Handler for RecordGenesisDelay {
    const NAME: &str = "record-genesis-delay";
    type Input = DelayInput;
    type Output = Output;

    async fn handle(
        &self,
        connection: &mut Connection,
        context: &CallContext,
        input: DelayInput,
    ) -> Result<Output, Error> {
        let breach = Breach {
            ola: "genesis_validation",
            subject: format!("genesis/{}", input.request_id),
            deadline: None,
            escalate_to: &self.escalate_to,
        };
        breach.record(connection, context).await
    }
}

struct Breach<'a> {
    ola: &'static str,
    subject: String,
    deadline: Option<DateTime<Utc>>,
    escalate_to: &'a str,
}

impl Breach<'_> {
    async fn record(self, connection: &mut Connection, context: &CallContext) -> Result<Output, Error> {
        let added = sqlx::query!(
            "insert into ola_breaches (org_id, ola, subject, deadline, recorded_at, escalated_to, run_id)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
            context.org.0,
            self.ola,
            self.subject,
            self.deadline,
            context.now,
            self.escalate_to,
            context.run.0,
        )
        .execute(&mut *connection)
        .await?;
        let recorded = added.rows_affected() == 1;
        if recorded {
            let details = json!({"ola": self.ola, "deadline": self.deadline, "escalated_to": self.escalate_to});
            let cause = Cause::from(context);
            cause.audit(connection, "ola.breached", self.subject, details, context.now).await?;
        }
        Ok(Output { escalate_to: self.escalate_to.to_owned(), recorded })
    }
}
