//! Facts.

use engine::{Fact, OrgId, RunId, Timestamp};
use uuid::Uuid;

use crate::{Connection, Result, json};

/// Facts to record.
#[derive(Debug, Default)]
pub(crate) struct FactRows {
    run: Vec<Uuid>,
    seq: Vec<i64>,
    at: Vec<Timestamp>,
    org: Vec<Uuid>,
    name: Vec<&'static str>,
    body: Vec<String>,
}

impl FactRows {
    pub(crate) fn push(&mut self, org: OrgId, run: RunId, seq: u64, fact: &Fact) -> Result<()> {
        self.body.push(json::write("a fact", fact)?);
        self.run.push(run.0);
        self.seq.push(seq.cast_signed());
        self.at.push(fact.at);
        self.org.push(org.0);
        self.name.push(fact.name());
        Ok(())
    }

    pub(crate) async fn insert(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/insert_facts.sql",
            &self.run,
            &self.seq,
            &self.at,
            &self.org,
            &self.name as &[&str],
            &self.body
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
