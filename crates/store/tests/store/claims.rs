//! Claims and leases.

use std::time::Duration;

use definitions::ContentHash;
use engine::{RunId, SEMANTICS};
use store::{
    Claimer, Committed, Then, lease,
    runs::{NewRun, Priority},
};
use uuid::Uuid;

use crate::world::{LEASE, World, claimer, fact, now};

#[tokio::test]
async fn the_urgent_are_claimed_before_the_rest_and_the_longest_due_first() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for priority in [Priority::Low, Priority::Normal, Priority::Urgent, Priority::High] {
        for minute in [1, 2] {
            let run = world.start(&NewRun { priority, ..world.new_run() }).await;
            sqlx::query("update activations set due_at = $2 where run_id = $1")
                .bind(run.0)
                .bind(now() - chrono::Duration::minutes(minute))
                .execute(&world.admin)
                .await
                .unwrap();
            expected.push((priority, -minute, run));
        }
    }
    expected.sort();
    for chunk in expected.chunks(3) {
        let mut claimed: Vec<_> =
            world.claim_with(&world.claimer, 3).await.into_iter().map(|claim| claim.lease.run).collect();
        let mut wanted: Vec<_> = chunk.iter().map(|(_, _, run)| *run).collect();
        claimed.sort();
        wanted.sort();
        assert_eq!(claimed, wanted);
    }
}

#[tokio::test]
async fn a_run_is_claimed_once_however_many_claim() {
    let world = World::new().await;
    for _ in 0..40 {
        world.start(&world.new_run()).await;
    }
    let claimers: Vec<_> = (0..4).map(|_| claimer(&["http"])).collect();
    let mut runs: Vec<RunId> = futures::future::join_all(claimers.iter().map(async |claimer| {
        let mut runs = Vec::new();
        loop {
            let claims = world.claim_with(claimer, 3).await;
            if claims.is_empty() {
                return runs;
            }
            runs.extend(claims.into_iter().map(|claim| claim.lease.run));
        }
    }))
    .await
    .concat();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), 40);
}

#[tokio::test]
async fn what_is_not_due_is_not_claimed_before_the_clock_says_so() {
    let world = World::new().await;
    let claim = world.held().await;
    let due = now() + chrono::Duration::days(30);
    let then = Then::Park { due: Some(due), wake: claim.wake };
    world.commit(store::Flush { then, ..world.flush(claim.lease, 1) }).await;
    assert!(world.claim_with(&world.claimer, 1).await.is_empty());
    let next = async |queue| lease::next_due(&mut world.store.relaxed().await.unwrap(), queue).await.unwrap();
    assert_eq!((next("runs").await, next("others").await), (Some(due), None));
    store::clock::set(&mut world.admin.acquire().await.unwrap(), due, 0.0).await.unwrap();
    assert_eq!(next("runs").await, None, "what is due is there to be claimed, by whoever can");
    assert_eq!(world.claim_with(&world.claimer, 1).await.len(), 1);
}

#[tokio::test]
async fn the_clock_of_a_claim_is_the_databases_mapped_and_scaled() {
    let world = World::new().await;
    let mut connection = world.store.relaxed().await.unwrap();
    let (_, clock) = lease::claim(&mut connection, &world.claimer, "runs", 1, LEASE).await.unwrap();
    assert_eq!(clock.now(), now(), "a clock of factor 0 stands still");
    assert_eq!(clock.until(now() + chrono::Duration::seconds(1)), None);
    assert_eq!(clock.until(now()), Some(Duration::ZERO));

    let taken = std::time::Instant::now();
    let fast = store::EngineClock::new(now(), taken, 3600.0);
    assert_eq!(fast.at(taken + Duration::from_secs(2)), now() + chrono::Duration::hours(2));
}

#[tokio::test]
async fn a_scaled_clock_scales_no_lease() {
    let world = World::new().await;
    store::clock::set(&mut world.admin.acquire().await.unwrap(), now(), 1e6).await.unwrap();
    world.held().await;
    let real = "select count(*) from activations where lease_until between now() + interval '500 s' and now() + interval '600 s'";
    assert_eq!(world.count(real).await, 1);
    let again = world.claim_with(&claimer(&["http"]), 1).await;
    assert!(again.is_empty(), "two days of the engine's time have passed since");
}

