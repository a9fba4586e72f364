//! Parking and waking, in every order (DESIGN 5, 2).

use engine::RunId;
use store::{
    Committed, Flush, Then,
    commands::{self, Command},
    history,
};

use crate::world::{World, done, fact, now};

async fn suspend(world: &World, run: RunId) -> store::Transaction {
    let mut transaction = world.store.begin(world.org).await.unwrap();
    commands::send(&mut transaction, world.org, run, &Command::Suspend).await.unwrap();
    transaction
}

#[tokio::test]
async fn a_run_that_is_woken_while_it_parks_is_kept() {
    let world = World::new().await;
    let claim = world.held().await;
    let waking = suspend(&world, claim.lease.run).await;
    let then = Then::Park { due: None, wake: claim.wake };
    let park = world.commit(Flush { facts: vec![fact()], then, ..world.flush(claim.lease, 1) });
    let wake = async {
        world.blocked(1).await;
        waking.commit().await.unwrap();
    };
    let (committed, ()) = tokio::join!(park, wake);
    assert_eq!(done(&committed), (claim.wake + 1, true));
    assert_eq!(
        world.count("select count(*) from facts where seq = 1").await,
        1,
        "its facts are committed all the same"
    );
}

#[tokio::test]
async fn a_run_that_is_woken_just_after_it_parked_is_claimed_again() {
    let world = World::new().await;
    let claim = world.held().await;
    let run = claim.lease.run;
    // The park holds the activation until the end of a transaction that the waker waits for.
    let mut parking = world.store.begin_engine().await.unwrap();
    sqlx::query("delete from activations where run_id = $1").bind(run.0).execute(&mut *parking).await.unwrap();
    let wake = async { suspend(&world, run).await.commit().await.unwrap() };
    let park = async {
        world.blocked(1).await;
        parking.commit().await.unwrap();
    };
    tokio::join!(wake, park);
    let again = world.claim(run).await;
    assert_ne!(again.lease.token, claim.lease.token);
    assert_eq!(history::inbox(&mut world.store.engine().await.unwrap(), run).await.unwrap().len(), 1);
}

#[tokio::test]
async fn waking_makes_a_far_timer_due_now_and_a_parked_run_without_timer_has_no_row() {
    let world = World::new().await;
    let claim = world.held().await;
    let run = claim.lease.run;
    let due = Some(now() + chrono::Duration::days(365));
    let park = |lease, wake, due| Flush { then: Then::Park { due, wake }, ..world.flush(lease, 1) };
    assert_eq!(done(&world.commit(park(claim.lease, claim.wake, due)).await), (1, false));
    assert!(world.claim_with(&world.claimer, 1).await.is_empty());
    suspend(&world, run).await.commit().await.unwrap();
    let claim = world.claim(run).await;
    assert_eq!(claim.wake, 2);
    assert_eq!(done(&world.commit(park(claim.lease, claim.wake, None)).await), (2, false));
    assert_eq!(world.count("select count(*) from activations").await, 0);
}

#[tokio::test]
async fn a_timers_fact_is_not_committed_once_the_run_was_woken() {
    let world = World::new().await;
    let claim = world.held().await;
    let flush = || Flush { facts: vec![fact()], expect_wake: Some(claim.wake), ..world.flush(claim.lease, 1) };
    let waking = suspend(&world, claim.lease.run).await;
    let timer = world.commit(flush());
    let wake = async {
        world.blocked(1).await;
        waking.commit().await.unwrap();
    };
    let (committed, ()) = tokio::join!(timer, wake);
    assert!(matches!(committed, Committed::Woken { wake: 2 }), "{committed:?}");
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 0);
    let again = Flush { expect_wake: Some(2), ..flush() };
    assert_eq!(done(&world.commit(again).await), (2, true));
}

#[tokio::test]
async fn messages_leave_the_inbox_with_the_commit_of_their_facts() {
    let world = World::new().await;
    let claim = world.held().await;
    suspend(&world, claim.lease.run).await.commit().await.unwrap();
    suspend(&world, claim.lease.run).await.commit().await.unwrap();
    let mut connection = world.store.engine().await.unwrap();
    let inbox = history::inbox(&mut connection, claim.lease.run).await.unwrap();
    let consumed = store::Recorded { consumes: Some(inbox[0].id), ..fact() };
    let flush = Flush { facts: vec![consumed], expect_wake: Some(1), ..world.flush(claim.lease, 1) };
    assert!(matches!(world.commit(flush.clone()).await, Committed::Woken { wake: 3 }));
    assert_eq!(history::inbox(&mut connection, claim.lease.run).await.unwrap(), inbox, "nothing was written");
    let flush = Flush { expect_wake: None, discarded: vec![inbox[1].id], ..flush };
    assert_eq!(done(&world.commit(flush).await), (3, true));
    assert_eq!(history::inbox(&mut connection, claim.lease.run).await.unwrap(), []);
}

#[tokio::test]
async fn a_command_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let run = world.start(&world.new_run()).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    for command in [Command::Resume, Command::Retry] {
        let error = commands::send(&mut transaction, world.org, run, &command).await.unwrap_err();
        assert!(matches!(error, store::Error::CommandRefused { .. }), "{error}");
    }
    let nobody = RunId(uuid::Uuid::nil());
    let error = commands::send(&mut transaction, world.org, nobody, &Command::Suspend).await.unwrap_err();
    assert!(matches!(error, store::Error::UnknownRun(_)));
}
