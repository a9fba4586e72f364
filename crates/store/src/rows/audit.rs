//! Rows of the audit trail.

use engine::{OrgId, Timestamp};
use uuid::Uuid;

use crate::{Connection, Result, audit::Entry, json};

/// Rows of the audit trail to write.
#[derive(Debug, Default)]
pub(crate) struct AuditRows {
    org: Vec<Uuid>,
    at: Vec<Timestamp>,
    actor: Vec<String>,
    action: Vec<String>,
    subject: Vec<String>,
    run: Vec<Option<Uuid>>,
    correlation: Vec<String>,
    details: Vec<String>,
}

impl AuditRows {
    pub(crate) fn push(&mut self, org: OrgId, entry: &Entry, at: Timestamp) -> Result<()> {
        self.details.push(json::write("the details of an audit entry", &entry.details)?);
        self.org.push(org.0);
        self.at.push(at);
        self.actor.push(entry.actor.clone());
        self.action.push(entry.action.clone());
        self.subject.push(entry.subject.clone());
        self.run.push(entry.run.map(|run| run.0));
        self.correlation.push(entry.correlation.clone());
        Ok(())
    }

    pub(crate) async fn insert(&self, connection: &mut Connection) -> Result<()> {
        if self.org.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/append_audit.sql",
            &self.org,
            &self.at,
            &self.actor,
            &self.action,
            &self.subject,
            &self.run as &[Option<Uuid>],
            &self.correlation,
            &self.details
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
