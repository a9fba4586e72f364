//! Hints, within the process and between two.

use engine::Effect;
use sqlx::postgres::PgListener;
use store::{Flush, Hint, Hints};

use crate::world::{LEASE, World, done, event, fact_with};

#[tokio::test]
async fn a_hint_reaches_its_own_process_at_once_and_others_by_the_database() {
    let world = World::new().await;
    let ((here, here_task), (there, there_task)) = (Hints::new(world.store.clone()), Hints::new(world.store.clone()));
    let tasks = [tokio::spawn(here_task), tokio::spawn(there_task)];
    let (mut near, mut far) = (here.take(), there.take());
    here.give(Hint::Event);
    assert_eq!(near.recv().await.unwrap(), Hint::Event);
    // The other process may begin to listen only now, and hints are not kept: give until one is taken.
    let hint = Hint::Queue("runs".into());
    let give = async {
        loop {
            here.give(hint.clone());
            tokio::task::yield_now().await;
        }
    };
    let take = async { while far.recv().await.is_ok_and(|taken| taken != hint) {} };
    tokio::select! {
        () = give => {}
        () = take => {}
    }
    for task in tasks {
        task.abort();
    }
}

#[tokio::test]
async fn no_step_notifies_in_its_transaction() {
    let world = World::new().await;
    let mut listener = PgListener::connect_with(&world.admin).await.unwrap();
    listener.listen("stationmaster").await.unwrap();
    let claim = world.held().await;
    let effects = vec![Effect::Emit(event("e1", "com.example.said"))];
    done(&world.commit(Flush { facts: vec![fact_with(effects)], ..world.flush(claim.lease, 1) }).await);
    let (hints, task) = Hints::new(world.store.clone());
    let task = tokio::spawn(task);
    hints.give(Hint::Audit);
    let told = tokio::time::timeout(LEASE, listener.recv()).await.expect("the hint is sent").unwrap();
    assert!(told.payload().contains("audit"), "the commit itself has notified: {}", told.payload());
    task.abort();
}
