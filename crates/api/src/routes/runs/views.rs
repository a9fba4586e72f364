//! How runs are shown.

use chrono::{DateTime, Utc};
use engine::{Fact, Fault, RunId};
use serde::Serialize;
use serde_json::{Map, Value};
use store::runs::RunView;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::page;

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Its identifier.
    id: Uuid,
    /// What it runs.
    definition: DefinitionRef,
    /// `running`, `suspended`, `completed`, `faulted`, `cancelled` or `quarantined`.
    #[schema(example = "running")]
    phase: String,
    /// Which workers run it.
    queue: String,
    /// Who started it.
    started_by: String,
    /// The run that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<Parent>,
    /// When it was started.
    created_at: DateTime<Utc>,
    /// When it ended.
    ended_at: Option<DateTime<Utc>>,
    /// When it is next due; absent while it waits for events only.
    due_at: Option<DateTime<Utc>>,
    /// Its output, once completed; only for those who may inspect it.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// Its error, if it faulted.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultView>,
    /// Why it was cancelled or set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The definition that a run pins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DefinitionRef {
    namespace: String,
    name: String,
    version: String,
    /// SHA-256 of its content.
    hash: String,
}

/// Where a child run came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Parent {
    /// The run.
    run: Uuid,
    /// The visit of the task that started it.
    step: String,
}

/// An error of a run (RFC 7807, DSL "Error").
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultView {
    #[serde(rename = "type")]
    kind: String,
    status: u16,
    title: Option<String>,
    detail: Option<String>,
    /// The task that raised it.
    instance: Option<String>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunPage {
    /// The runs, the newest first.
    runs: Vec<Run>,
    /// The cursor of the next page, if there is one.
    next: Option<String>,
}

/// A run that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Started {
    id: Uuid,
    created_at: DateTime<Utc>,
}

/// A command that a run was sent; it takes effect between two commits of the run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Acknowledged {
    /// The run.
    id: Uuid,
    /// What was recorded.
    #[schema(example = "run.cancel_requested")]
    recorded: &'static str,
}

/// A fact of a run's history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// Its place, from 0.
    seq: u64,
    /// The fact: `at`, `fact`, and what belongs to that fact.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    fact: Map<String, Value>,
}

/// A page of a history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryPage {
    facts: Vec<HistoryEntry>,
    /// `from` of the next page, if there is one.
    next: Option<u64>,
}

impl Run {
    /// The run for those who may read how it stands and not what it works on.
    pub(crate) fn without_data(self) -> Self {
        Self { output: None, ..self }
    }
}

impl From<RunView> for Run {
    fn from(run: RunView) -> Self {
        let id = run.definition_id;
        let [namespace, name, version] = [id.namespace, id.name, id.version].map(|text| text.to_string());
        Self {
            id: run.id.0,
            definition: DefinitionRef { namespace, name, version, hash: run.definition.to_string() },
            phase: run.phase,
            queue: run.queue,
            started_by: run.started_by,
            parent: run.parent.map(|parent| Parent { run: parent.run.0, step: parent.step.to_string() }),
            created_at: run.created_at,
            ended_at: run.ended_at,
            due_at: run.due_at,
            output: run.output.as_ref().map(Value::from),
            fault: run.fault.map(FaultView::from),
            reason: run.reason,
        }
    }
}

impl From<Fault> for FaultView {
    fn from(fault: Fault) -> Self {
        let instance = fault.instance.map(|pointer| pointer.to_string());
        Self { kind: fault.kind, status: fault.status, title: fault.title, detail: fault.detail, instance }
    }
}

impl RunPage {
    /// A page of `limit` out of what was found when one more was asked for.
    pub(crate) fn new(mut found: Vec<RunView>, limit: u32) -> Self {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more);
        let next = last.map(|run| page::cursor(run.created_at, run.id.0));
        Self { runs: found.into_iter().map(|run| Run::from(run).without_data()).collect(), next }
    }
}

impl HistoryPage {
    /// A page of `limit` out of what was found when one more was asked for.
    pub(crate) fn new(mut facts: Vec<HistoryEntry>, limit: u32) -> Self {
        let next = facts.get(limit as usize).map(|entry| entry.seq);
        facts.truncate(limit as usize);
        Self { facts, next }
    }
}

impl From<(u64, Fact)> for HistoryEntry {
    /// Everything but the run's nonce: whoever knew it could forge a marker that is replaced by a secret.
    fn from((seq, fact): (u64, Fact)) -> Self {
        let mut fact = match serde_json::to_value(fact) {
            Ok(Value::Object(fact)) => fact,
            _ => Map::new(),
        };
        fact.shift_remove("nonce");
        Self { seq, fact }
    }
}

impl Started {
    pub(crate) fn new(run: RunId, created_at: DateTime<Utc>) -> Self {
        Self { id: run.0, created_at }
    }
}

impl Acknowledged {
    pub(crate) fn new(run: RunId, recorded: &'static str) -> Self {
        Self { id: run.0, recorded }
    }
}

#[cfg(test)]
mod tests {
    use definitions::{ContentHash, DefinitionId};
    use engine::{FactBody, FaultKind, Step, Timestamp};

    use super::*;

    fn view(id: u128) -> RunView {
        let created_at = Timestamp::from_timestamp_micros(1_767_323_045_000_000 - i64::try_from(id).unwrap()).unwrap();
        RunView {
            id: RunId(Uuid::from_u128(id)),
            definition: ContentHash([7; 32]),
            definition_id: DefinitionId { namespace: "agents".into(), name: "create".into(), version: "1.0.0".into() },
            phase: "faulted".to_owned(),
            queue: "default".to_owned(),
            started_by: "user:ada".to_owned(),
            parent: Some(store::Parent {
                run: RunId(Uuid::from_u128(1)),
                step: Step { pointer: "/do/0/a".into(), visit: 2 },
                awaited: true,
            }),
            created_at,
            ended_at: Some(created_at),
            output: Some(serde_json::json!({"customer": "data"}).into()),
            fault: Some(Fault::new(FaultKind::Timeout, "took too long")),
            reason: None,
            due_at: None,
        }
    }

    #[test]
    fn runs_are_shown_whole_or_without_their_data() {
        let both = [Run::from(view(2)), Run::from(view(2)).without_data()];
        insta::assert_json_snapshot!(both);
    }

    #[test]
    fn a_page_points_at_the_next_only_if_there_is_one() {
        let full = RunPage::new(vec![view(1), view(2), view(3)], 2);
        assert_eq!(full.runs.len(), 2);
        let (at, id) = page::read_cursor(&full.next.unwrap()).unwrap();
        assert_eq!((at, id), (view(2).created_at, Uuid::from_u128(2)));
        assert!(full.runs.iter().all(|run| run.output.is_none()), "lists carry no data");
        assert_eq!(RunPage::new(vec![view(1), view(2)], 2).next, None);
    }

    #[test]
    fn a_history_is_paged_by_place() {
        let fact = |seq| (seq, Fact::new(view(1).created_at, FactBody::Continued)).into();
        let page = HistoryPage::new(vec![fact(5), fact(6), fact(7)], 2);
        insta::assert_json_snapshot!(page);
        assert_eq!(HistoryPage::new(vec![fact(5)], 2).next, None);
    }
}
