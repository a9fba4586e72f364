//! A run: a definition and the fold of its facts.

use std::sync::Arc;

use definitions::{Definition, Limits};
use thiserror::Error;

use crate::{Effect, Fact, Pending, Phase, RunId, Snapshot, Timestamp, Trace, state::State};

/// A run in memory.
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) id: RunId,
    pub(crate) definition: Arc<Definition>,
    pub(crate) config: RunConfig,
    pub(crate) state: State,
}

/// The bounds of a burst of pure tasks, and what `$runtime` says.
#[derive(Debug, Clone, Copy)]
pub struct RunConfig {
    /// Moves between two facts before the run yields; part of the semantics, so the same on every replay.
    pub fuel: u32,
    /// Bounds of one expression.
    pub limits: Limits,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self { fuel: 10_000, limits: Limits::default() }
    }
}

/// A fact that cannot follow the facts before it: the history and the definition do not belong together.
///
/// The run must be set aside; going on would take one call's result for another's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("fact {seq} ({fact}) does not fit the run: {reason}")]
pub struct Diverged {
    /// The fact's place in the history, from 0.
    pub seq: u64,
    /// Its name.
    pub fact: &'static str,
    /// What does not fit.
    pub reason: String,
}

impl Run {
    /// A run without facts.
    #[must_use]
    pub fn new(id: RunId, definition: Arc<Definition>) -> Self {
        Self { id, definition, config: RunConfig::default(), state: State::default() }
    }

    /// The run at a snapshot; `None` if the snapshot is of another version and the run must be folded from its facts.
    #[must_use]
    pub fn restore(id: RunId, definition: Arc<Definition>, snapshot: Snapshot) -> Option<Self> {
        (snapshot.version == Snapshot::VERSION).then(|| Self {
            id,
            definition,
            config: RunConfig::default(),
            state: snapshot.state,
        })
    }

    /// The run's identifier.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// The definition that the run pins.
    #[must_use]
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// How many facts have been applied: the `seq` of the next one.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.state.facts
    }

    /// Where the run stands.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.state.phase
    }

    /// The time of the last fact.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state.now
    }

    /// The random text in the run's secret markers ([`crate::Secrets`]); empty where its first fact gave none.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.state.nonce
    }

    /// The content hashes of the workflows that the run may start, by name, as its first fact pinned them.
    #[must_use]
    pub fn workflows(&self) -> &std::collections::BTreeMap<String, String> {
        &self.state.workflows
    }

    /// A cache of this state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { version: Snapshot::VERSION, state: self.state.clone() }
    }

    /// Applies the next fact and goes on until every branch waits, the run ends, or its fuel is used up.
    ///
    /// The effects belong to this fact's commit; when facts are folded again after a crash they are already committed and
    /// are dropped.
    ///
    /// # Errors
    /// The fact does not fit; the run's state is then undefined and must be dropped.
    pub fn apply(&mut self, fact: &Fact) -> Result<Vec<Effect>, Diverged> {
        crate::machine::apply(self, fact, None)
    }

    /// Applies the next fact as [`Run::apply`] does, and gives the moves that it led to besides: what entered, what was
    /// skipped, which case was taken, what was caught.
    ///
    /// # Errors
    /// As for [`Run::apply`].
    pub fn trace(&mut self, fact: &Fact) -> Result<(Vec<Effect>, Vec<Trace>), Diverged> {
        let mut moves = Vec::new();
        let effects = crate::machine::apply(self, fact, Some(&mut moves))?;
        Ok((effects, moves))
    }

    /// Whether a `listen` that is active takes the event now. One that is not wanted must not become a fact: it would count
    /// as used, and a later `listen` could no longer have it.
    #[must_use]
    pub fn wants(&self, step: &crate::Step, filter: usize, event: &crate::CloudEvent) -> bool {
        crate::machine::wants(self, step, filter, event)
    }

    /// What the run waits for; empty while it is suspended or has ended.
    #[must_use]
    pub fn pending(&self) -> Pending {
        crate::machine::pending(self)
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            facts: 0,
            semantics: crate::SEMANTICS,
            phase: Phase::Pending,
            now: Timestamp::UNIX_EPOCH,
            started_at: Timestamp::UNIX_EPOCH,
            deadline: None,
            raw_input: definitions::Data::NULL,
            input: definitions::Data::NULL,
            context: definitions::Data::object(),
            workflows: std::collections::BTreeMap::new(),
            nonce: String::new(),
            visits: std::collections::BTreeMap::new(),
            frames: std::collections::BTreeMap::new(),
            next_frame: 0,
            agenda: Vec::new(),
        }
    }
}
