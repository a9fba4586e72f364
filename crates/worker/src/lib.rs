//! The loops that make runs move: claiming, driving, routing events, sealing the audit trail, shutting down.
//!
//! ```text
//!  dispatcher (one per queue) ── claim ─▶ bounded channel ─▶ apalis worker ─▶ drive ─▶ committer (one transaction for many)
//!       leases: renewed beside, given back at the end            │              └─▶ calls, concurrently
//!       router: events ⇄ waits ─▶ inboxes                        └ one task per activation
//!       schedules: times and events ─▶ runs
//!       sequencer: audit rows ─▶ the chain
//! ```
//!
//! Everything durable is the store's; a worker that is killed loses time and nothing else. The binary makes a [`Worker`] and
//! [runs](Worker::run) it; any number of them, in any number of processes, share one database.

mod alarm;
mod backend;
mod batch;
mod call;
mod calls;
mod clock;
mod config;
mod dispatcher;
mod drive;
mod driver;
mod functions;
mod leases;
mod metrics;
mod router;
mod schedules;
mod sequencer;
mod sweep;
mod turns;

use std::sync::Arc;

pub use config::{Config, Queue};
use definitions::InProcess;
use engine::{SEMANTICS, Secrets, SharedEvaluator};
pub use functions::Functions;
use store::{Claimer, Committer, Hints, Library, Store};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use ulid::Ulid;
use uuid::Uuid;

use crate::{clock::Clock, dispatcher::Dispatch, driver::Driver, leases::Leases, router::Router, turns::Turns};

/// A worker that has not been started.
#[derive(Debug)]
pub struct Worker {
    store: Store,
    hints: Hints,
    functions: Arc<Functions>,
    secrets: Arc<dyn Secrets>,
    evaluator: SharedEvaluator,
    config: Arc<Config>,
}

/// Why a worker cannot work.
#[derive(Debug, Error)]
pub enum Error {
    /// The database does not answer at the start; later failures are waited out.
    #[error("the worker could not start: {0}")]
    Start(#[from] store::Error),
    /// The shutdown took longer than it may; what was still under way was dropped and is repeated by others.
    #[error("the shutdown took longer than {0:?}; what was under way was dropped, and its leases expire by themselves")]
    ShutdownTookTooLong(std::time::Duration),
}

impl Worker {
    /// A worker over `store` that runs `functions`, whose secrets come from `secrets`. `hints` are the process's own.
    #[must_use]
    pub fn new(store: Store, hints: Hints, functions: Functions, secrets: Arc<dyn Secrets>, config: Config) -> Self {
        let evaluator = Arc::new(InProcess::default());
        Self { store, hints, functions: Arc::new(functions), secrets, evaluator, config: Arc::new(config) }
    }

    /// The same worker, whose expressions are evaluated by `evaluator`; without one, in this process and without protection
    /// against those who write definitions.
    #[must_use]
    pub fn with_evaluator(self, evaluator: SharedEvaluator) -> Self {
        Self { evaluator, ..self }
    }

    /// Works until `shutdown` is cancelled: then nothing more is claimed, commits that are under way end, calls are dropped
    /// (whoever goes on makes them again, under the same keys), and every run is given back.
    ///
    /// Dropping the future is what a crash is: nothing is given back.
    ///
    /// # Errors
    /// The database does not answer at the start, or the shutdown had to be cut short.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let Self { store, hints, functions, secrets, evaluator, config } = self;
        let look = store::clock::read(&mut *store.engine().await?).await?;
        let (process, clock, (leases, released)) = (Ulid::new(), Clock::new(look), Leases::new());
        let claimer =
            Arc::new(Claimer::new(Uuid::from_bytes(process.to_bytes()), [SEMANTICS], functions.names().cloned()));
        let (committer, committing) = Committer::new(store.clone(), config.group);
        let library = Library::new(store.clone());

        let (mut beside, ended) = (JoinSet::new(), CancellationToken::new());
        let queues = config.queues.iter().map(|queue| queue.name.clone()).collect();
        beside.spawn(committing);
        beside.spawn(leases::keep(store.clone(), leases.clone(), hints.clone(), queues, config.lease));
        let releasing = leases::release(store.clone(), released, ended.clone());
        let mut releasing = AbortOnDropHandle::new(tokio::spawn(releasing));
        let router = Router::new(&store, &library, &hints, &evaluator);
        beside.spawn(router::run(router.clone(), config.poll_max, shutdown.clone()));
        beside.spawn(schedules::run(store.clone(), library.clone(), hints.clone(), config.poll_max, shutdown.clone()));
        beside.spawn(sequencer::run(store.clone(), hints.clone(), config.poll_max, shutdown.clone()));

        let dispatch = Dispatch {
            store: store.clone(),
            hints: hints.clone(),
            claimer,
            leases,
            clock: clock.clone(),
            config: Arc::clone(&config),
            stop: shutdown.clone(),
        };
        let driver = Arc::new(Driver {
            router,
            store,
            hints,
            committer,
            library,
            functions,
            secrets,
            evaluator,
            clock,
            turns: Turns::default(),
            config: Arc::clone(&config),
            stop: shutdown.clone(),
        });
        let serving = backend::serve(dispatch, driver, process, shutdown.clone());
        let cut_short = async {
            shutdown.cancelled().await;
            tokio::time::sleep(config.shutdown).await;
        };
        let work = async {
            serving.await;
            ended.cancel();
            let _ = (&mut releasing).await;
        };
        tokio::select! {
            () = work => Ok(()),
            () = cut_short => Err(Error::ShutdownTookTooLong(config.shutdown)),
        }
    }
}
