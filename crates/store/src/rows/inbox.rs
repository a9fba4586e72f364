//! Inboxes: what is put into them, and what is taken out with the commit of its fact.

use engine::RunId;
use uuid::Uuid;

use crate::{
    Connection, Result,
    history::{InboxId, MessageBody},
    json,
};

/// Messages to put into inboxes. Who sends them wakes their runs.
#[derive(Debug, Default)]
pub(crate) struct MessageRows {
    run: Vec<Uuid>,
    kind: Vec<&'static str>,
    body: Vec<String>,
}

impl MessageRows {
    pub(crate) fn push(&mut self, run: RunId, message: &MessageBody) -> Result<()> {
        self.body.push(json::write("a message", message)?);
        self.run.push(run.0);
        self.kind.push(message.kind());
        Ok(())
    }

    pub(crate) async fn insert(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!("queries/send.sql", &self.run, &self.kind as &[&str], &self.body).execute(connection).await?;
        Ok(())
    }
}

/// Messages to take out of inboxes.
#[derive(Debug, Default)]
pub(crate) struct Consumed {
    run: Vec<Uuid>,
    id: Vec<i64>,
    seq: Vec<Option<i64>>,
}

impl Consumed {
    /// `seq` is the fact that the message became, if it became one.
    pub(crate) fn push(&mut self, run: RunId, id: InboxId, seq: Option<u64>) {
        self.run.push(run.0);
        self.id.push(id.0);
        self.seq.push(seq.map(u64::cast_signed));
    }

    pub(crate) async fn delete(&self, connection: &mut Connection) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        sqlx::query_file!("queries/consume.sql", &self.run, &self.id, &self.seq as &[Option<i64>])
            .execute(connection)
            .await?;
        Ok(())
    }
}
