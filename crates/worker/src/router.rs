//! Matching events with the runs that wait for them, both ways: new events with waits, new waits with earlier events.
//!
//! Whichever of the two was committed second finds the other, for each looks under a snapshot taken after its own commit;
//! what both find is delivered once. A filter is evaluated with the definition that its run pins; one that fails on an event
//! does not match it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use definitions::{Data, EventFilter, Expression, Limits, TaskKind};
use engine::{RunId, input_hash};
use store::{
    Error, Hint, Hints, Library, Result, Store,
    router::{self, Candidate, Match, StoredEvent},
};
use tokio_util::sync::CancellationToken;

use crate::{metrics, sweep};

/// Events, waits and rows that are read at once.
const PAGE: u32 = 256;

/// Matches that are delivered in one transaction, which keeps their runs' activations locked.
const CHUNK: usize = 64;

/// Routes whatever is not routed, on hints and by polling, until `stop` is cancelled.
pub(crate) async fn run(store: Store, library: Library, hints: Hints, poll: Duration, stop: CancellationToken) {
    sweep::run("events", &hints, &Hint::Event, poll, &stop, || async {
        let router = Router { store: &store, library: &library, hints: &hints };
        Ok::<_, Error>(router.route().await? + look_back(&store, &library, &hints, None).await?)
    })
    .await;
}

/// Matches waits that have not looked back with earlier events: those of one run, or of all. Returns how many waits it was.
///
/// # Errors
/// The database fails, or a definition cannot be read.
pub(crate) async fn look_back(store: &Store, library: &Library, hints: &Hints, run: Option<RunId>) -> Result<usize> {
    let router = Router { store, library, hints };
    let waits = router::unscanned(&mut *store.engine().await?, run, PAGE).await?;
    for wait in &waits {
        router.look_back(wait).await?;
    }
    let scanned: Vec<_> = waits.iter().map(|wait| wait.id).collect();
    if !scanned.is_empty() {
        router::mark_scanned(&mut *store.engine().await?, &scanned).await?;
    }
    Ok(waits.len())
}

struct Router<'a> {
    store: &'a Store,
    library: &'a Library,
    hints: &'a Hints,
}

impl Router<'_> {
    /// Routes a page of events. Returns how many it was.
    async fn route(&self) -> Result<usize> {
        let events = router::unrouted(&mut *self.store.engine().await?, PAGE).await?;
        for event in &events {
            self.route_event(event).await?;
        }
        let routed: Vec<_> = events.iter().map(|event| event.id).collect();
        if !routed.is_empty() {
            router::mark_routed(&mut *self.store.engine().await?, &routed).await?;
            metrics::routed(routed.len());
        }
        Ok(events.len())
    }

    async fn route_event(&self, event: &StoredEvent) -> Result<()> {
        let envelope = event.event.envelope();
        let ways = router::correlations(&mut *self.store.engine().await?, event.org, &event.event.kind).await?;
        for way in &ways {
            let Some(key) = key(&way.expressions, &envelope) else { continue };
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
        Ok(())
    }

    /// Matches one wait with earlier events.
    async fn look_back(&self, wait: &Candidate) -> Result<()> {
        let mut after = None;
        loop {
            let page = router::earlier(&mut *self.store.engine().await?, wait, after, PAGE).await?;
            let mut matches = Vec::new();
            for event in &page {
                let envelope = event.event.envelope();
                let keyed = key(&wait.correlation, &envelope).is_some_and(|key| key == wait.key);
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

    /// Whether a wait's filter holds for an event.
    ///
    /// A definition that cannot be read at this moment is no answer: the event stays unrouted.
    async fn accepts(&self, wait: &Candidate, envelope: &Data) -> Result<bool> {
        let definition = match self.library.get(wait.org, wait.definition).await {
            Ok(definition) => definition,
            Err(error @ (Error::UnknownDefinition { .. } | Error::UnreadableDefinition { .. })) => {
                tracing::warn!(run.id = %wait.run, %error, "a wait for events cannot be evaluated; its run is not woken");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let Some(TaskKind::Listen(listen)) = definition.task(&wait.step.pointer).map(|task| &task.kind) else {
            return Ok(false);
        };
        let any = EventFilter::default();
        let filter = match listen.strategy.filters() {
            [] => Some(&any),
            filters => filters.get(wait.filter),
        };
        let unbound = |_: &str| Data::NULL;
        Ok(filter.is_some_and(|filter| {
            filter.matches(envelope, &unbound, Limits::default()).unwrap_or_else(|error| {
                tracing::debug!(run.id = %wait.run, step = %wait.step, %error, "a filter failed on an event, which so does not match");
                false
            })
        }))
    }

    async fn deliver(&self, matches: &[Match<'_>]) -> Result<()> {
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
}

/// The key that an event has under some expressions: none where there are no expressions; no answer where one fails.
#[expect(clippy::option_option, reason = "whether there is a key, and whether it could be computed, are two questions")]
fn key(expressions: &[Arc<str>], envelope: &Data) -> Option<Option<String>> {
    if expressions.is_empty() {
        return Some(None);
    }
    let unbound = |_: &str| Data::NULL;
    let value = |source: &Arc<str>| {
        let expression = Expression::compile(source, &[])?;
        expression.evaluate(envelope, &unbound, Limits::default())
    };
    let values: Result<Vec<_>, _> = expressions.iter().map(value).collect();
    match values {
        Ok(values) => Some(Some(input_hash(&Data::array(values)))),
        Err(error) => {
            tracing::debug!(%error, "an event has no correlation key");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use definitions::ContentHash;
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
        let router = Router { store: &store, library: &library, hints: &hints };
        assert!(matches!(router.accepts(&wait, &Data::object()).await, Err(Error::Database(_))));
    }
}
