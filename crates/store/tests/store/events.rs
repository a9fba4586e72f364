//! Events and the runs that wait for them, in every order (DESIGN 5, 5).

use engine::{CloudEvent, Effect, RunId};
use store::{
    Claim, Flush, Recorded, Then,
    events::{self, Published},
    history::{self, MessageBody},
    router::{self, Candidate, Correlation, Match},
};

use crate::world::{World, done, event, fact, fact_with, now, step, subscription};

/// A router that takes every candidate.
async fn route(world: &World) -> usize {
    let mut connection = world.store.engine().await.unwrap();
    let mut found = 0;
    let unrouted = router::unrouted(&mut connection, 100).await.unwrap();
    for event in &unrouted {
        for correlation in router::correlations(&mut connection, event.org, &event.event.kind).await.unwrap() {
            let key = (!correlation.expressions.is_empty()).then(|| event.event.subject.clone().unwrap_or_default());
            let candidates =
                router::candidates(&mut connection, event.org, &correlation, key.as_deref(), None, 100).await.unwrap();
            found += candidates.len();
            deliver(world, &candidates.iter().map(|candidate| Match { event, candidate }).collect::<Vec<_>>()).await;
        }
    }
    let ids: Vec<_> = unrouted.iter().map(|event| event.id).collect();
    router::mark_routed(&mut connection, &ids).await.unwrap();
    found
}

/// Lets every wait that has not looked back do so.
async fn scan(world: &World) -> usize {
    let mut connection = world.store.engine().await.unwrap();
    let mut found = 0;
    let waits = router::unscanned(&mut connection, None, 100).await.unwrap();
    for candidate in &waits {
        let earlier = router::earlier(&mut connection, candidate, None, 100).await.unwrap();
        found += earlier.len();
        deliver(world, &earlier.iter().map(|event| Match { event, candidate }).collect::<Vec<_>>()).await;
    }
    let ids: Vec<_> = waits.iter().map(|wait| wait.id).collect();
    router::mark_scanned(&mut connection, &ids).await.unwrap();
    found
}

