//! What the routes need, put together by the binary.

use std::{fmt, sync::Arc};

use axum::extract::FromRef;
use platform::{
    creations,
    handoffs::{self, EvidenceChecker},
};
use store::{Hints, Library, Store};

use crate::{Clock, auth::Authenticator, health::Probes, metrics::Handle, webhooks::EventSink};

/// Everything behind the routes; clones share it.
#[derive(Clone)]
pub struct Api {
    parts: Arc<Parts>,
    library: Library,
}

/// The parts of an [`Api`].
pub struct Parts {
    /// Who may come in.
    pub authenticator: Authenticator,
    /// The database.
    pub store: Store,
    /// Where hints are given after a commit.
    pub hints: Hints,
    /// Where received events go: [`Stored`](crate::stored::Stored).
    pub sink: Arc<dyn EventSink>,
    /// What health and metrics are asked of.
    pub watched: Watched,
    /// Who looks at the evidence of handoffs.
    pub evidence: Arc<dyn EvidenceChecker>,
    /// How creations are run here.
    pub creations: creations::Options,
    /// How handoffs are reviewed here.
    pub reviews: handoffs::Options,
    /// The process's clock, for credentials.
    pub clock: Clock,
}

/// What health and metrics need, which is all that a process without an API serves.
#[derive(Clone)]
pub struct Watched {
    /// What health asks: [`Stored`](crate::stored::Stored).
    pub probes: Arc<dyn Probes>,
    /// The process's metrics; without them `/metrics` is empty.
    pub metrics: Option<Handle>,
}

impl Api {
    /// The state of the routes.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { library: Library::new(parts.store.clone()), parts: Arc::new(parts) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The definitions that runs are started of, parsed once.
    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    pub(crate) fn hints(&self) -> &Hints {
        &self.parts.hints
    }

    pub(crate) fn sink(&self) -> &dyn EventSink {
        &*self.parts.sink
    }

    pub(crate) fn evidence(&self) -> &dyn EvidenceChecker {
        &*self.parts.evidence
    }

    pub(crate) fn creations(&self) -> creations::Options {
        self.parts.creations
    }

    pub(crate) fn reviews(&self) -> handoffs::Options {
        self.parts.reviews
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.parts.clock
    }
}

impl FromRef<Api> for Authenticator {
    fn from_ref(api: &Api) -> Self {
        api.parts.authenticator.clone()
    }
}

impl FromRef<Api> for Watched {
    fn from_ref(api: &Api) -> Self {
        api.parts.watched.clone()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.parts, f)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("authenticator", &self.authenticator).finish_non_exhaustive()
    }
}
