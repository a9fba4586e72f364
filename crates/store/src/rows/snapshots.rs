//! Snapshots: caches of the fold.

use engine::{OrgId, RunId, Snapshot};
use uuid::Uuid;

use crate::{Connection, Result, json};

/// Snapshots to keep.
#[derive(Debug, Default)]
pub(crate) struct SnapshotRows {
    run: Vec<Uuid>,
    seq: Vec<i64>,
    org: Vec<Uuid>,
    state: Vec<String>,
}

impl SnapshotRows {
    /// `seq` is how many facts the snapshot holds.
    pub(crate) fn push(&mut self, org: OrgId, run: RunId, seq: u64, snapshot: &Snapshot) -> Result<()> {
        self.state.push(json::write("a snapshot", snapshot)?);
        self.run.push(run.0);
        self.seq.push(seq.cast_signed());
        self.org.push(org.0);
        Ok(())
    }

    pub(crate) async fn insert(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!("queries/save_snapshots.sql", &self.run, &self.seq, &self.org, &self.state)
            .execute(connection)
            .await?;
        Ok(())
    }
}
