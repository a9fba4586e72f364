//! Matching events with the runs that wait for them, both ways: new events with waits, new waits with earlier events. An
//! event also starts the runs of schedules that wait for it.
//!
//! Whichever of the two was committed second finds the other, for each looks under a snapshot taken after its own commit;
//! what both find is delivered once. That an event is routed, or a wait has looked back, need not survive a crash of the
//! database: it is then found again, and what was delivered is not delivered twice. A filter is evaluated with the definition
//! that its run pins; one that fails on an event does not match it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use definitions::{Data, Expression, ExpressionError, TaskKind};
use engine::{RunId, SharedEvaluator, input_hash};
use store::{
    Hint, Hints, Library, Store,
    router::{self, Candidate, Match, StoredEvent},
};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::{metrics, schedules, sweep};

/// Events, waits and rows that are read at once.
const PAGE: u32 = 256;

/// Matches that are delivered in one transaction, which keeps their runs' activations locked.
const CHUNK: usize = 64;

/// Routes whatever is not routed, on hints and by polling, until `stop` is cancelled.
pub(crate) async fn run(router: Router, poll: Duration, stop: CancellationToken) {
    sweep::run("events", &router.hints, Some(&Hint::Event), poll, &stop, || async {
        Ok::<_, Error>(router.route().await? + router.look_back(None).await?)
    })
    .await;
}

/// Why events could not be matched.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The database fails, or a definition cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A filter could not be evaluated, for a reason that passes.
    #[error(transparent)]
    Evaluation(ExpressionError),
}

/// Matches events and waits; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    store: Store,
    library: Library,
    hints: Hints,
    evaluator: SharedEvaluator,
}

impl Router {
    pub(crate) fn new(store: &Store, library: &Library, hints: &Hints, evaluator: &SharedEvaluator) -> Self {
        let (store, library, hints) = (store.clone(), library.clone(), hints.clone());
        Self { store, library, hints, evaluator: Arc::clone(evaluator) }
    }

    /// Matches waits that have not looked back with earlier events: those of one run, or of all. Returns how many waits it
    /// was.
    ///
    /// # Errors
    /// The database fails, a definition cannot be read, or a filter cannot be evaluated now.
    pub(crate) async fn look_back(&self, run: Option<RunId>) -> Result<usize, Error> {
        let waits = router::unscanned(&mut *self.store.engine().await?, run, PAGE).await?;
        for wait in &waits {
            self.look_back_for(wait).await?;
        }
        let scanned: Vec<_> = waits.iter().map(|wait| wait.id).collect();
        if !scanned.is_empty() {
            router::mark_scanned(&mut *self.store.relaxed().await?, &scanned).await?;
        }
        Ok(waits.len())
    }

    /// Routes a page of events. Returns how many it was.
    async fn route(&self) -> Result<usize, Error> {
        let events = router::unrouted(&mut *self.store.engine().await?, PAGE).await?;
        for event in &events {
            self.route_event(event).await?;
        }
        let routed: Vec<_> = events.iter().map(|event| event.id).collect();
        if !routed.is_empty() {
            router::mark_routed(&mut *self.store.relaxed().await?, &routed).await?;
            metrics::routed(routed.len());
        }
        Ok(events.len())
    }

    async fn route_event(&self, event: &StoredEvent) -> Result<(), Error> {
        let envelope = event.event.envelope();
        let ways = router::correlations(&mut *self.store.engine().await?, event.org, &event.event.kind).await?;
        for way in &ways {
            let Some(key) = self.key(&way.expressions, &envelope)? else { continue };
            let mut after = None;
            loop {
                let page =
                    router::candidates(&mut *self.store.engine().await?, event.org, way, key.as_deref(), after, PAGE)
                        .await?;
                let mut matches = Vec::new();
                for candidate in &page {
                    if self.accepts(candidate, &envelope).await? {
                        matches.push(Match { event, candidate });
                    }
                }
                self.deliver(&matches).await?;
                after = page.last().map(|candidate| candidate.id);
                if page.len() < PAGE as usize {
                    break;
                }
            }
        }
        schedules::start_by_event(&self.store, &self.library, &self.hints, &self.evaluator, event).await
    }

