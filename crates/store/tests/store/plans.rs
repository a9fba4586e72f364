//! What the planner makes of the hot statements on tables that were never analysed.

use serde_json::Value;

use crate::world::World;

/// The nodes of a plan.
fn nodes(plan: &Value) -> Vec<Value> {
    let mut all = vec![plan.clone()];
    for child in plan["Plans"].as_array().into_iter().flatten() {
        all.extend(nodes(child));
    }
    all
}

#[tokio::test]
async fn a_claim_reads_neither_what_is_due_later_nor_what_others_hold() {
    let world = World::new().await;
    // Many due far in the future, many held, few due.
    sqlx::query(
        "insert into activations (run_id, org_id, due_at, semantics, needs, priority, queue, lease, lease_until)
         select gen_random_uuid(), $1, engine_now() + n * interval '1 hour', 1, 1, n % 4, 'runs', null::bytea, null::timestamptz
         from generate_series(1, 20000) n
         union all
         select gen_random_uuid(), $1, engine_now(), 1, 1, n % 4, 'runs', '\\x00'::bytea, now() + interval '1 hour'
         from generate_series(1, 2000) n
         union all
         select gen_random_uuid(), $1, engine_now(), 1, 1, n % 4, 'runs', null, null from generate_series(1, 20) n",
    )
    .bind(world.org.0)
    .execute(&world.admin)
    .await
    .unwrap();
    let statement = format!("explain (analyze, buffers, format json) {}", include_str!("../../queries/claim.sql"));
    let mut transaction = world.store.begin_engine().await.unwrap();
    let plan: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind("runs")
        .bind(vec![1_i32])
        .bind(vec!["http"])
        .bind(10_i64)
        .bind(vec![0_u8; 16])
        .bind(0_i64)
        .bind(30.0_f64)
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    let nodes = nodes(&plan[0]["Plan"]);
    let scans: Vec<_> = nodes
        .iter()
        .filter(|node| node["Relation Name"] == "activations" && node["Node Type"] != "ModifyTable")
        .collect();
    assert!(scans.iter().all(|node| node["Node Type"] == "Index Scan"), "{plan:#}");
    let due = scans.iter().find(|node| node["Index Name"] == "activations_due").unwrap();
    let read = |name: &str| due[name].as_f64().unwrap_or_default() * due["Actual Loops"].as_f64().unwrap();
    assert!(read("Actual Rows") <= 20.0, "{due:#}");
    assert!(read("Rows Removed by Filter") < 1.0, "{due:#}");
    assert!(nodes.iter().all(|node| node["Node Type"] != "Sort"), "{plan:#}");
}
