//! Hints, within the process and between two.

use store::{Hint, Hints};

use crate::world::World;

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
