//! The audit trail: a row commits with what it audits; one sequencer seals rows into their organisation's hash chain; anybody
//! can check the chain from its rows alone (DESIGN 4, 9).

mod chain;
mod seal;

use definitions::Data;
use engine::{OrgId, RunId, Timestamp};
use uuid::Uuid;

pub use chain::{Broken, Report, verify};
pub use seal::seal;

use crate::{Connection, Result, json, rows::AuditRows};

/// A row to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Who did it: `user:<id>`, `run:<id>` or `system`.
    pub actor: String,
    /// What was done, such as `gate.approved`.
    pub action: String,
    /// What it was done to, such as `creation/<id>`.
    pub subject: String,
    /// The run in which, or because of which, it was done.
    pub run: Option<RunId>,
    /// What ties it to a request or an event.
    pub correlation: String,
    /// More of it; no secrets.
    pub details: Data,
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number; rows are sealed in the order in which they became visible, which may differ.
    pub id: i64,
    /// When, in engine time.
    pub at: Timestamp,
    /// What was written.
    pub entry: Entry,
    /// Its place in the chain, once it is sealed.
    pub seal: Option<Seal>,
}

/// A row's place in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// From 1.
    pub seq: i64,
    /// The hash of the row before.
    pub prev_hash: [u8; 32],
    /// The hash of this row.
    pub hash: [u8; 32],
}

/// Writes a row, in the transaction of what it audits.
///
/// # Errors
/// The database fails, and with it the transaction.
pub async fn append(connection: &mut Connection, org: OrgId, entry: &Entry, at: Timestamp) -> Result<()> {
    let mut rows = AuditRows::default();
    rows.push(org, entry, at)?;
    rows.insert(connection).await
}

/// Lists rows of an organisation, the newest first: those before `before`, of one subject if one is given.
///
/// # Errors
/// The database fails.
pub async fn list(
    connection: &mut Connection,
    org: OrgId,
    subject: Option<&str>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_file_as!(
        AuditRow,
        "queries/list_audit.sql",
        org.0,
        subject,
        before.unwrap_or(i64::MAX),
        i64::from(limit)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(AuditRow::row).collect()
}

/// A row as it is stored; its details as the text that is hashed.
struct AuditRow {
    audit_id: i64,
    org_id: Uuid,
    at: Timestamp,
    actor: String,
    action: String,
    subject: String,
    run_id: Option<Uuid>,
    correlation: String,
    details: String,
    seq: Option<i64>,
    prev_hash: Option<Vec<u8>>,
    hash: Option<Vec<u8>>,
}

impl AuditRow {
    fn seal(&self) -> Option<Seal> {
        let hash = |bytes: &Option<Vec<u8>>| bytes.as_deref().and_then(|bytes| bytes.try_into().ok());
        Some(Seal { seq: self.seq?, prev_hash: hash(&self.prev_hash)?, hash: hash(&self.hash)? })
    }

    fn row(self) -> Result<Row> {
        let seal = self.seal();
        let details = json::read(|| format!("the details of audit row {}", self.audit_id), &self.details)?;
        let entry = Entry {
            actor: self.actor,
            action: self.action,
            subject: self.subject,
            run: self.run_id.map(RunId),
            correlation: self.correlation,
            details,
        };
        Ok(Row { id: self.audit_id, at: self.at, entry, seal })
    }
}
