//! What the routes need, put together by the binary.

use std::{fmt, sync::Arc};

use axum::extract::FromRef;

use crate::{Clock, auth::Authenticator, health::Probes, metrics::Handle, webhooks::EventSink};

/// Everything behind the routes; clones share it.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

struct Parts {
    authenticator: Authenticator,
    sink: Arc<dyn EventSink>,
    probes: Arc<dyn Probes>,
    metrics: Option<Handle>,
    clock: Clock,
}

impl Api {
    /// The state of the routes; without `metrics`, `/metrics` is empty.
    pub fn new(
        authenticator: Authenticator,
        sink: Arc<dyn EventSink>,
        probes: Arc<dyn Probes>,
        metrics: Option<Handle>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Parts { authenticator, sink, probes, metrics, clock }))
    }

    pub(crate) fn sink(&self) -> &Arc<dyn EventSink> {
        &self.0.sink
    }

    pub(crate) fn probes(&self) -> &dyn Probes {
        &*self.0.probes
    }

    pub(crate) fn metrics(&self) -> Option<&Handle> {
        self.0.metrics.as_ref()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

impl FromRef<Api> for Authenticator {
    fn from_ref(api: &Api) -> Self {
        api.0.authenticator.clone()
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("authenticator", &self.0.authenticator).finish_non_exhaustive()
    }
}
