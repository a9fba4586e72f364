//! Another organisation sees nothing, and changes nothing.

use platform::access::Role;
use platform::handoffs::{Decision, Options, Review};
use platform::{Actor, Error, creations, handoffs, sla};

use super::world::*;

fn not_found<T: std::fmt::Debug>(result: &Result<T, Error>) {
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

#[tokio::test]
async fn another_organisation_finds_nothing() {
    let world = World::new().await;
    let requested = world.agent_at("Ada", "deployment_ready").await;
    let agent = requested.agent_id;
    let handoff = world.hand_over(agent).await.unwrap().handoff_id;
    let stranger = Actor { org: world.other, ..world.actor("mallory", Role::Admin) };
    let review = Review { decision: Decision::Accept { production_ready: true }, notes: None };
    let mut theirs = world.store.begin(world.other).await.unwrap();
    not_found(&creations::status(&mut theirs, world.other, agent).await);
    not_found(&creations::pipeline(&mut theirs, world.other, agent).await);
    not_found(&creations::cancel(&mut theirs, &stranger, agent, "mine", now()).await);
    not_found(&handoffs::show(&mut theirs, world.other, handoff).await);
    not_found(&handoffs::decide(&mut theirs, &stranger, handoff, &review, Options::default(), now()).await);
    assert!(sla::list(&mut theirs, world.other, agent).await.unwrap().is_empty());
    // Not even where the code would ask for the wrong organisation's rows.
    not_found(&creations::status(&mut theirs, world.org, agent).await);
    not_found(&handoffs::show(&mut theirs, world.org, handoff).await);
    request_in(&mut theirs, &stranger, "Ada").await.unwrap();
}

#[tokio::test]
async fn every_table_of_the_domain_is_isolated() {
    let world = World::new().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class join pg_attribute on attrelid = pg_class.oid
         where attname = 'org_id' and relkind = 'r' and not (relrowsecurity and relforcerowsecurity)",
    )
    .fetch_all(&world.admin)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test]
async fn what_an_agent_is_cannot_be_changed_or_deleted() {
    let world = World::new().await;
    let requested = world.request("Ada").await.unwrap();
    for statement in [
        "update agents set industry = 'sales'",
        "update agents set name = 'Eve'",
        "update creations set manifest = '{}'",
        "update creations set agent_id = gen_random_uuid()",
        "delete from creations",
        "delete from agents",
        "update sla_definitions set metrics = '{}'",
        "delete from handoffs",
        "delete from ola_breaches",
    ] {
        let mut transaction = world.begin().await;
        let refused = sqlx::raw_sql(statement).execute(&mut *transaction).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{statement}");
    }
    assert_eq!(world.status(requested.agent_id).await["status"], "genesis_validation_pending");
}
