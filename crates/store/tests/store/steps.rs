//! The short way of a commit: one statement for members with one fact each.

use definitions::Data;
use engine::Phase;
use store::{Claim, Committed, Flush, Then};

use crate::world::{World, done, event, fact};

fn step(world: &World, claim: &Claim, seq: u64) -> Flush {
    Flush { facts: vec![fact()], ..world.flush(claim.lease, seq) }
}

fn last(world: &World, claim: &Claim) -> Flush {
    let phase = Phase::Completed { output: Data::from(42) };
    Flush { phase, then: Then::Park { due: None, wake: claim.wake }, ..step(world, claim, 1) }
}

#[tokio::test]
async fn steps_and_ends_of_many_runs_are_one_transaction_without_those_that_lost_their_lease() {
    let world = World::new().await;
    let (going, lost, ending) = (world.held().await, world.held().await, world.held().await);
    sqlx::query("update activations set lease = '\\x00' where run_id = $1")
        .bind(lost.lease.run.0)
        .execute(&world.admin)
        .await
        .unwrap();
    let flushes = vec![last(&world, &ending), step(&world, &lost, 1), step(&world, &going, 1)];
    let committed = world.commit_all(flushes).await;
    assert_eq!((done(&committed[0]), done(&committed[2])), ((1, false), (1, true)));
    assert!(matches!(committed[1], Committed::LeaseLost));
    assert_eq!(world.count("select count(distinct xmin::text) from facts where seq = 1").await, 1);
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 2);
    assert_eq!(world.count("select count(*) from activations").await, 2, "that of the ended run is gone");
    let ended = "select count(*) from runs where phase = 'completed' and output::text = '42' and ended_at is not null";
    assert_eq!(world.count(ended).await, 1);
    assert!(
        matches!(world.commit(step(&world, &ending, 2)).await, Committed::LeaseLost),
        "nobody writes after the end"
    );
}

#[tokio::test]
async fn a_lease_that_is_lost_while_the_statement_waits_is_found_lost() {
    let world = World::new().await;
    let claim = world.held().await;
    let mut thief = world.admin.begin().await.unwrap();
    sqlx::query("update activations set lease = '\\x00', wake = wake + 1").execute(&mut *thief).await.unwrap();
    let steal = async {
        world.blocked(1).await;
        thief.commit().await.unwrap();
    };
    let (committed, ()) = tokio::join!(world.commit(step(&world, &claim, 1)), steal);
    assert!(matches!(committed, Committed::LeaseLost), "{committed:?}");
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 0);
}

#[tokio::test]
async fn a_run_that_is_woken_while_it_ends_leaves_nothing_behind() {
    let world = World::new().await;
    let claim = world.held().await;
    let mut sender = world.admin.begin().await.unwrap();
    sqlx::query("insert into inbox (org_id, run_id, kind, body) values ($1, $2, 'command', '{}')")
        .bind(world.org.0)
        .bind(claim.lease.run.0)
        .execute(&mut *sender)
        .await
        .unwrap();
    sqlx::query("update activations set wake = wake + 1").execute(&mut *sender).await.unwrap();
    let send = async {
        world.blocked(1).await;
        sender.commit().await.unwrap();
    };
    let (committed, ()) = tokio::join!(world.commit(last(&world, &claim)), send);
    assert_eq!(done(&committed), (2, false));
    assert_eq!(world.count("select count(*) from inbox").await, 0, "what came too late went with the run");
    assert_eq!(world.count("select count(*) from activations").await, 0);
}

#[tokio::test]
async fn a_timer_is_not_recorded_for_a_run_that_was_woken() {
    let world = World::new().await;
    let claim = world.held().await;
    world.count("with woken as (update activations set wake = 5 returning 1) select count(*) from woken").await;
    let flush = Flush { expect_wake: Some(claim.wake), ..step(&world, &claim, 1) };
    assert!(matches!(world.commit(flush).await, Committed::Woken { wake: 5 }));
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 0);
}

#[tokio::test]
async fn a_connection_that_is_lost_on_the_way_leaves_the_outcome_unknown() {
    let world = World::new().await;
    let claim = world.held().await;
    let mut other = world.admin.begin().await.unwrap();
    sqlx::query("select from activations for update").execute(&mut *other).await.unwrap();
    let cut = async {
        world.blocked(1).await;
        let waiting = "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        assert_eq!(world.count(waiting).await, 1);
        other.commit().await.unwrap();
    };
    let (committed, ()) = tokio::join!(world.commit(step(&world, &claim, 1)), cut);
    assert!(matches!(committed, Committed::Unknown), "{committed:?}");
    assert_eq!(done(&world.commit(step(&world, &claim, 1)).await), (1, true), "the next has another connection");
}

#[tokio::test]
async fn a_refused_step_is_rejected_alone() {
    let world = World::new().await;
    let (good, bad) = (world.held().await, world.held().await);
    let nul = Phase::Cancelled { reason: "nul \0".to_owned() };
    let refused = Flush { phase: nul, ..last(&world, &bad) };
    let committed = world.commit_all(vec![refused, step(&world, &good, 1)]).await;
    assert!(matches!(&committed[0], Committed::Rejected(error) if !error.is_transient()), "{:?}", committed[0]);
    assert_eq!(done(&committed[1]), (1, true));
}

#[tokio::test]
async fn the_short_way_and_the_long_one_write_the_same_rows() {
    let world = World::new().await;
    let (short, long) = (world.held().await, world.held().await);
    let event = event("e", "test.emitted");
    assert_eq!(done(&world.commit(last(&world, &short)).await), (1, false));
    let mut other = last(&world, &long);
    other.facts[0].effects.push(engine::Effect::Emit(event)); // which the short way does not write
    assert_eq!(done(&world.commit(other).await), (1, false));
    let differ = "select count(distinct (phase, ended_at, output::text, fault::text, reason)) from runs";
    assert_eq!(world.count(differ).await, 1);
    let differ = "select count(distinct (seq, at, org_id, name, body::text)) from facts where seq = 1";
    assert_eq!(world.count(differ).await, 1);
}
