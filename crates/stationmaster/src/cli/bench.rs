//! The arguments of `bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A measurement.
#[derive(Debug, Args, Clone)]
pub(crate) struct Bench {
    /// The PostgreSQL to measure on: a database of its own, please, what the bench writes stays there. Without it, a private
    /// one is started in a temporary directory.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,

    /// Where `initdb`, `postgres` and `pg_ctl` are, for the private PostgreSQL; without it, they are looked for.
    #[arg(long, env = "STATIONMASTER_POSTGRES", value_name = "DIR")]
    pub(crate) postgres: Option<PathBuf>,

    /// What to measure, separated by commas.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "throughput,latency,signal",
        value_name = "WORKLOADS"
    )]
    pub(crate) workload: Vec<Workload>,

    /// How many runs; each workload has its own default.
    #[arg(long, value_name = "N")]
    pub(crate) n: Option<usize>,

    /// How often each measurement is made; medians are shown.
    #[arg(long, default_value_t = 3, value_name = "TIMES")]
    pub(crate) repeat: usize,

    /// How many runs are under way at the same time.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(crate) in_flight: usize,
}

/// A workload of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// W1: many short runs.
    Throughput,
    /// W2: one run at a time.
    Latency,
    /// How steps cost more as histories get longer and results larger.
    Growth,
    /// W3: one waiting run at a time, and the event that ends it, posted over HTTP.
    Signal,
}
