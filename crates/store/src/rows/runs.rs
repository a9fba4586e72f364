//! Runs that are started, from outside or by their parents.

use std::collections::HashSet;

use definitions::{ContentHash, Data};
use engine::{Fact, FactBody, OrgId, RunId, SEMANTICS, Timestamp};
use uuid::Uuid;

use super::{FactRows, pins};
use crate::{Connection, Parent, Result, runs::NewRun};

/// Runs to start.
#[derive(Debug, Default)]
pub(crate) struct RunRows {
    run: Vec<Uuid>,
    org: Vec<Uuid>,
    definition: Vec<Vec<u8>>,
    semantics: Vec<i32>,
    queue: Vec<Option<String>>,
    priority: Vec<Option<i16>>,
    started_by: Vec<String>,
    parent_run: Vec<Option<Uuid>>,
    parent_pointer: Vec<Option<String>>,
    parent_visit: Vec<Option<i64>>,
    awaited: Vec<bool>,
    created_at: Vec<Timestamp>,
    input: Vec<Data>,
}

/// A run that a step of another starts.
#[derive(Debug)]
pub(crate) struct Child<'a> {
    pub(crate) id: RunId,
    pub(crate) parent: &'a Parent,
    pub(crate) definition: ContentHash,
    pub(crate) input: &'a Data,
    pub(crate) at: Timestamp,
}

impl RunRows {
    pub(crate) fn push(&mut self, new: &NewRun) {
        self.queue.push(Some(new.queue.clone()));
        self.priority.push(Some(new.priority as i16));
        self.started_by.push(new.started_by.clone());
        self.parent(None);
        self.start(new.id, new.org, new.definition, &new.input, new.at);
    }

    /// A child goes where its parent is.
    pub(crate) fn push_child(&mut self, org: OrgId, child: &Child<'_>) {
        self.queue.push(None);
        self.priority.push(None);
        self.started_by.push(format!("run:{}", child.parent.run));
        self.parent(Some(child.parent));
        self.start(child.id, org, child.definition, child.input, child.at);
    }

    fn parent(&mut self, parent: Option<&Parent>) {
        self.parent_run.push(parent.map(|parent| parent.run.0));
        self.parent_pointer.push(parent.map(|parent| parent.step.pointer.as_str().to_owned()));
        self.parent_visit.push(parent.map(|parent| parent.step.visit.into()));
        self.awaited.push(parent.is_some_and(|parent| parent.awaited));
    }

    fn start(&mut self, id: RunId, org: OrgId, definition: ContentHash, input: &Data, at: Timestamp) {
        self.run.push(id.0);
        self.org.push(org.0);
        self.definition.push(definition.0.to_vec());
        self.semantics.push(SEMANTICS.cast_signed());
        self.created_at.push(at);
        self.input.push(input.clone());
    }

    pub(crate) fn ids(&self) -> &[Uuid] {
        &self.run
    }

    /// Inserts the rows and gathers the first facts of those that are new: a run that exists stays as it is, and one whose
    /// definition is not registered is not started.
    pub(crate) async fn insert(self, connection: &mut Connection, facts: &mut FactRows) -> Result<HashSet<Uuid>> {
        if self.run.is_empty() {
            return Ok(HashSet::new());
        }
        let rows = sqlx::query_file!(
            "queries/insert_runs.sql",
            &self.run,
            &self.org,
            &self.definition,
            &self.semantics,
            &self.queue as &[Option<String>],
            &self.priority as &[Option<i16>],
            &self.started_by,
            &self.parent_run as &[Option<Uuid>],
            &self.parent_pointer as &[Option<String>],
            &self.parent_visit as &[Option<i64>],
            &self.awaited,
            &self.created_at
        )
        .fetch_all(&mut *connection)
        .await?;
        let new: HashSet<_> = rows.into_iter().map(|row| row.run_id).collect();
        self.begin(connection, &new, facts).await?;
        Ok(new)
    }

    /// Gathers the first facts of those that are new.
    async fn begin(self, connection: &mut Connection, new: &HashSet<Uuid>, facts: &mut FactRows) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let pins = pins::resolve(connection, &self.org, &self.definition).await?;
        let rows = self.run.into_iter().zip(self.org).zip(self.definition).zip(self.input).zip(self.created_at);
        for ((((run, org), definition), input), at) in rows.filter(|((((run, _), _), _), _)| new.contains(run)) {
            let workflows = pins.get(&(org, definition)).cloned().unwrap_or_default();
            let nonce = Uuid::new_v4().simple().to_string();
            let body = FactBody::Started { semantics: SEMANTICS, input, nonce, workflows };
            facts.push(OrgId(org), RunId(run), 0, &Fact::new(at, body))?;
        }
        Ok(())
    }
}
