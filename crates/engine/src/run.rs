//! A run: a definition and the fold of its facts.

use std::{collections::BTreeMap, sync::Arc};

use definitions::{Definition, Evaluator, InProcess};
use thiserror::Error;

use crate::{Chance, Effect, Fact, Pending, Phase, RunId, Snapshot, Timestamp, Trace, state::State};

/// A run in memory.
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) id: RunId,
    pub(crate) definition: Arc<Definition>,
    pub(crate) config: RunConfig,
    pub(crate) state: State,
    /// What later facts say about bursts that are still to be folded.
    foreseen: BTreeMap<u64, Chance>,
}

/// Who evaluates the expressions of a run.
pub type SharedEvaluator = Arc<dyn Evaluator + Send + Sync>;

/// The bounds of a burst of pure tasks.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Moves between two facts before the run yields; part of the semantics, so the same on every replay.
    pub fuel: u32,
    /// Evaluates expressions, within limits.
    pub evaluator: SharedEvaluator,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self { fuel: 10_000, evaluator: Arc::new(InProcess::default()) }
    }
}

/// A fact that cannot be applied after the facts before it.
///
/// Unless the reason may pass, the history and the definition do not belong together, and the run must be set aside: going
/// on would take one call's result for another's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("fact {seq} ({fact}) does not fit the run: {reason}")]
pub struct Diverged {
    /// The fact's place in the history, from 0.
    pub seq: u64,
    /// Its name.
    pub fact: &'static str,
    /// What does not fit.
    pub reason: String,
    /// Whether the fact may fit later, or elsewhere: an expression could not be evaluated here and now.
    pub passing: bool,
}

impl Run {
    /// A run without facts.
    #[must_use]
    pub fn new(id: RunId, definition: Arc<Definition>) -> Self {
        Self { id, definition, config: RunConfig::default(), state: State::default(), foreseen: BTreeMap::new() }
    }

    /// The run at a snapshot; `None` if the snapshot is of another version and the run must be folded from its facts.
    #[must_use]
    pub fn restore(id: RunId, definition: Arc<Definition>, snapshot: Snapshot) -> Option<Self> {
        (snapshot.version == Snapshot::VERSION).then(|| Self {
            id,
            definition,
            config: RunConfig::default(),
            state: snapshot.state,
            foreseen: BTreeMap::new(),
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

    /// The same run, whose expressions are evaluated by `evaluator`; without one, in this process and without protection.
    #[must_use]
    pub fn with_evaluator(mut self, evaluator: &SharedEvaluator) -> Self {
        self.config.evaluator = Arc::clone(evaluator);
        self
    }

    /// Applies the next fact, which is new, and goes on until every branch waits, the run ends, or its fuel is used up.
    /// Notes in the fact where it might have gone otherwise ([`Chance`]), so that it can be applied again.
    ///
    /// The effects belong to this fact's commit.
    ///
    /// # Errors
    /// The fact does not fit; the run's state is then undefined and must be dropped.
    pub fn record(&mut self, fact: &mut Fact) -> Result<Vec<Effect>, Diverged> {
        let (effects, met) = crate::machine::apply(self, fact, None, None)?;
        fact.chance.extend(met);
        Ok(effects)
    }

    /// Applies the next fact as [`Run::record`] does, and gives the moves that it led to besides: what entered, what was
    /// skipped, which case was taken, what was caught.
    ///
    /// # Errors
    /// As for [`Run::record`].
    pub fn trace(&mut self, fact: &mut Fact) -> Result<(Vec<Effect>, Vec<Trace>), Diverged> {
        let mut moves = Vec::new();
        let (effects, met) = crate::machine::apply(self, fact, None, Some(&mut moves))?;
        fact.chance.extend(met);
        Ok((effects, moves))
    }

    /// Applies the next fact again: it was recorded before, and its effects are already committed.
    ///
    /// # Errors
    /// The fact does not fit; the run's state is then undefined and must be dropped.
    pub fn apply(&mut self, fact: &Fact) -> Result<Vec<Effect>, Diverged> {
        let seq = self.state.facts;
        let own = fact.chance.iter().find(|chance| chance.burst == seq).cloned();
        let recorded = own.or_else(|| self.foreseen.remove(&seq)).unwrap_or_default();
        crate::machine::apply(self, fact, Some(recorded), None).map(|(effects, _)| effects)
    }

    /// Takes note of what facts say about bursts of facts before them. The first fact is recorded by whoever starts a run,
    /// without the machine: what its burst meets stands in the second.
    pub fn foresee<'f>(&mut self, facts: impl IntoIterator<Item = &'f Fact>) {
        for (seq, fact) in (self.state.facts..).zip(facts) {
            let earlier = fact.chance.iter().filter(|chance| chance.burst < seq);
            self.foreseen.extend(earlier.map(|chance| (chance.burst, chance.clone())));
        }
    }

    /// Whether a `listen` that is active takes the event now. One that is not wanted must not become a fact: it would count
    /// as used, and a later `listen` could no longer have it.
    ///
    /// # Errors
    /// Whether it does cannot be told here and now.
    pub fn wants(&self, step: &crate::Step, filter: usize, event: &crate::CloudEvent) -> Result<bool, Diverged> {
        crate::machine::wants(self, step, filter, event)
    }

    /// Whether a `listen` is at work on an event: the next ones stay where they are until it is done with that one.
    #[must_use]
    pub fn is_busy(&self, step: &crate::Step) -> bool {
        crate::machine::busy(self, step)
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
