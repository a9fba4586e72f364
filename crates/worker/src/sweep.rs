//! A loop that works on whatever there is, on hints and by polling: registered for hints before it looks.

use std::{fmt::Display, time::Duration};

use store::{Hint, Hints};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

/// Calls `work` until it finds nothing, then waits for `wanted`, if there is such a hint, or `poll`; and so on until `stop` is
/// cancelled. An error is logged and tried again after `poll`.
pub(crate) async fn run<E: Display, F: Future<Output = Result<usize, E>>>(
    what: &'static str,
    hints: &Hints,
    wanted: Option<&Hint>,
    poll: Duration,
    stop: &CancellationToken,
    work: impl Fn() -> F,
) {
    let mut hints = hints.take();
    while !stop.is_cancelled() {
        match work().await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, what, "a sweep failed; trying again");
                tokio::select! {
                    () = tokio::time::sleep(poll) => continue,
                    () = stop.cancelled() => return,
                }
            }
        }
        tokio::select! {
            () = hinted(&mut hints, |hint| Some(hint) == wanted) => {}
            () = tokio::time::sleep(poll) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Waits for a hint that is wanted; one that was missed may have been.
pub(crate) async fn hinted(hints: &mut Receiver<Hint>, wanted: impl Fn(&Hint) -> bool) {
    loop {
        match hints.recv().await {
            Ok(hint) if wanted(&hint) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
