//! Seals the audit trail: one process at a time, on hints and by polling.

use std::time::Duration;

use store::{Hint, Hints, Store, audit};
use tokio_util::sync::CancellationToken;

use crate::{metrics, sweep};

/// Rows that are sealed in one transaction.
const PAGE: u32 = 1000;

/// Seals rows until `stop` is cancelled.
pub(crate) async fn run(store: Store, hints: Hints, poll: Duration, stop: CancellationToken) {
    sweep::run("audit", &hints, Some(&Hint::Audit), poll, &stop, || async {
        let sealed = audit::seal(&store, PAGE).await?;
        metrics::sealed(sealed);
        Ok::<_, store::Error>(sealed)
    })
    .await;
}
