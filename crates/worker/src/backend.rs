//! The runs as an apalis backend; the only module that knows apalis.
//!
//! One apalis task is one activation, driven as far as it goes. The backend is the receiving end of the bounded channel that
//! a [dispatcher](crate::dispatcher) fills: polling it touches no database and never fails, so that no error of the database
//! can end an apalis worker. What apalis gives us are the layers around a drive (concurrency, panics, tracing) and workers
//! that are watched, restarted and shut down by a monitor. Retries, timeouts and back-off are facts of runs, never the
//! queue's.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use apalis::{
    layers::WorkerBuilderExt,
    prelude::{Monitor, ParallelizeExt, Task, TaskBuilder, TaskId, WorkerBuilder, WorkerContext},
};
use apalis_core::backend::{Backend, BackendConfig, finalize::Ephemeral};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tower::layer::util::Identity;
use ulid::Ulid;

use crate::{dispatcher::Dispatch, driver::Driver, leases::Activation};

/// The runs of one queue.
#[derive(Debug)]
struct Runs {
    claimed: mpsc::Receiver<Activation>,
    dispatcher: AbortOnDropHandle<()>,
}

impl Backend for Runs {
    type Task = Task<Activation>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Activation>, Infallible>>> {
        self.claimed.poll_recv(cx).map(|claimed| {
            claimed.map(|activation| {
                let id = TaskId::from_string(activation.run().to_string());
                Ok(TaskBuilder::new(activation).task_id(id).build())
            })
        })
    }

    /// Once the dispatcher has ended, what is buffered is dropped, and so given back.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.claimed.close();
        if !self.dispatcher.is_finished() {
            ready!(Pin::new(&mut self.dispatcher).poll(cx))
                .unwrap_or_else(|error| tracing::error!(%error, "a dispatcher failed"));
        }
        while self.claimed.try_recv().is_ok() {}
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Runs {
    type Args = Activation;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

/// Serves every queue until `stop` is cancelled and what was under way has been driven to a halt.
///
/// `process` is unique to this start of the process: no worker ever has the name of another.
pub(crate) async fn serve(dispatch: Dispatch, driver: Arc<Driver>, process: Ulid, stop: CancellationToken) {
    let config = Arc::clone(&dispatch.config);
    let mut monitor = Monitor::new().should_restart(|worker, error| {
        tracing::error!(worker = worker.name(), %error, "a worker failed and is started again");
        true
    });
    for queue in &config.queues {
        let (name, limit) = (Arc::<str>::from(queue.name.as_str()), queue.concurrency.max(1));
        let (dispatch, driver) = (dispatch.clone(), Arc::clone(&driver));
        monitor = monitor.register(move |restarts| {
            let (room, claimed) = mpsc::channel(buffer(limit));
            let dispatcher = AbortOnDropHandle::new(tokio::spawn(dispatch.clone().run(Arc::clone(&name), room)));
            let driver = Arc::clone(&driver);
            WorkerBuilder::new(format!("{name}-{process}-{restarts}"))
                .backend(Runs { claimed, dispatcher })
                .concurrency(limit)
                .parallelize(|drive| AbortOnDropHandle::new(tokio::spawn(drive)))
                .catch_panic()
                .enable_tracing()
                .build(move |activation: Activation| {
                    let driver = Arc::clone(&driver);
                    async move { driver.drive(activation).await }
                })
        });
    }
    let stopped = async move {
        stop.cancelled().await;
        Ok(())
    };
    if let Err(error) = monitor.run_with_signal(stopped).await {
        tracing::error!(%error, "the workers did not stop in order");
    }
}

/// How many claimed runs may wait for a place: enough to keep the places full, few enough not to keep them from others.
fn buffer(concurrency: usize) -> usize {
    (concurrency / 4).clamp(1, 64)
}