async fn deliver(world: &World, matches: &[Match<'_>]) {
    let mut transaction = world.store.begin_engine().await.unwrap();
    router::deliver(&mut transaction, matches).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn publish(world: &World, event: &CloudEvent) -> Published {
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let published = events::publish(&mut transaction, world.org, event, now()).await.unwrap();
    transaction.commit().await.unwrap();
    published
}

/// Makes a run wait at the given `listen`.
async fn listen(world: &World, claim: &Claim, seq: u64, pointer: &str) {
    let wait = Effect::Subscribe(subscription(pointer, "test.reply", None));
    done(&world.commit(Flush { facts: vec![fact_with(vec![wait])], ..world.flush(claim.lease, seq) }).await);
}

/// The ids of the events in a run's inbox, with the `listen` that each is for.
async fn received(world: &World, run: RunId) -> Vec<(String, String)> {
    let inbox = history::inbox(&mut world.store.engine().await.unwrap(), run).await.unwrap();
    let event = |body| match body {
        MessageBody::Event { step, event, .. } => (event.id, step.pointer.as_str().to_owned()),
        other => panic!("{other:?}"),
    };
    inbox.into_iter().map(|message| event(message.body)).collect()
}

fn at(id: &str, pointer: &str) -> (String, String) {
    (id.to_owned(), pointer.to_owned())
}

#[tokio::test]
async fn an_event_before_its_listen_is_found_by_looking_back_and_one_after_by_the_router() {
    let world = World::new().await;
    let claim = world.held().await;
    publish(&world, &event("early", "test.reply")).await;
    assert_eq!(route(&world).await, 0);
    listen(&world, &claim, 1, "/do/0/listen").await;
    assert_eq!(scan(&world).await, 1);
    publish(&world, &event("late", "test.reply")).await;
    publish(&world, &event("other", "test.other")).await;
    assert_eq!((route(&world).await, scan(&world).await), (1, 0));
    let expected = [at("early", "/do/0/listen"), at("late", "/do/0/listen")];
    assert_eq!(received(&world, claim.lease.run).await, expected);
}

#[tokio::test]
async fn an_event_that_both_find_is_delivered_once() {
    let world = World::new().await;
    let claim = world.held().await;
    listen(&world, &claim, 1, "/do/0/listen").await;
    publish(&world, &event("1", "test.reply")).await;
    assert_eq!((scan(&world).await, route(&world).await), (1, 1), "both find it");
    assert_eq!(received(&world, claim.lease.run).await, [at("1", "/do/0/listen")]);
}

#[tokio::test]
async fn whichever_of_event_and_listen_commits_second_finds_the_other() {
    let world = World::new().await;
    let claim = world.held().await;
    // The event is written and not committed while its listen is committed and looks back.
    let mut publishing = world.store.begin(world.org).await.unwrap();
    events::publish(&mut publishing, world.org, &event("1", "test.reply"), now()).await.unwrap();
    listen(&world, &claim, 1, "/do/0/listen").await;
    assert_eq!((scan(&world).await, route(&world).await), (0, 0));
    publishing.commit().await.unwrap();
    assert_eq!(route(&world).await, 1);
    // And the other way round: a listen is written and not committed while an event is committed and routed.
    let mut listening = world.store.begin_engine().await.unwrap();
    sqlx::query(
        "insert into subscriptions (org_id, run_id, pointer, visit, filter, seq, event_type, correlation, key)
        values ($1, $2, '/do/1/listen', 0, 0, 2, 'test.reply', '[]', '')",
    )
    .bind(world.org.0)
    .bind(claim.lease.run.0)
    .execute(&mut *listening)
    .await
    .unwrap();
    publish(&world, &event("2", "test.reply")).await;
    assert_eq!((route(&world).await, scan(&world).await), (1, 0));
    listening.commit().await.unwrap();
    assert_eq!(scan(&world).await, 2);
    let mut all = received(&world, claim.lease.run).await;
    all.sort();
    let expected = [at("1", "/do/0/listen"), at("1", "/do/1/listen"), at("2", "/do/0/listen"), at("2", "/do/1/listen")];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn active_listens_each_get_an_event_and_a_later_one_never_gets_what_its_run_consumed() {
    let world = World::new().await;
    let claim = world.held().await;
    let run = claim.lease.run;
    listen(&world, &claim, 1, "/do/0/one").await;
    listen(&world, &claim, 2, "/do/0/two").await;
    publish(&world, &event("1", "test.reply")).await;
    publish(&world, &event("2", "test.reply")).await;
    assert_eq!(route(&world).await, 4);
    let inbox = history::inbox(&mut world.store.engine().await.unwrap(), run).await.unwrap();
    // Fact 3 consumes the first event at one listen and begins another one; the second event is not consumed.
    let unsubscribe = Effect::Unsubscribe(step("/do/0/one"));
    let wait = Effect::Subscribe(subscription("/do/1/three", "test.reply", None));
    let consume = Recorded { consumes: Some(inbox[0].id), ..fact_with(vec![unsubscribe, wait]) };
    done(&world.commit(Flush { facts: vec![consume], ..world.flush(claim.lease, 3) }).await);
    scan(&world).await;
    let three: Vec<_> =
        received(&world, run).await.into_iter().filter(|(_, pointer)| pointer == "/do/1/three").collect();
    assert_eq!(three, [at("2", "/do/1/three")]);
    // The listen that was active when it was consumed still has it, even if it looks back only now.
    sqlx::query("update subscriptions set scanned = false").execute(&world.admin).await.unwrap();
    sqlx::query("delete from deliveries where subscription_id = (select subscription_id from subscriptions where pointer = '/do/0/two')")
        .execute(&world.admin)
        .await
        .unwrap();
    assert_eq!(scan(&world).await, 3);
}

#[tokio::test]
async fn what_was_discarded_may_be_had_by_a_later_listen() {
    let world = World::new().await;
    let claim = world.held().await;
    listen(&world, &claim, 1, "/do/0/one").await;
    publish(&world, &event("1", "test.reply")).await;
    route(&world).await;
    let inbox = history::inbox(&mut world.store.engine().await.unwrap(), claim.lease.run).await.unwrap();
    let facts = vec![fact_with(vec![Effect::Unsubscribe(step("/do/0/one"))])];
    done(&world.commit(Flush { facts, discarded: vec![inbox[0].id], ..world.flush(claim.lease, 2) }).await);
    assert_eq!(received(&world, claim.lease.run).await, []);
    listen(&world, &claim, 3, "/do/1/two").await;
    scan(&world).await;
    assert_eq!(received(&world, claim.lease.run).await, [at("1", "/do/1/two")]);
}

#[tokio::test]
async fn nothing_that_came_before_the_run_matches() {
    let world = World::new().await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let earlier = now() - chrono::Duration::seconds(1);
    events::publish(&mut transaction, world.org, &event("0", "test.reply"), earlier).await.unwrap();
    transaction.commit().await.unwrap();
    let claim = world.held().await;
    listen(&world, &claim, 1, "/do/0/listen").await;
    assert_eq!(scan(&world).await, 0);
}

#[tokio::test]
async fn an_events_key_selects_its_waits_and_any_type_may_be_waited_for() {
    let world = World::new().await;
    let claim = world.held().await;
    let mut any = subscription("/do/2/any", "", None);
    any.event_type = None;
    let waits =
        [subscription("/do/0/a", "test.reply", Some("a")), subscription("/do/1/b", "test.reply", Some("b")), any];
    let facts = vec![fact_with(waits.into_iter().map(Effect::Subscribe).collect())];
    done(&world.commit(Flush { facts, ..world.flush(claim.lease, 1) }).await);
    publish(&world, &CloudEvent { subject: Some("b".to_owned()), ..event("1", "test.reply") }).await;
    assert_eq!(route(&world).await, 2);
    let mut all = received(&world, claim.lease.run).await;
    all.sort();
    assert_eq!(all, [at("1", "/do/1/b"), at("1", "/do/2/any")]);
    let mut connection = world.store.engine().await.unwrap();
    let known = router::correlations(&mut connection, world.org, "test.reply").await.unwrap();
    assert_eq!(known.len(), 2);
    let keyed: Vec<Correlation> = known.into_iter().filter(|known| known.event_type.is_some()).collect();
    assert_eq!(&*keyed[0].expressions[0], ".subject");
}

#[tokio::test]
async fn a_wait_that_ends_while_its_event_is_delivered_gets_nothing() {
    let world = World::new().await;
    let claim = world.held().await;
    listen(&world, &claim, 1, "/do/0/listen").await;
    publish(&world, &event("1", "test.reply")).await;
    let mut connection = world.store.engine().await.unwrap();
    let event = router::unrouted(&mut connection, 1).await.unwrap().remove(0);
    let any = Correlation { event_type: Some("test.reply".into()), expressions: Vec::new() };
    let candidates: Vec<Candidate> =
        router::candidates(&mut connection, world.org, &any, None, None, 10).await.unwrap();
    // The run's commit holds its activation; the delivery waits for it, and then finds no wait.
    let mut committing = world.store.begin_engine().await.unwrap();
    store::lease::confirm(&mut committing, claim.lease).await.unwrap();
    sqlx::query("delete from subscriptions").execute(&mut *committing).await.unwrap();
    let matches = [Match { event: &event, candidate: &candidates[0] }];
    let commit = async {
        world.blocked(1).await;
        committing.commit().await.unwrap();
    };
    tokio::join!(deliver(&world, &matches), commit);
    assert_eq!(received(&world, claim.lease.run).await, []);
}

#[tokio::test]
async fn a_delivery_wakes_a_run_that_has_parked() {
    let world = World::new().await;
    let claim = world.held().await;
    listen(&world, &claim, 1, "/do/0/listen").await;
    scan(&world).await;
    let then = Then::Park { due: None, wake: claim.wake };
    assert_eq!(
        done(&world.commit(Flush { then, facts: vec![fact()], ..world.flush(claim.lease, 2) }).await),
        (1, false)
    );
    publish(&world, &event("1", "test.reply")).await;
    route(&world).await;
    world.claim(claim.lease.run).await;
}

#[tokio::test]
async fn an_event_of_the_same_source_and_id_is_published_once() {
    let world = World::new().await;
    assert!(matches!(publish(&world, &event("1", "test.reply")).await, Published::New(_)));
    assert_eq!(publish(&world, &event("1", "test.other")).await, Published::Duplicate);
    let claim = world.held().await;
    let emitted = ["1", "2", "2"].map(|id| Effect::Emit(event(id, "test.reply")));
    done(&world.commit(Flush { facts: vec![fact_with(emitted.into())], ..world.flush(claim.lease, 1) }).await);
    assert_eq!(world.count("select count(*) from events").await, 2);
}
