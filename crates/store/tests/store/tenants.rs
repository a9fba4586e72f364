//! Isolation of organisations, and the schema's own promises.

use engine::OrgId;
use store::{
    PoolSizes, Schema, Store,
    runs::{self, Filter},
};
use uuid::Uuid;

use crate::world::World;

#[tokio::test]
async fn every_table_with_an_organisation_is_isolated_by_force() {
    let world = World::new().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
         where c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)",
    )
    .fetch_all(&world.admin)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new());
    let without: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
         and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id') order by 1",
    )
    .fetch_all(&world.admin)
    .await
    .unwrap();
    assert_eq!(without, ["_sqlx_migrations", "clock", "function_sets"], "what belongs to nobody");
}

#[tokio::test]
async fn an_organisation_sees_and_writes_its_own_rows_only() {
    let world = World::new().await;
    let run = world.start(&world.new_run()).await;
    let other = OrgId(Uuid::now_v7());
    let mut transaction = world.store.begin(other).await.unwrap();
    assert!(runs::show(&mut transaction, world.org, run).await.is_err());
    assert!(runs::list(&mut transaction, world.org, &Filter::default(), None, 10).await.unwrap().is_empty());
    let error = runs::start(&mut transaction, &world.new_run()).await.unwrap_err();
    assert!(matches!(error, store::Error::UnknownDefinition { .. }), "not even the definition is seen: {error}");
    let error = sqlx::query("insert into event_ids values ($1, 's', '1')")
        .bind(world.org.0)
        .execute(&mut *transaction)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
}

#[tokio::test]
async fn a_connection_that_forgot_its_organisation_sees_nothing() {
    let world = World::new().await;
    world.start(&world.new_run()).await;
    let mut transaction = world.store.begin(world.org).await.unwrap();
    for value in ["", "00000000-0000-0000-0000-000000000000"] {
        sqlx::query("select set_config('stationmaster.org', $1, true)")
            .bind(value)
            .execute(&mut *transaction)
            .await
            .unwrap();
        let seen: i64 = sqlx::query_scalar("select count(*) from runs").fetch_one(&mut *transaction).await.unwrap();
        assert_eq!(seen, 0);
    }
}

#[tokio::test]
async fn the_apis_role_cannot_rewrite_history() {
    let world = World::new().await;
    world.start(&world.new_run()).await;
    for statement in [
        "update facts set name = 'x'",
        "delete from facts",
        "delete from runs",
        "update runs set output = '1'",
        "update activations set lease = null, lease_until = null",
        "update audit set seq = 1",
        "update definitions set source = ''",
        "update clock set factor = 2",
    ] {
        let mut transaction = world.store.begin(world.org).await.unwrap();
        let error = sqlx::query(statement).execute(&mut *transaction).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{statement}: {error}");
    }
    let mut transaction = world.store.begin_engine().await.unwrap();
    let error = sqlx::query("update facts set name = 'x'").execute(&mut *transaction).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}

#[tokio::test]
async fn the_schema_says_whether_it_fits() {
    let world = World::new().await;
    assert_eq!(world.store.check_schema().await.unwrap(), Schema::Current);
    world.store.migrate().await.unwrap();
    sqlx::query("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)")
        .execute(&world.admin)
        .await
        .unwrap();
    assert_eq!(world.store.check_schema().await.unwrap(), Schema::Behind(1));
    let options = (*world.admin.connect_options()).clone().database("postgres");
    let empty = Store::new(options, PoolSizes::default());
    assert!(matches!(empty.check_schema().await, Ok(Schema::Behind(_))), "{:?}", empty.check_schema().await);
}

#[tokio::test]
async fn runs_are_listed_in_pages_the_newest_first() {
    let world = World::new().await;
    let mut started = Vec::new();
    for minute in 0..5 {
        let at = crate::world::now() + chrono::Duration::minutes(minute);
        started.push(world.start(&runs::NewRun { at, ..world.new_run() }).await);
    }
    started.reverse();
    let mut transaction = world.store.begin(world.org).await.unwrap();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let filter = Filter { phase: Some("running".to_owned()), ..Filter::default() };
        let page = runs::list(&mut transaction, world.org, &filter, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(runs::Cursor { created_at: last.created_at, id: last.id });
        listed.extend(page.iter().map(|run| run.id));
    }
    assert_eq!(listed, started);
    let metrics = runs::queues(&mut world.store.engine().await.unwrap()).await.unwrap();
    assert_eq!((metrics[0].queue.as_str(), metrics[0].runnable, metrics[0].held), ("runs", 5, 0));
}
