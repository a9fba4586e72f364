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

/// Statements for people, who wait for one answer at a time.
const FOR_PEOPLE: [&str; 5] = ["list_runs", "list_audit", "gates", "queue_metrics", "starved"];

/// Tables of a few rows, which are read whole.
const SMALL: [&str; 2] = ["clock", "function_sets"];

#[tokio::test]
async fn no_statement_of_the_engine_reads_a_whole_table() {
    let world = World::new().await;
    let mut connection = world.store.engine().await.unwrap();
    let mut checked = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/queries")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if FOR_PEOPLE.contains(&name.as_str()) {
            continue;
        }
        let prepare = format!("prepare {name} as {}", std::fs::read_to_string(&path).unwrap());
        sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
        let parameters: i32 = sqlx::query_scalar(
            "select coalesce(cardinality(parameter_types), 0) from pg_prepared_statements where name = $1",
        )
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        let nulls = vec!["null"; usize::try_from(parameters).unwrap()].join(", ");
        let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
        let explain = format!("explain (format json) execute {name}{arguments}");
        let plan: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(explain)).fetch_one(&mut *connection).await.unwrap();
        let whole: Vec<_> = nodes(&plan[0]["Plan"])
            .into_iter()
            .filter(|node| node["Node Type"] == "Seq Scan" && !SMALL.contains(&node["Relation Name"].as_str().unwrap()))
            .collect();
        assert!(whole.is_empty(), "{name}: {plan:#}");
        checked += 1;
    }
    assert!(checked > 20);
}