    /// Matches one wait with earlier events.
    async fn look_back_for(&self, wait: &Candidate) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = router::earlier(&mut *self.store.engine().await?, wait, after, PAGE).await?;
            let mut matches = Vec::new();
            for event in &page {
                let envelope = event.event.envelope();
                let keyed = self.key(&wait.correlation, &envelope)?.is_some_and(|key| key == wait.key);
                if keyed && self.accepts(wait, &envelope).await? {
                    matches.push(Match { event, candidate: wait });
                }
            }
            self.deliver(&matches).await?;
            after = page.last().map(|event| event.id);
            if page.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    /// Whether a wait's filter may hold for an event: what its run's data decides, the run itself says.
    ///
    /// A definition that cannot be read at this moment, or a filter that cannot be evaluated, is no answer: the event stays
    /// unrouted.
    async fn accepts(&self, wait: &Candidate, envelope: &Data) -> Result<bool, Error> {
        let definition = match self.library.get(wait.org, wait.definition).await {
            Ok(definition) => definition,
            Err(error @ (store::Error::UnknownDefinition { .. } | store::Error::UnreadableDefinition { .. })) => {
                tracing::warn!(run.id = %wait.run, %error, "a wait for events cannot be evaluated; its run is not woken");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(TaskKind::Listen(listen)) = definition.task(&wait.step.pointer).map(|task| &task.kind) else {
            return Ok(false);
        };
        match listen.filter(wait.filter).map(|filter| filter.may_match(envelope, &*self.evaluator)) {
            Some(Err(error)) if error.is_unavailable() => Err(Error::Evaluation(error)),
            Some(Err(error)) => {
                tracing::debug!(run.id = %wait.run, step = %wait.step, %error, "a filter failed on an event, which so does not match");
                Ok(false)
            }
            Some(Ok(matches)) => Ok(matches),
            None => Ok(false),
        }
    }

    async fn deliver(&self, matches: &[Match<'_>]) -> Result<(), Error> {
        let mut queues = BTreeSet::new();
        for chunk in matches.chunks(CHUNK) {
            let mut transaction = self.store.begin_engine().await?;
            queues.extend(router::deliver(&mut transaction, chunk).await?);
            transaction.commit().await.map_err(store::Error::from)?;
            metrics::delivered(chunk.len());
        }
        for queue in queues {
            self.hints.give(Hint::Queue(queue.into()));
        }
        Ok(())
    }

    /// The key that an event has under some expressions: none where there are no expressions; no answer where one fails.
    #[expect(
        clippy::option_option,
        reason = "whether there is a key, and whether it could be computed, are two questions"
    )]
    fn key(&self, expressions: &[Arc<str>], envelope: &Data) -> Result<Option<Option<String>>, Error> {
        if expressions.is_empty() {
            return Ok(Some(None));
        }
        let value = |source: &Arc<str>| {
            let expression = Expression::compile(source, &[])?;
            expression.evaluate(envelope, &|_| Data::NULL, &*self.evaluator)
        };
        let values: Result<Vec<_>, _> = expressions.iter().map(value).collect();
        match values {
            Ok(values) => Ok(Some(Some(input_hash(&Data::array(values))))),
            Err(error) if error.is_unavailable() => Err(Error::Evaluation(error)),
            Err(error) => {
                tracing::debug!(%error, "an event has no correlation key");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use definitions::{ContentHash, InProcess};
    use engine::{OrgId, Step};
    use sqlx::postgres::PgConnectOptions;
    use store::{PoolSizes, router::SubscriptionId};
    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_definition_that_cannot_be_read_now_is_no_mismatch() {
        let store = Store::new(PgConnectOptions::new().host("127.0.0.1").port(1), PoolSizes::default());
        let (library, hints) = (Library::new(store.clone()), Hints::new(store.clone()).0);
        let wait = Candidate {
            id: SubscriptionId(1),
            org: OrgId(Uuid::nil()),
            run: RunId(Uuid::nil()),
            definition: ContentHash([7; 32]),
            step: Step { pointer: definitions::Pointer::root(), visit: 0 },
            filter: 0,
            event_type: None,
            correlation: Vec::new(),
            key: None,
        };
        let evaluator: SharedEvaluator = Arc::new(InProcess::default());
        let router = Router::new(&store, &library, &hints, &evaluator);
        let answer = router.accepts(&wait, &Data::object()).await;
        assert!(matches!(answer, Err(Error::Store(store::Error::Database(_)))));
    }
}
