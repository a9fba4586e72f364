//! Repeated requests and webhooks.

use store::{
    events,
    idempotency::{self, Key, Request},
};

use crate::world::{World, now};

fn request(world: &World) -> Request<'static> {
    Request { org: world.org, caller: "user:ada", key: "k1", request_hash: b"hash" }
}

#[tokio::test]
async fn a_repeated_request_waits_for_the_first_and_gets_its_answer() {
    let world = World::new().await;
    let request = request(&world);
    let mut first = world.store.begin(world.org).await.unwrap();
    assert_eq!(idempotency::take(&mut first, &request, now()).await.unwrap(), Key::Fresh);
    let repeat = async {
        let mut second = world.store.begin(world.org).await.unwrap();
        idempotency::take(&mut second, &request, now()).await.unwrap()
    };
    let answer = async {
        world.blocked(1).await;
        idempotency::answer(&mut first, &request, 201, "{}").await.unwrap();
        first.commit().await.unwrap();
    };
    let (repeated, ()) = tokio::join!(repeat, answer);
    assert_eq!(repeated, Key::Answered { status: 201, body: "{}".to_owned() });

    let mut third = world.store.begin(world.org).await.unwrap();
    let other = Request { request_hash: b"other", ..request.clone() };
    assert_eq!(idempotency::take(&mut third, &other, now()).await.unwrap(), Key::Mismatch);
    let stranger = Request { caller: "user:bob", ..request };
    assert_eq!(idempotency::take(&mut third, &stranger, now()).await.unwrap(), Key::Fresh);
}

#[tokio::test]
async fn a_request_that_was_rolled_back_leaves_its_key_free() {
    let world = World::new().await;
    let mut first = world.store.begin(world.org).await.unwrap();
    idempotency::take(&mut first, &request(&world), now()).await.unwrap();
    drop(first);
    let mut second = world.store.begin(world.org).await.unwrap();
    assert_eq!(idempotency::take(&mut second, &request(&world), now()).await.unwrap(), Key::Fresh);
}

#[tokio::test]
async fn a_webhook_is_remembered_by_its_delivery() {
    let world = World::new().await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    for (source, id, first) in [("github", "1", true), ("github", "1", false), ("genesis", "1", true)] {
        assert_eq!(events::webhook(&mut transaction, world.org, source, id, now()).await.unwrap(), first);
    }
}
