//! A database per test, in a throw-away server per test process.
//!
//! The server starts with the first [`TestDatabase`] and is tethered to the
//! process: statics have no destructors and test processes get killed, so a
//! supervising shell waits for the end of a pipe that only this process holds
//! open (`tether.sh`). With `STATIONMASTER_TEST_URL`, the URL of an existing
//! server's superuser, that one is used instead, by any number of processes.
//!
//! ```no_run
//! # async fn example() -> Result<(), cluster::Error> {
//! use cluster::testing::TestDatabase;
//!
//! let database = TestDatabase::create("store_0001", async |pool| {
//!     sqlx::raw_sql("CREATE TABLE runs (id uuid PRIMARY KEY)").execute(&pool).await.map(drop)
//! })
//! .await?;
//! let pool = database.pool();
//! # Ok(())
//! # }
//! ```

use std::process::{Child, Stdio};
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::OnceCell;

use crate::account::Account;
use crate::layout::Layout;
use crate::server::{self, Durability, Server, State};
use crate::{Error, Search, quoted};

/// Names an existing server to use instead of an own one.
const URL_VARIABLE: &str = "STATIONMASTER_TEST_URL";

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(180);

/// Connections of a test's pool.
const CONNECTIONS: u32 = 10;

/// An error of a caller's set-up.
pub type SetupError = Box<dyn std::error::Error + Send + Sync>;

/// A database of a test's own; dropped with the value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    admin: PgConnectOptions,
    pool: PgPool,
}

impl TestDatabase {
    /// Copies the template `template`, which `setup` fills when no test of
    /// this server has done so yet. The name must change when the set-up
    /// does: take the hash or the number of the last migration into it.
    ///
    /// # Errors
    /// If there is no PostgreSQL, or it or `setup` fails; a failed set-up
    /// leaves no template.
    pub async fn create<F, E>(template: &str, setup: F) -> Result<Self, Error>
    where
        F: AsyncFnOnce(PgPool) -> Result<(), E>,
        E: Into<SetupError>,
    {
        let admin = admin().await?;
        let source = ensure_template(&admin, template, setup).await?;
        let context = |source| Error::Database { action: "create a test database".into(), source };
        let mut connection = PgConnection::connect_with(&admin).await.map_err(context)?;
        let name: String = sqlx::query_scalar("SELECT 'test_' || replace(gen_random_uuid()::text, '-', '')")
            .fetch_one(&mut connection)
            .await
            .map_err(context)?;
        let create = format!("CREATE DATABASE {} TEMPLATE {}", quoted(&name), quoted(&source));
        execute(&mut connection, create).await.map_err(context)?;
        connection.close().await.map_err(context)?;
        let pool = pool(&admin, &name);
        Ok(Self { name, admin, pool })
    }

    /// A pool on the database.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How to connect to the database, as superuser.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name)
    }

    /// The URL of the database, for another process.
    #[must_use]
    pub fn url(&self) -> String {
        crate::url(&self.connect_options())
    }
}

impl Drop for TestDatabase {
    /// Drops the database under whoever still uses it. On a thread and a
    /// runtime of its own: the test's may be blocked, paused or gone.
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let drop = async {
                let mut connection = PgConnection::connect_with(&admin).await?;
                let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&name));
                execute(&mut connection, drop).await?;
                connection.close().await
            };
            let dropped = runtime.map_err(sqlx::Error::Io).and_then(|runtime| runtime.block_on(drop));
            if let Err(error) = dropped {
                tracing::warn!(%name, %error, "the test database stays");
            }
        };
        if std::thread::spawn(work).join().is_err() {
            tracing::warn!(name = %self.name, "the test database stays");
        }
    }
}

/// How the superuser reaches the test server, which is started if need be.
async fn admin() -> Result<PgConnectOptions, Error> {
    static SERVER: OnceCell<TetheredServer> = OnceCell::const_new();
    if let Ok(url) = std::env::var(URL_VARIABLE) {
        return PgConnectOptions::from_str(&url)
            .map_err(|source| Error::Database { action: format!("parse {URL_VARIABLE}"), source });
    }
    let server = SERVER.get_or_try_init(TetheredServer::start).await?;
    Ok(server.server.connect_options("postgres"))
}

