//! The database that a verb uses: the one of `DATABASE_URL`, or the embedded one.

use std::path::PathBuf;

use cluster::Cluster;
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use store::{PoolSizes, Schema, Store};

use crate::{cli, output::Failure};

/// The name of the embedded cluster's database.
const NAME: &str = "stationmaster";

/// An open database, and the embedded server that it lives on, if it does.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: Store,
    cluster: Option<Cluster>,
}

/// The directory of everything that the service keeps outside the database.
pub(crate) fn data_directory(given: Option<&std::path::Path>) -> Result<PathBuf, Failure> {
    match given {
        Some(directory) => Ok(std::path::absolute(directory)?),
        None => Ok(cluster::data_home()?),
    }
}

impl Database {
    /// Opens the database; starts the embedded one where no URL is given.
    pub(crate) async fn open(arguments: &cli::Database) -> Result<Self, Failure> {
        let (options, cluster) = match &arguments.database_url {
            Some(url) => (reachable(options(url)?).await?, None),
            None => {
                let directory = data_directory(arguments.data.as_deref())?.join("postgres");
                let mut options = cluster::Options::new(directory);
                if let Some(programs) = &arguments.postgres {
                    options.search = cluster::Search::only(vec![programs.clone()]);
                }
                let cluster = Cluster::start(options).await?;
                cluster.ensure_database(NAME).await?;
                (cluster.connect_options(NAME), Some(cluster))
            }
        };
        Ok(Self { store: Store::new(options, PoolSizes::default()), cluster })
    }

    /// Whether the database is the embedded one.
    pub(crate) fn is_embedded(&self) -> bool {
        self.cluster.is_some()
    }

    /// Brings the embedded database up to date; refuses to work on another one that is not (`migrate` is its owner's act).
    pub(crate) async fn make_ready(&self) -> Result<(), Failure> {
        if self.is_embedded() {
            return Ok(self.store.migrate().await?);
        }
        match self.store.check_schema().await? {
            Schema::Current | Schema::Ahead => Ok(()),
            Schema::Behind(missing) => Err(Failure::new(format!(
                "the database's schema lacks {missing} migrations: run `stationmaster migrate` as its owner"
            ))),
        }
    }

    /// Closes the connections and stops the embedded server.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.store.close().await;
        match self.cluster {
            Some(cluster) => Ok(cluster.stop().await?),
            None => Ok(()),
        }
    }
}

/// These options, if a connection can be had by them now; else where there is none, which the database's own error leaves out.
async fn reachable(options: PgConnectOptions) -> Result<PgConnectOptions, Failure> {
    let connected = async { options.connect().await?.close().await }.await;
    connected.map_err(|error: sqlx::Error| {
        let place = format!("{}:{}", options.get_host(), options.get_port());
        Failure::new(format!("the database at {place} (DATABASE_URL) cannot be used: {error}"))
    })?;
    Ok(options)
}

fn options(url: &str) -> Result<PgConnectOptions, Failure> {
    url.parse().map_err(|error| Failure::new(format!("DATABASE_URL is not a PostgreSQL URL: {error}")))
}
