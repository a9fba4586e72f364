//! Setting a run aside: it is kept as it is, seen by operators, and driven by nobody until one retries or cancels it.

use std::{sync::Arc, time::Instant};

use definitions::Data;
use engine::{Effect, Fact, FactBody, Phase};
use store::{
    Committed, Flush, Hint, Recorded, Then, audit,
    history::{self, Loaded, MessageBody},
};

use super::{Drive, End, Stop, commit};
use crate::{driver::Driver, leases::Activation, metrics};

impl Drive<'_> {
    /// Sets a run aside, for the first time.
    pub(crate) async fn set_aside(driver: &Driver, activation: Activation, reason: String) -> End {
        tracing::error!(run.id = %activation.run(), reason, "a run is set aside");
        let entry = audit::Entry {
            actor: "system".to_owned(),
            action: "run.quarantined".to_owned(),
            subject: format!("run/{}", activation.run()),
            run: Some(activation.run()),
            correlation: activation.run().to_string(),
            details: Data::from_entries([("reason", Data::from(reason.as_str()))]),
        };
        let flush = Flush { audit: vec![entry], then: Then::Quarantine { reason }, ..bare(driver, &activation) };
        let end = conclude(driver, activation, flush).await;
        if end == End::Over {
            metrics::quarantined();
            driver.hints.give(Hint::Audit);
        }
        end
    }

    /// Ends a drive that cannot go on.
    pub(super) async fn halt(driver: &Driver, activation: Activation, stop: Stop) -> End {
        match stop {
            Stop::GiveBack => End::GivenBack,
            Stop::SetAside(reason) => Self::set_aside(driver, activation, reason).await,
        }
    }

    /// Leaves a run aside that was woken there, unless somebody wants it to end: that needs no machine, but to be told
    /// which children end with it.
    pub(super) async fn leave_aside(driver: &Driver, activation: Activation, loaded: Loaded, reason: String) -> End {
        let (store, run) = (&driver.store, activation.run());
        let read = || async {
            let mut connection = store.engine().await?;
            Ok((history::inbox(&mut connection, run).await?, history::children(&mut connection, run).await?))
        };
        let (messages, children) = match driver.read(read).await {
            Ok(read) => read,
            Err(Stop::GiveBack) => return End::GivenBack,
            Err(Stop::SetAside(_)) => Default::default(), // it is already
        };
        let cancel = messages.iter().find_map(|message| match &message.body {
            MessageBody::Cancel { reason } => Some((message.id, reason.clone())),
            MessageBody::Event { .. } | MessageBody::ChildEnded { .. } | MessageBody::Suspend | MessageBody::Resume => {
                None
            }
        });
        let bare = bare(driver, &activation);
        let flush = match cancel {
            Some((message, reason)) => {
                let fact = Fact::new(bare.at, FactBody::Cancelled { reason: reason.clone() });
                let effects = children.into_iter().map(Effect::CancelChild).collect();
                Flush {
                    parent: loaded.parent,
                    seq: loaded.snapshot.map_or(0, |(seq, _)| seq) + loaded.facts.len() as u64,
                    facts: vec![Recorded { fact, effects, consumes: Some(message) }],
                    phase: Phase::Cancelled { reason },
                    ..bare
                }
            }
            None => Flush { then: Then::Quarantine { reason }, ..bare },
        };
        conclude(driver, activation, flush).await
    }
}

/// A flush that says nothing yet.
fn bare(driver: &Driver, activation: &Activation) -> Flush {
    Flush {
        lease: activation.lease,
        org: activation.org,
        parent: None,
        expect_wake: None,
        seq: 0,
        facts: Vec::new(),
        at: driver.clock.now(),
        discarded: Vec::new(),
        audit: Vec::new(),
        snapshot: None,
        phase: Phase::Running,
        then: Then::Stay,
    }
}

async fn conclude(driver: &Driver, activation: Activation, flush: Flush) -> End {
    let (facts, began) = (flush.facts.len(), Instant::now());
    let committed = driver.committer.commit(flush).await;
    metrics::flushed(facts, began, commit::name(&committed));
    match committed {
        Committed::Done { .. } => {
            driver.hints.give(Hint::Queue(Arc::clone(&activation.queue)));
            activation.end();
            End::Over
        }
        Committed::LeaseLost => {
            activation.end();
            End::Lost
        }
        Committed::Woken { .. } | Committed::Rejected(_) | Committed::Unknown => {
            tracing::error!(run.id = %activation.run(), outcome = ?committed, "a run could not be set aside");
            End::GivenBack
        }
    }
}