/// A server that ends with this process.
#[derive(Debug)]
struct TetheredServer {
    server: Server,
    /// The supervisor; it holds the pipe whose end is the server's.
    _supervisor: Child,
}

impl TetheredServer {
    async fn start() -> Result<Self, Error> {
        let deadline = Instant::now() + PATIENCE;
        let account = Account::for_server()?;
        let directory = tempfile::Builder::new()
            .prefix("stationmaster-test-")
            .tempdir()
            .map_err(Error::io("create a directory for the test server"))?;
        account.take(directory.path())?;
        let layout = Layout::prepare(directory.path(), &account)?;
        let binaries = Search::machine().find(None)?;
        server::initialise(&binaries, &account, &layout, Durability::None).await?;
        let postgres = server::postgres(&binaries, &account, &layout, Durability::None)?;
        let log = layout.lock_log()?.ok_or_else(|| Error::Busy { directory: directory.path().into() })?;
        let supervisor = server::spawn(tethered(&postgres, &account, &layout), log)?;
        match server::await_ready(&layout, deadline).await? {
            State::Ready(server) => {
                let _supervised = directory.keep();
                Ok(Self { server, _supervisor: supervisor })
            }
            State::Ended(_) => Err(Error::Exited { log: layout.log(), tail: layout.log_tail() }),
        }
    }
}

/// `postgres` under the supervising shell, which waits for the end of the
/// pipe that the child's `stdin` becomes.
fn tethered(postgres: &std::process::Command, account: &Account, layout: &Layout) -> std::process::Command {
    let mut shell = server::command("/bin/sh".into(), account, layout);
    shell
        .args(["-c", include_str!("tether.sh"), "sh"])
        .arg(layout.directory())
        .arg(postgres.get_program())
        .args(postgres.get_args())
        .stdin(Stdio::piped());
    shell
}

/// The name of the database that is the template `name`, made by `setup` if
/// it is missing. Under an advisory lock, since tests of many processes may
/// ask at once; under another name until it is complete, since any may die.
async fn ensure_template<F, E>(admin: &PgConnectOptions, name: &str, setup: F) -> Result<String, Error>
where
    F: AsyncFnOnce(PgPool) -> Result<(), E>,
    E: Into<SetupError>,
{
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 40 || !name.chars().all(allowed) {
        return Err(Error::TemplateName { name: name.into() });
    }
    let template = format!("template_{name}");
    let context = |source| Error::Database { action: format!("make {template}"), source };
    let mut connection = PgConnection::connect_with(admin).await.map_err(context)?;
    // Held until the connection closes.
    sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(&template)
        .execute(&mut connection)
        .await
        .map_err(context)?;
    let made = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
        .bind(&template)
        .fetch_optional(&mut connection)
        .await
        .map_err(context)?;
    if made.is_none() {
        make_template(&mut connection, admin, &template, setup).await?;
    }
    connection.close().await.map_err(context)?;
    Ok(template)
}

async fn make_template<F, E>(
    connection: &mut PgConnection,
    admin: &PgConnectOptions,
    template: &str,
    setup: F,
) -> Result<(), Error>
where
    F: AsyncFnOnce(PgPool) -> Result<(), E>,
    E: Into<SetupError>,
{
    let context = |source| Error::Database { action: format!("make {template}"), source };
    let draft = format!("{template}_draft");
    let draft_sql = quoted(&draft);
    let statements = [
        format!("DROP DATABASE IF EXISTS {draft_sql} WITH (FORCE)"),
        format!("CREATE DATABASE {draft_sql} TEMPLATE template0"),
    ];
    for statement in statements {
        execute(connection, statement).await.map_err(context)?;
    }
    let pool = pool(admin, &draft);
    let done = setup(pool.clone()).await;
    pool.close().await;
    done.map_err(|error| Error::TemplateSetup { name: template.into(), source: error.into() })?;
    let publish = format!("ALTER DATABASE {draft_sql} RENAME TO {}", quoted(template));
    execute(connection, publish).await.map_err(context)
}

fn pool(admin: &PgConnectOptions, database: &str) -> PgPool {
    PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(admin.clone().database(database))
}

/// Runs a statement that is made here, of quoted names only.
async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests;
