//! Events that are published.

use std::collections::HashSet;

use engine::{CloudEvent, OrgId, Timestamp};
use uuid::Uuid;

use crate::{Connection, Result, events::EventId, json};

/// Events to publish.
#[derive(Debug, Default)]
pub(crate) struct EventRows {
    org: Vec<Uuid>,
    received_at: Vec<Timestamp>,
    kind: Vec<String>,
    source: Vec<String>,
    id: Vec<String>,
    envelope: Vec<String>,
}

impl EventRows {
    pub(crate) fn push(&mut self, org: OrgId, event: &CloudEvent, at: Timestamp) -> Result<()> {
        self.envelope.push(json::write("an event", event)?);
        self.org.push(org.0);
        self.received_at.push(at);
        self.kind.push(event.kind.clone());
        self.source.push(event.source.clone());
        self.id.push(event.id.clone());
        Ok(())
    }

    /// Publishes those that were not published before, and returns their numbers.
    pub(crate) async fn insert(mut self, connection: &mut Connection) -> Result<Vec<EventId>> {
        if self.org.is_empty() {
            return Ok(Vec::new());
        }
        self.keep_new(connection).await?;
        if self.org.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query_file!(
            "queries/insert_events.sql",
            &self.org,
            &self.received_at,
            &self.kind,
            &self.source,
            &self.id,
            &self.envelope
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| EventId(row.event_id)).collect())
    }

    async fn keep_new(&mut self, connection: &mut Connection) -> Result<()> {
        let fresh = sqlx::query_file!("queries/insert_event_ids.sql", &self.org, &self.source, &self.id)
            .fetch_all(connection)
            .await?;
        if fresh.len() == self.org.len() {
            return Ok(());
        }
        let mut fresh: HashSet<_> = fresh.into_iter().map(|row| (row.org_id, row.source, row.id)).collect();
        let old = std::mem::take(self);
        for index in 0..old.org.len() {
            let identity = (old.org[index], old.source[index].clone(), old.id[index].clone());
            if fresh.remove(&identity) {
                self.org.push(identity.0);
                self.source.push(identity.1);
                self.id.push(identity.2);
                self.received_at.push(old.received_at[index]);
                self.kind.push(old.kind[index].clone());
                self.envelope.push(old.envelope[index].clone());
            }
        }
        Ok(())
    }
}
