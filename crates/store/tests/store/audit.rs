//! The audit trail and its chain.

use definitions::Data;
use store::audit::{self, Broken, Entry};

use crate::world::{World, now};

fn entry(action: &str) -> Entry {
    Entry {
        actor: "user:ada".to_owned(),
        action: action.to_owned(),
        subject: "agent/7".to_owned(),
        run: None,
        correlation: "request-1".to_owned(),
        details: Data::from(serde_json::json!({"z": 1, "a": "ü"})),
    }
}

async fn append(world: &World, action: &str) {
    let mut transaction = world.store.begin(world.org).await.unwrap();
    audit::append(&mut transaction, world.org, &entry(action), now()).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn verify(world: &World) -> audit::Report {
    audit::verify(&mut world.store.engine().await.unwrap(), world.org).await.unwrap()
}

/// A chain of so many rows.
async fn sealed(rows: usize) -> World {
    let world = World::new().await;
    for _ in 0..rows {
        append(&world, "tested").await;
    }
    assert_eq!(audit::seal(&world.store, 100).await.unwrap(), rows);
    assert_eq!(verify(&world).await.broken, None);
    world
}

/// Does what the trigger refuses.
async fn tamper(world: &World, statement: &'static str) {
    let mut connection = world.admin.acquire().await.unwrap();
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut *connection).await.unwrap();
    sqlx::query(statement).execute(&mut *connection).await.unwrap();
    sqlx::raw_sql("set session_replication_role = origin").execute(&mut *connection).await.unwrap();
}

#[tokio::test]
async fn a_row_that_commits_late_is_sealed_late_and_none_is_left_out() {
    let world = World::new().await;
    let mut late = world.store.begin(world.org).await.unwrap();
    audit::append(&mut late, world.org, &entry("late"), now()).await.unwrap();
    append(&world, "early").await;
    assert_eq!(audit::seal(&world.store, 10).await.unwrap(), 1);
    late.commit().await.unwrap();
    assert_eq!(audit::seal(&world.store, 10).await.unwrap(), 1);
    assert_eq!(audit::seal(&world.store, 10).await.unwrap(), 0);
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let rows = audit::list(&mut transaction, world.org, Some("agent/7"), None, 10).await.unwrap();
    let order: Vec<_> = rows.iter().map(|row| (row.entry.action.as_str(), row.seal.unwrap().seq)).collect();
    assert_eq!(order, [("early", 1), ("late", 2)], "the newest number first");
    let report = verify(&world).await;
    assert_eq!((report.sealed, report.unsealed, report.broken), (2, 0, None));
    assert_eq!(report.head, Some(rows[1].seal.unwrap().hash));
}

#[tokio::test]
async fn one_sequencer_seals_at_a_time() {
    let world = World::new().await;
    append(&world, "tested").await;
    let mut other = world.store.begin_engine().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock($1)").bind(0x61_75_64_69_74_i64).execute(&mut *other).await.unwrap();
    assert_eq!(audit::seal(&world.store, 10).await.unwrap(), 0);
    drop(other);
    assert_eq!(audit::seal(&world.store, 10).await.unwrap(), 1);
}

#[tokio::test]
async fn every_kind_of_tampering_is_found() {
    let cases = [
        ("update audit set actor = 'user:eve' where seq = 2", Broken::Altered(2)),
        ("update audit set details = '{\"a\":\"ü\",\"z\":1}' where seq = 2", Broken::Altered(2)),
        ("update audit set run_id = gen_random_uuid() where seq = 3", Broken::Altered(3)),
        ("update audit set at = at + interval '1 microsecond' where seq = 1", Broken::Altered(1)),
        ("delete from audit where seq = 2", Broken::Missing(2)),
        ("delete from audit where seq = 1", Broken::Missing(1)),
        ("delete from audit where seq = 3", Broken::Head { found: 2, head: 3 }),
        ("update audit_heads set seq = 2", Broken::Head { found: 3, head: 2 }),
        ("delete from audit_heads", Broken::Head { found: 3, head: 0 }),
        ("update audit set seq = null, prev_hash = null, hash = null where seq = 2", Broken::Missing(2)),
    ];
    for (statement, expected) in cases {
        let world = sealed(3).await;
        tamper(&world, statement).await;
        assert_eq!(verify(&world).await.broken, Some(expected), "{statement}");
    }
}

#[tokio::test]
async fn a_row_can_be_sealed_once_and_changed_never() {
    let world = sealed(1).await;
    append(&world, "unsealed").await;
    for statement in [
        "update audit set actor = 'user:eve' where seq is null",
        "update audit set actor = 'user:eve', seq = 9, prev_hash = '', hash = '' where seq is null",
        "update audit set run_id = gen_random_uuid(), seq = 9, prev_hash = '', hash = '' where seq is null",
        "update audit set seq = 2 where seq = 1",
        "update audit set seq = null, prev_hash = null, hash = null",
        "delete from audit",
        "truncate audit",
    ] {
        let error = sqlx::query(statement).execute(&world.admin).await.unwrap_err();
        assert!(error.to_string().contains("is refused"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn each_organisation_has_a_chain_of_its_own() {
    let world = sealed(2).await;
    let other = engine::OrgId(uuid::Uuid::now_v7());
    let mut transaction = world.store.begin(other).await.unwrap();
    audit::append(&mut transaction, other, &entry("elsewhere"), now()).await.unwrap();
    transaction.commit().await.unwrap();
    append(&world, "more").await;
    assert_eq!(audit::seal(&world.store, 10).await.unwrap(), 2);
    let report = audit::verify(&mut world.store.begin(other).await.unwrap(), other).await.unwrap();
    assert_eq!((report.sealed, report.broken), (1, None));
    assert_eq!(verify(&world).await.sealed, 3);
}
