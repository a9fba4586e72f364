//! Reading a run back: the fold of its facts, from its snapshot if there is one that fits.

use std::sync::Arc;

use definitions::Definition;
use engine::{Run, Snapshot};
use store::history::{self, Loaded};

use super::{Drive, End, Stop};
use crate::{
    batch::Owed,
    calls::Calls,
    driver::{Driver, Unread},
    leases::{Activation, Read},
    turns::Turn,
};

/// How many facts are folded before others get their turn.
const FOLD_AT_ONCE: usize = 100;

impl<'a> Drive<'a> {
    /// Drives a claimed run, as it was read with its claim or, failing that, is read now.
    pub(crate) async fn begin(driver: &'a Driver, mut activation: Activation, turn: Turn) -> End {
        let (loaded, inbox) = match activation.read.take() {
            Some(Read { loaded, inbox }) => (Ok(Some(loaded)), Some(inbox)),
            None => (read(driver, &activation, false).await, None),
        };
        let loaded = match loaded {
            Ok(Some(loaded)) => loaded,
            Ok(None) => {
                activation.end();
                return End::Over;
            }
            Err(stop) => return Self::halt(driver, activation, stop).await,
        };
        if let Some(reason) = loaded.quarantined.clone() {
            return Self::leave_aside(driver, activation, loaded, reason).await;
        }
        match Self::restore(driver, &activation, loaded, turn).await {
            Ok(mut drive) => {
                if let Some(inbox) = inbox {
                    (drive.messages, drive.seen) = (inbox, activation.claimed_wake);
                }
                drive.run(activation).await
            }
            Err(stop) => Self::halt(driver, activation, stop).await,
        }
    }

    async fn restore(
        driver: &'a Driver,
        activation: &Activation,
        mut loaded: Loaded,
        turn: Turn,
    ) -> Result<Self, Stop> {
        let (org, hash) = (activation.org, loaded.definition);
        let definition = driver.read(|| async { Ok(driver.library.get(org, hash).await?) }).await?;
        let run = match restore(activation, &definition, loaded.snapshot.take()) {
            Some(run) => run.with_evaluator(&driver.evaluator),
            None => {
                loaded = read(driver, activation, true).await?.ok_or(Stop::GiveBack)?;
                Run::new(activation.run(), definition).with_evaluator(&driver.evaluator)
            }
        };
        let since_snapshot = (loaded.facts.len() as u64, loaded.bytes);
        let (run, owed) = fold(run, &loaded).await?;
        Ok(Self {
            driver,
            turn,
            parent: loaded.parent,
            run,
            owed,
            calls: Calls::default(),
            messages: Vec::new(),
            seen: activation.claimed_wake - 1,
            wake: activation.claimed_wake,
            unscanned: false,
            since_snapshot,
        })
    }
}

async fn read(driver: &Driver, activation: &Activation, whole: bool) -> Result<Option<Loaded>, Stop> {
    driver
        .read(|| async {
            let mut connection = driver.store.engine().await?;
            match history::load(&mut connection, activation.run(), whole).await {
                Ok(loaded) => Ok(Some(loaded)),
                Err(store::Error::UnknownRun(_)) => Ok(None),
                // A snapshot is a cache: one that cannot be read is done without.
                Err(store::Error::Corrupt { .. }) if !whole => {
                    history::load(&mut connection, activation.run(), true).await.map(Some).map_err(Unread::from)
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
}

/// The run before the first of the loaded facts; `None` if its snapshot is of another version.
fn restore(activation: &Activation, definition: &Arc<Definition>, snapshot: Option<(u64, Snapshot)>) -> Option<Run> {
    match snapshot {
        Some((_, snapshot)) => Run::restore(activation.run(), Arc::clone(definition), snapshot),
        None => Some(Run::new(activation.run(), Arc::clone(definition))),
    }
}

/// The run after the loaded facts, and what its first one led to if that is all there is: whoever starts a run records its
/// first fact without the machine. The effects of all others are committed together with them.
async fn fold(mut run: Run, loaded: &Loaded) -> Result<(Run, Owed), Stop> {
    if let (0, [started]) = (run.facts(), &loaded.facts[..]) {
        let mut started = started.clone();
        let effects = run.record(&mut started)?;
        return Ok((run, Owed { effects, chance: started.chance }));
    }
    run.foresee(&loaded.facts);
    for facts in loaded.facts.chunks(FOLD_AT_ONCE) {
        for fact in facts {
            run.apply(fact)?;
        }
        tokio::task::yield_now().await;
    }
    Ok((run, Owed::default()))
}
