//! Waits for events: those that begin and those that end.

use engine::{OrgId, RunId, Step, Subscription};
use uuid::Uuid;

use crate::{Connection, Result, router};

/// Waits that begin.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionRows {
    run: Vec<Uuid>,
    org: Vec<Uuid>,
    pointer: Vec<String>,
    visit: Vec<i64>,
    filter: Vec<i32>,
    seq: Vec<i64>,
    event_type: Vec<String>,
    correlation: Vec<String>,
    key: Vec<String>,
}

impl SubscriptionRows {
    /// `seq` is the fact that the wait begins with.
    pub(crate) fn push(&mut self, org: OrgId, run: RunId, seq: u64, wait: &Subscription) -> Result<()> {
        self.correlation.push(router::correlation_text(&wait.correlation)?);
        self.run.push(run.0);
        self.org.push(org.0);
        self.pointer.push(wait.step.pointer.as_str().to_owned());
        self.visit.push(wait.step.visit.into());
        self.filter.push(i32::try_from(wait.filter).unwrap_or(i32::MAX));
        self.seq.push(seq.cast_signed());
        self.event_type.push(wait.event_type.as_deref().unwrap_or_default().to_owned());
        self.key.push(wait.key.clone().unwrap_or_default());
        Ok(())
    }

    pub(crate) async fn insert(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/subscribe.sql",
            &self.run,
            &self.org,
            &self.pointer,
            &self.visit,
            &self.filter,
            &self.seq,
            &self.event_type,
            &self.correlation,
            &self.key
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Steps whose waits end.
#[derive(Debug, Default)]
pub(crate) struct EndedWaits {
    run: Vec<Uuid>,
    pointer: Vec<String>,
    visit: Vec<i64>,
}

impl EndedWaits {
    pub(crate) fn push(&mut self, run: RunId, step: &Step) {
        self.run.push(run.0);
        self.pointer.push(step.pointer.as_str().to_owned());
        self.visit.push(step.visit.into());
    }

    pub(crate) async fn delete(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!("queries/unsubscribe.sql", &self.run, &self.pointer, &self.visit).execute(connection).await?;
        Ok(())
    }
}