#[tokio::test]
async fn a_run_whose_holder_is_gone_is_claimed_again_and_the_holder_can_write_nothing() {
    let world = World::new().await;
    let run = world.start(&world.new_run()).await;
    let mut connection = world.store.relaxed().await.unwrap();
    let (mut lost, _) = lease::claim(&mut connection, &world.claimer, "runs", 1, Duration::ZERO).await.unwrap();
    let lost = lost.pop().unwrap();
    let successor = claimer(&["http"]);
    let claim = world.claim_with(&successor, 1).await.pop().unwrap();
    assert_eq!((claim.lease.run, claim.claims), (run, 2));
    assert_ne!(claim.lease.token, lost.lease.token);

    let flush = store::Flush { facts: vec![fact()], ..world.flush(lost.lease, 1) };
    assert!(matches!(world.commit(flush).await, Committed::LeaseLost));
    assert_eq!(world.count("select count(*) from facts where seq = 1").await, 0);

    let flush = store::Flush { facts: vec![fact()], ..world.flush(claim.lease, 1) };
    assert!(matches!(world.commit(flush).await, Committed::Done { .. }));
}

#[tokio::test]
async fn claims_without_progress_are_counted_and_progress_counts_anew() {
    let world = World::new().await;
    world.start(&world.new_run()).await;
    let mut connection = world.store.relaxed().await.unwrap();
    let mut counted = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        // A new process each time: its first claim looks for expired leases.
        let claimer = claimer(&["http"]);
        let claim = lease::claim(&mut connection, &claimer, "runs", 1, Duration::ZERO).await.unwrap().0.pop().unwrap();
        counted.push(claim.claims);
        last = Some(claim.lease);
    }
    assert_eq!(counted, [1, 2, 3]);
    world.commit(store::Flush { facts: vec![fact()], ..world.flush(last.unwrap(), 1) }).await;
    assert_eq!(world.count("select claims::bigint from activations").await, 0);
}

#[tokio::test]
async fn a_run_that_is_given_back_is_claimed_at_once_and_its_claim_does_not_count() {
    let world = World::new().await;
    let claim = world.held().await;
    assert!(world.claim_with(&world.claimer, 1).await.is_empty());
    lease::release(&mut world.store.relaxed().await.unwrap(), &[claim.lease]).await.unwrap();
    assert_eq!(world.claim(claim.lease.run).await.claims, 1);
}

#[tokio::test]
async fn renewing_says_what_is_lost_and_waits_for_no_commit() {
    let world = World::new().await;
    let (kept, lost, busy) = (world.held().await, world.held().await, world.held().await);
    sqlx::query("update activations set lease = '\\x00' where run_id = $1")
        .bind(lost.lease.run.0)
        .execute(&world.admin)
        .await
        .unwrap();
    let mut committing = world.store.begin_engine().await.unwrap();
    assert_eq!(lease::confirm(&mut committing, busy.lease).await.unwrap(), Some(1));

    let leases = [kept.lease, lost.lease, busy.lease];
    let renewals = lease::renew(&mut world.store.relaxed().await.unwrap(), &leases, 2 * LEASE).await.unwrap();
    assert_eq!(renewals.iter().map(|renewal| renewal.wake).collect::<Vec<_>>(), [Some(1), None, Some(1)]);
    let renewed = "select count(*) from activations where lease_until > now() + interval '15 minutes'";
    assert_eq!(world.count(renewed).await, 1, "only the one that nobody had locked");
}

#[tokio::test]
async fn a_process_claims_only_what_it_can_run() {
    let world = World::new().await;
    let hash = ContentHash([8; 32]);
    world.define(world.org, hash, "mail", &["http", "send-mail:2.0.0"]).await;
    let run = world.start(&NewRun { definition: hash, ..world.new_run() }).await;
    assert!(world.claim_with(&claimer(&["http", "send-mail:1.0.0"]), 1).await.is_empty());
    let older = Claimer::new(Uuid::now_v7(), [SEMANTICS + 1], []);
    assert!(world.claim_with(&older, 1).await.is_empty());
    let mut connection = world.store.engine().await.unwrap();
    let starved = lease::starved(&mut connection, &claimer(&["http"])).await.unwrap();
    let functions = vec!["http".to_owned(), "send-mail:2.0.0".to_owned()];
    let queue = "runs".to_owned();
    assert_eq!(starved, [lease::Starved { queue, semantics: SEMANTICS, functions, runs: 1 }]);
    assert_eq!(world.claim_with(&claimer(&["http", "send-mail:2.0.0"]), 1).await[0].lease.run, run);
}
