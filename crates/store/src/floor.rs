//! The physical floor under durable steps: the same records, written by nothing but one statement per commit.
//!
//! No fence, no machine, no queue: whatever this costs is PostgreSQL's and the disk's. The bench measures it beside the
//! engine, on the same server and in the same run, because only their ratio means anything. Its tables live in a schema of
//! their own, which is no part of the product's.

use engine::Timestamp;
use uuid::Uuid;

use crate::{Result, Store};

const SCHEMA: &str = "
drop schema if exists bench_floor cascade;
create schema bench_floor;
create table bench_floor.runs (
    run_id uuid primary key, org_id uuid not null, name text not null, created_at timestamptz not null
);
create table bench_floor.facts (
    run_id uuid, seq bigint, at timestamptz not null, org_id uuid not null, name text not null, body json not null,
    primary key (run_id, seq)
);
grant usage on schema bench_floor to stationmaster_worker;
grant select, insert on all tables in schema bench_floor to stationmaster_worker;
";

const WRITE: &str = "
with started as (
    insert into bench_floor.runs (run_id, org_id, name, created_at)
    select f.run_id, $5, $6, $7 from unnest($1::uuid[], $2::bigint[]) as f (run_id, seq) where f.seq = 0
)
insert into bench_floor.facts (run_id, seq, at, org_id, name, body)
select f.run_id, f.seq, $7, $5, f.name, f.body::json
from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) as f (run_id, seq, name, body)
";

/// Records of one commit, by column. The first fact of a run brings the run's own row.
#[derive(Debug, Default)]
pub struct Records {
    run: Vec<Uuid>,
    seq: Vec<i64>,
    name: Vec<String>,
    body: Vec<String>,
}

impl Records {
    /// Adds a fact; `body` is JSON.
    pub fn push(&mut self, run: Uuid, seq: i64, name: &str, body: &str) {
        self.run.push(run);
        self.seq.push(seq);
        self.name.push(name.to_owned());
        self.body.push(body.to_owned());
    }
}

/// Makes the tables, empty.
///
/// # Errors
/// The database fails, or the login may not create schemas.
pub async fn create(store: &Store) -> Result<()> {
    let mut connection = store.owner().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
    Ok(sqlx::Connection::close(connection).await?)
}

/// Takes the tables away again.
///
/// # Errors
/// The database fails.
pub async fn remove(store: &Store) -> Result<()> {
    let mut connection = store.owner().await?;
    sqlx::raw_sql("drop schema if exists bench_floor cascade").execute(&mut connection).await?;
    Ok(sqlx::Connection::close(connection).await?)
}

/// Commits records: one statement, one round trip, one flush of the log.
///
/// # Errors
/// The database fails.
pub async fn commit(store: &Store, records: &Records, at: Timestamp) -> Result<()> {
    sqlx::query(WRITE)
        .bind(&records.run)
        .bind(&records.seq)
        .bind(&records.name)
        .bind(&records.body)
        .bind(Uuid::nil())
        .bind("floor")
        .bind(at)
        .execute(&mut *store.engine().await?)
        .await?;
    Ok(())
}
