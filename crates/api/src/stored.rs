//! The two ports over PostgreSQL: received events are stored, health is asked.

use futures::future::{BoxFuture, FutureExt};
use store::{Hint, Hints, Schema, Store, clock, events};

use crate::{
    health::Probes,
    webhooks::{Accepted, EventSink, Received, Unavailable},
};

/// [`EventSink`] and [`Probes`] over a database.
#[derive(Debug, Clone)]
pub struct Stored {
    store: Store,
    hints: Hints,
}

impl Stored {
    /// The ports over `store`.
    #[must_use]
    pub fn new(store: Store, hints: Hints) -> Self {
        Self { store, hints }
    }

    async fn store_events(&self, received: Received) -> store::Result<Accepted> {
        let Received { org, delivery, events: received } = received;
        let mut transaction = self.store.begin(org).await?;
        let at = clock::read(&mut transaction).await?.now();
        if let Some(delivery) = delivery
            && !events::webhook(&mut transaction, org, &delivery.source, &delivery.id, at).await?
        {
            return Ok(Accepted { stored: 0, duplicates: received.len() });
        }
        let mut accepted = Accepted { stored: 0, duplicates: 0 };
        for event in &received {
            match events::publish(&mut transaction, org, event, at).await? {
                events::Published::New(_) => accepted.stored += 1,
                events::Published::Duplicate => accepted.duplicates += 1,
            }
        }
        transaction.commit().await?;
        self.hints.give(Hint::Event);
        Ok(accepted)
    }
}

impl EventSink for Stored {
    fn accept(&self, received: Received) -> BoxFuture<'_, Result<Accepted, Unavailable>> {
        async { self.store_events(received).await.map_err(|error| Unavailable(error.to_string())) }.boxed()
    }
}

impl Probes for Stored {
    fn database(&self) -> BoxFuture<'_, Result<(), String>> {
        async { self.store.engine().await.map(drop).map_err(|error| error.to_string()) }.boxed()
    }

    fn migrations(&self) -> BoxFuture<'_, Result<(), String>> {
        async {
            match self.store.check_schema().await {
                Ok(Schema::Current | Schema::Ahead) => Ok(()),
                Ok(Schema::Behind(missing)) => {
                    Err(format!("{missing} migrations are missing: run `stationmaster migrate`"))
                }
                Err(error) => Err(error.to_string()),
            }
        }
        .boxed()
    }
}
