//! The ways to the database: one pool per role and durability.

use std::time::Duration;

use engine::OrgId;
use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, Postgres,
    migrate::{Migrate, MigrateError, Migrator},
    pool::{PoolConnection, PoolConnectionMetadata},
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};

use crate::{Connection, Result, Transaction};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// How many connections each pool may open.
#[derive(Debug, Clone, Copy)]
pub struct PoolSizes {
    /// Requests of the API.
    pub tenant: u32,
    /// Commits of runs, routing, sealing.
    pub engine: u32,
    /// Claims, renewals, hints and marks of what was routed, which may be lost in a crash of the database.
    pub relaxed: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { tenant: 16, engine: 8, relaxed: 4 }
    }
}

/// The database; cheap to clone. Connections are made when they are first needed.
#[derive(Debug, Clone)]
pub struct Store {
    options: PgConnectOptions,
    tenant: PgPool,
    engine: PgPool,
    relaxed: PgPool,
}

/// Whether the schema is the one this binary was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is.
    Current,
    /// So many migrations are missing: run `migrate`.
    Behind(usize),
    /// It was migrated by a later version; nothing that this binary needs was taken away.
    Ahead,
}

/// The engine's statements find few rows by key. On a table that was never analysed the planner would rather read all of
/// it, and go on doing so when it has grown; so it is left no choice, and its plans are made once.
const PINNED_PLANS: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// A connection whose client is gone, or hangs, must not hold its locks for ever.
const BOUNDS: [(&str, &str); 2] = [("idle_in_transaction_session_timeout", "60s"), ("tcp_keepalives_idle", "30")];

/// A connection that has rested for longer is tested before it is used.
const RESTED: Duration = Duration::from_secs(1);

impl Store {
    /// The database at `options`, whose login is a member of both roles, or a superuser.
    #[must_use]
    pub fn new(options: PgConnectOptions, sizes: PoolSizes) -> Self {
        let pool = |size, options| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(Duration::from_secs(10))
                .test_before_acquire(false)
                .before_acquire(|connection, last| Box::pin(test_after_rest(connection, last)))
                .connect_lazy_with(options)
        };
        let options = options.application_name("stationmaster").options(BOUNDS);
        let tenant = options.clone().options([("role", "stationmaster_app")]);
        let engine = options.clone().options([("role", "stationmaster_worker")]).options(PINNED_PLANS);
        let relaxed = engine.clone().options([("synchronous_commit", "off")]);
        Self {
            tenant: pool(sizes.tenant, tenant),
            engine: pool(sizes.engine, engine),
            relaxed: pool(sizes.relaxed, relaxed),
            options,
        }
    }

    /// The same database, by connections of its own.
    #[must_use]
    pub fn another(&self, sizes: PoolSizes) -> Self {
        Self::new(self.options.clone(), sizes)
    }

    /// Brings the schema up to date, as the login itself and not in one of the roles. Safe to call from many processes.
    ///
    /// # Errors
    /// A migration fails, or one that was applied has changed since.
    pub async fn migrate(&self) -> Result<()> {
        let mut connection = self.owner().await?;
        MIGRATIONS.run_direct(None, &mut connection, false).await?;
        sqlx::Connection::close(connection).await?;
        Ok(())
    }

    /// A connection of the login itself, in neither role: for the schema and the clock, which belong to their owner.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn owner(&self) -> Result<sqlx::PgConnection> {
        Ok(sqlx::ConnectOptions::connect(&self.options).await?)
    }

    /// A name that changes whenever a migration does: for the template of test databases.
    #[must_use]
    pub fn schema_name() -> String {
        let hash = MIGRATIONS.iter().fold(Sha256::new(), |hash, migration| hash.chain_update(&migration.checksum));
        format!("schema_{}", hex::encode(&hash.finalize()[..8]))
    }

    /// Whether the schema fits this binary; what a readiness probe asks.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn check_schema(&self) -> Result<Schema> {
        let mut connection = self.owner().await?;
        let applied = match connection.list_applied_migrations(&MIGRATIONS.table_name).await {
            Err(MigrateError::Execute(error)) if is_missing_table(&error) => Vec::new(),
            applied => applied?,
        };
        sqlx::Connection::close(connection).await?;
        let has = |version: i64| applied.iter().any(|migration| migration.version == version);
        let missing = MIGRATIONS.iter().filter(|migration| !has(migration.version)).count();
        Ok(match missing {
            0 if applied.iter().any(|migration| !MIGRATIONS.version_exists(migration.version)) => Schema::Ahead,
            0 => Schema::Current,
            missing => Schema::Behind(missing),
        })
    }

    /// A transaction in the organisation's own view of the database.
    ///
    /// # Errors
    /// No connection can be had.
    pub async fn begin(&self, org: OrgId) -> Result<Transaction> {
        // One round trip for both.
        let begin = format!("begin; set local stationmaster.org = '{}'", org.0);
        Ok(self.tenant.begin_with(AssertSqlSafe(begin)).await?)
    }

    /// A transaction of the engine, which sees every organisation.
    ///
    /// # Errors
    /// No connection can be had.
    pub async fn begin_engine(&self) -> Result<Transaction> {
        Ok(self.engine.begin().await?)
    }

    /// A connection of the engine, for single statements.
    ///
    /// # Errors
    /// No connection can be had.
    pub async fn engine(&self) -> Result<PoolConnection<Postgres>> {
        Ok(self.engine.acquire().await?)
    }

    /// A connection of the engine whose commits do not wait for the disk: for what may be lost in a crash of the database
    /// because it is then found or done again; never for facts.
    ///
    /// # Errors
    /// No connection can be had.
    pub async fn relaxed(&self) -> Result<PoolConnection<Postgres>> {
        Ok(self.relaxed.acquire().await?)
    }

    pub(crate) fn relaxed_pool(&self) -> &PgPool {
        &self.relaxed
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.tenant.close().await;
        self.engine.close().await;
        self.relaxed.close().await;
    }
}

/// A connection that was in use a moment ago is not asked again whether it lives: that would be a round trip for each use.
async fn test_after_rest(connection: &mut Connection, last: PoolConnectionMetadata) -> sqlx::Result<bool> {
    if last.idle_for > RESTED {
        sqlx::Connection::ping(connection).await?;
    }
    Ok(true)
}

/// Whether nothing was ever migrated.
fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "42P01")
}

/// From here to its end the transaction acts for one organisation, and sees nothing else.
pub(crate) async fn act_for(connection: &mut Connection, org: OrgId) -> Result<()> {
    sqlx::query!(
        "select set_config('role', 'stationmaster_app', true) as role, set_config('stationmaster.org', $1, true) as org",
        org.to_string()
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// From here to its end the transaction sees every organisation again.
pub(crate) async fn act_as_engine(connection: &mut Connection) -> Result<()> {
    sqlx::query!("select set_config('role', 'stationmaster_worker', true) as role").fetch_one(connection).await?;
    Ok(())
}
