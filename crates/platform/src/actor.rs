//! On whose behalf something happens: a person whom the API has identified, or a run.
//!
//! Every transition leaves a row in the audit trail through [`Cause`], in the transaction that makes it.

use chrono::{DateTime, Utc};
use engine::{CallContext, OrgId, RunId};
use serde_json::Value;
use store::{Connection, audit};

use crate::access::Roles;

/// A person, from a verified credential; nothing here is ever taken from a request's body.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The organisation that they belong to.
    pub org: OrgId,
    /// Who they are: the credential's subject.
    pub user: String,
    /// Where they can be written to, if that is known.
    pub email: Option<String>,
    /// What they are.
    pub roles: Roles,
    /// The request's identifier, which ties log lines, audit rows and answers together.
    pub correlation: String,
}

/// Who did something, as the audit trail names it.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) org: OrgId,
    actor: String,
    run: Option<RunId>,
    correlation: String,
}

impl From<&Actor> for Cause {
    fn from(actor: &Actor) -> Self {
        Self {
            org: actor.org,
            actor: format!("user:{}", actor.user),
            run: None,
            correlation: actor.correlation.clone(),
        }
    }
}

impl From<&CallContext> for Cause {
    fn from(context: &CallContext) -> Self {
        Self {
            org: context.org,
            actor: format!("run:{}", context.run),
            run: Some(context.run),
            correlation: context.idempotency_key.clone(),
        }
    }
}

impl Cause {
    /// The same, tied to the run that it concerns.
    pub(crate) fn about(self, run: RunId) -> Self {
        Self { run: Some(run), ..self }
    }

    /// Writes down that `action` was done to `subject`.
    pub(crate) async fn audit(
        &self,
        connection: &mut Connection,
        action: &str,
        subject: String,
        details: Value,
        now: DateTime<Utc>,
    ) -> Result<(), store::Error> {
        let entry = audit::Entry {
            actor: self.actor.clone(),
            action: action.to_owned(),
            subject,
            run: self.run,
            correlation: self.correlation.clone(),
            details: details.into(),
        };
        audit::append(connection, self.org, &entry, now).await
    }
}
