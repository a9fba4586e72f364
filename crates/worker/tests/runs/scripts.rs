//! Functions that do what a test says, and say what is done to them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use definitions::{Data, FunctionName};
use engine::{CallContext, CallFuture, Descriptor, Function, Idempotency, Outcome};
use tokio::sync::{Semaphore, watch};

use crate::house::PATIENCE;

pub(crate) fn descriptor(name: &str) -> Descriptor {
    Descriptor {
        name: FunctionName { name: name.into(), version: "1.0.0".into() },
        idempotency: Idempotency::Natural,
        timeout: Duration::from_secs(600),
    }
}

/// What happened to a scripted function; cheap to clone.
#[derive(Clone)]
pub(crate) struct Script(Arc<Inner>);

type Behaviour = dyn Fn(&CallContext, Data) -> Outcome + Send + Sync;

struct Inner {
    descriptor: Descriptor,
    outcome: Box<Behaviour>,
    /// A call goes on when it gets one of these.
    passes: Semaphore,
    calls: Mutex<Vec<String>>,
    entered: watch::Sender<usize>,
    dropped: watch::Sender<usize>,
    returned: AtomicUsize,
}

impl Script {
    /// A function whose calls return at once.
    pub(crate) fn open(name: &str, outcome: impl Fn(&CallContext, Data) -> Outcome + Send + Sync + 'static) -> Self {
        let script = Self::gated(name, outcome);
        script.0.passes.close();
        script
    }

    /// A function whose calls wait until they are [let go](Self::let_go).
    pub(crate) fn gated(name: &str, outcome: impl Fn(&CallContext, Data) -> Outcome + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            descriptor: descriptor(name),
            outcome: Box::new(outcome),
            passes: Semaphore::new(0),
            calls: Mutex::default(),
            entered: watch::Sender::new(0),
            dropped: watch::Sender::new(0),
            returned: AtomicUsize::new(0),
        }))
    }

    /// The same function with a time limit of its own.
    pub(crate) fn limited(mut self, timeout: Duration) -> Self {
        Arc::get_mut(&mut self.0).expect("nobody else has it yet").descriptor.timeout = timeout;
        self
    }

    /// A function that returns its input at once.
    pub(crate) fn echo(name: &str) -> Self {
        Self::open(name, |_, input| Outcome::Done(input))
    }

    /// Lets one call go on.
    pub(crate) fn let_go(&self) {
        self.0.passes.add_permits(1);
    }

    /// Waits until it has been called so often.
    pub(crate) async fn called(&self, times: usize) {
        reaches(&self.0.entered, times, "calls").await;
    }

    /// Waits until so many of its calls were dropped before they returned.
    pub(crate) async fn dropped(&self, times: usize) {
        reaches(&self.0.dropped, times, "dropped calls").await;
    }

    /// How many of its calls have returned.
    pub(crate) fn returned(&self) -> usize {
        self.0.returned.load(Ordering::SeqCst)
    }

    /// The idempotency keys of its calls.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().clone()
    }
}

impl Function for Script {
    fn descriptor(&self) -> &Descriptor {
        &self.0.descriptor
    }

    fn call<'a>(&'a self, context: &'a CallContext, input: Data) -> CallFuture<'a> {
        Box::pin(async move {
            self.0.calls.lock().unwrap().push(context.idempotency_key.clone());
            let mut guard = Guard { script: self, returned: false };
            self.0.entered.send_modify(|entered| *entered += 1);
            if let Ok(pass) = self.0.passes.acquire().await {
                pass.forget();
            }
            let outcome = (self.0.outcome)(context, input);
            guard.returned = true;
            outcome
        })
    }
}

async fn reaches(count: &watch::Sender<usize>, times: usize, what: &str) {
    let mut counted = count.subscribe();
    let reached = tokio::time::timeout(PATIENCE, counted.wait_for(|count| *count >= times)).await.is_ok();
    assert!(reached, "{times} {what} were waited for, there are {}", *count.borrow());
}

struct Guard<'a> {
    script: &'a Script,
    returned: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.returned {
            self.script.0.returned.fetch_add(1, Ordering::SeqCst);
        } else {
            self.script.0.dropped.send_modify(|dropped| *dropped += 1);
        }
    }
}
