//! The command line: every verb, its arguments and their help.

mod bench;
mod definition;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

pub(crate) use self::{
    bench::{Bench, Workload},
    definition::{Definition, Picture},
};

/// Durable workflows for the long, human-gated lifecycles of AI agents, on nothing but PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "stationmaster", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Take a sample agent from request to `production_ready`, on a service of its own.
    Demo(Demo),
    /// Run the whole service on the embedded PostgreSQL and register definitions again whenever they change.
    Dev(Service),
    /// Run the HTTP API and a worker.
    Serve(Service),
    /// Run a worker only.
    Work(Service),
    /// Bring the database's schema up to date.
    Migrate(Database),
    /// Check the machine, the database and the configuration, and say what to do about what is wrong.
    Doctor(Service),
    /// Measure what durable steps cost here, beside the physical floor.
    Bench(Bench),
    /// Print a bearer token for development.
    Token(Token),
    /// Start, list, show, watch and cancel runs.
    #[command(subcommand)]
    Run(Run),
    /// List and decide approval gates.
    #[command(subcommand)]
    Gate(Gate),
    /// Check, simulate and list workflow definitions.
    #[command(subcommand)]
    Definition(Definition),
    /// Run the scenarios of workflows in virtual time, and say which tasks and branches they leave out.
    Test {
        /// Scenario files, and directories that have some below them.
        #[arg(default_value = "workflows")]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        home: Home,
    },
    /// Check the audit trail.
    #[command(subcommand)]
    Audit(Audit),
    /// Evaluate expressions for another process of this program, over a socket as standard input.
    #[command(hide = true)]
    Evaluate,
}

/// Where definitions find the functions that they call and the workflows that they run.
#[derive(Debug, Args, Clone)]
pub(crate) struct Home {
    /// The directory that holds `workflows/` and `functions/`.
    #[arg(long, env = "STATIONMASTER_HOME", default_value = ".", value_name = "DIR")]
    pub(crate) home: PathBuf,
}

/// Where the database is.
#[derive(Debug, Args, Clone)]
pub(crate) struct Database {
    /// The PostgreSQL to use; without it, a private one is started from the machine's own binaries.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,

    /// Where the embedded PostgreSQL, generated secrets and the local forge keep their files.
    #[arg(long, env = "STATIONMASTER_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Where `initdb`, `postgres` and `pg_ctl` are, for the embedded PostgreSQL; without it, they are looked for.
    #[arg(long, env = "STATIONMASTER_POSTGRES", value_name = "DIR")]
    pub(crate) postgres: Option<PathBuf>,
}

/// How the service runs. Every option can be set by the environment variable that its help names.
#[derive(Debug, Args, Clone)]
pub(crate) struct Service {
    #[command(flatten)]
    pub(crate) database: Database,

    /// The directory that holds `workflows/`, `functions/`, `policies/` and `webhooks/`.
    #[arg(long, env = "STATIONMASTER_HOME", default_value = ".", value_name = "DIR")]
    pub(crate) home: PathBuf,

    /// Where to listen: the HTTP API, by default on 127.0.0.1:8015; for `work`, health and metrics, by default nowhere.
    #[arg(long, env = "STATIONMASTER_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,

    /// The address of the HTTP API as the other processes reach it, where the local forge reports to; by default that of
    /// `--listen`.
    #[arg(long, env = "STATIONMASTER_API", value_name = "URL")]
    pub(crate) api: Option<url::Url>,

    /// The directory of the local forge, one for all processes; by default `forge` in the data directory.
    #[arg(long, env = "STATIONMASTER_FORGE", value_name = "DIR")]
    pub(crate) forge: Option<PathBuf>,

    /// How many runs a worker drives at once.
    #[arg(long, env = "STATIONMASTER_CONCURRENCY", default_value_t = 64, value_name = "N")]
    pub(crate) concurrency: usize,

    /// How many seconds of a workflow's durable time pass in one real second, from now on and for every process on the
    /// database; for development and tests.
    #[arg(long, env = "STATIONMASTER_TIME_SCALE", value_name = "FACTOR")]
    pub(crate) time_scale: Option<f64>,

    /// A reference to the secret that signs bearer tokens: `env:NAME` or `file:PATH`, at least 64 characters.
    #[arg(long, env = "STATIONMASTER_JWT_SECRET", value_name = "REFERENCE")]
    pub(crate) jwt_secret: Option<String>,

    /// A secret that definitions may name in `use.secrets`, and where its value is: `NAME=env:VARIABLE` or
    /// `NAME=file:/path`; several are given one by one, or separated by commas.
    #[arg(long = "secret", env = "STATIONMASTER_SECRETS", value_delimiter = ',', value_name = "NAME=REFERENCE")]
    pub(crate) secrets: Vec<String>,

    /// Lets definitions run shell commands and scripts on this machine, as the user of the service.
    #[arg(long, env = "STATIONMASTER_ALLOW_PROCESSES")]
    pub(crate) allow_processes: bool,

    /// Where mail is handed over: `smtp://host:port`, `smtps://…` or `smtp+starttls://user@host:port`.
    #[arg(long, env = "STATIONMASTER_SMTP", value_name = "URL")]
    pub(crate) smtp: Option<String>,

    /// The address that mail is sent from.
    #[arg(long, env = "STATIONMASTER_MAIL_FROM", default_value = "stationmaster@localhost", value_name = "ADDRESS")]
    pub(crate) mail_from: String,

    /// The remote Genesis; without it, the policies in `policies/` decide.
    #[arg(long, env = "STATIONMASTER_GENESIS", value_name = "URL")]
    pub(crate) genesis: Option<String>,

    /// A reference to the key for the remote Genesis.
    #[arg(long, env = "STATIONMASTER_GENESIS_KEY", value_name = "REFERENCE")]
    pub(crate) genesis_key: Option<String>,

    /// A reference to the secret that signs questions to the remote Genesis and its answers (`whsec_…`).
    #[arg(long, env = "STATIONMASTER_GENESIS_SECRET", value_name = "REFERENCE")]
    pub(crate) genesis_secret: Option<String>,

    /// The GitHub organisation that agent repositories are made in; without it, the local forge is used.
    #[arg(long, env = "STATIONMASTER_GITHUB_OWNER", value_name = "NAME")]
    pub(crate) github_owner: Option<String>,

    /// A reference to the GitHub token.
    #[arg(long, env = "STATIONMASTER_GITHUB_TOKEN", value_name = "REFERENCE")]
    pub(crate) github_token: Option<String>,

    /// GitHub's API: that of a GitHub Enterprise server, say.
    #[arg(long, env = "STATIONMASTER_GITHUB_API", default_value = "https://api.github.com", value_name = "URL")]
    pub(crate) github_api: String,

    /// How many seconds the local forge gives each stage of a build, in place of the stage's own budget (lint: 120); for a
    /// slow machine.
    #[arg(long, env = "STATIONMASTER_STAGE_SECONDS", value_name = "SECONDS")]
    pub(crate) stage_seconds: Option<u64>,

    /// An OpenAI-compatible endpoint that writes the code of agents; without it, the built-in templates do.
    #[arg(long, env = "STATIONMASTER_LLM", value_name = "URL")]
    pub(crate) llm: Option<String>,

    /// The model to ask for.
    #[arg(long, env = "STATIONMASTER_LLM_MODEL", default_value = "gpt-4o", value_name = "NAME")]
    pub(crate) llm_model: String,

    /// A reference to the endpoint's key.
    #[arg(long, env = "STATIONMASTER_LLM_KEY", value_name = "REFERENCE")]
    pub(crate) llm_key: Option<String>,

    /// Whom missed deadlines are escalated to: an administrator's mail address.
    #[arg(long, env = "STATIONMASTER_ESCALATE_TO", default_value = "admin@localhost", value_name = "ADDRESS")]
    pub(crate) escalate_to: String,

    /// Ask an administrator before an approved agent's code is generated.
    #[arg(long, env = "STATIONMASTER_ADMIN_GATE")]
    pub(crate) admin_gate: bool,
}

/// The demonstration.
#[derive(Debug, Args, Clone)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) service: Service,

    /// The manifest of the agent to create.
    #[arg(long, default_value = "workflows/samples/marketing-agent.yaml", value_name = "FILE")]
    pub(crate) manifest: PathBuf,

    /// Leave the service up afterwards, until it is interrupted.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// A token to mint.
#[derive(Debug, Args, Clone)]
pub(crate) struct Token {
    /// The data directory whose generated secret signs the token.
    #[arg(long, env = "STATIONMASTER_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// A reference to the secret that signs it instead: `env:NAME` or `file:PATH`.
    #[arg(long, env = "STATIONMASTER_JWT_SECRET", value_name = "REFERENCE")]
    pub(crate) jwt_secret: Option<String>,

    /// Who the token speaks for.
    #[arg(long, default_value = "developer@waooaw.com", value_name = "USER")]
    pub(crate) user: String,

    /// The roles it grants, separated by commas.
    #[arg(long, default_value = "admin", value_delimiter = ',', value_name = "ROLES")]
    pub(crate) roles: Vec<String>,

    /// The organisation it belongs to.
    #[arg(long, default_value = "00000000-0000-0000-0000-000000000001", value_name = "UUID")]
    pub(crate) org: uuid::Uuid,

    /// How many hours it lasts.
    #[arg(long, default_value_t = 12, value_name = "HOURS")]
    pub(crate) hours: u32,
}

/// The service to talk to.
#[derive(Debug, Args, Clone)]
pub(crate) struct Remote {
    /// The address of the API.
    #[arg(long, env = "STATIONMASTER_API", default_value = "http://127.0.0.1:8015", value_name = "URL")]
    pub(crate) api: String,

    /// The bearer token; without it, one is minted from the secret of the local data directory.
    #[arg(long, env = "STATIONMASTER_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// The local data directory, for minting a token.
    #[arg(long, env = "STATIONMASTER_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Run {
    /// Start a run of a registered definition.
    Start {
        #[command(flatten)]
        remote: Remote,
        /// The definition: `namespace/name` or `namespace/name:version`.
        definition: String,
        /// The input: JSON, or `@FILE`.
        #[arg(long, default_value = "{}")]
        input: String,
    },
    /// List runs, the newest first.
    List {
        #[command(flatten)]
        remote: Remote,
        /// Only runs in this phase.
        #[arg(long)]
        phase: Option<String>,
        /// Only runs of this definition, `namespace/name`.
        #[arg(long)]
        definition: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one run, with its history.
    Show {
        #[command(flatten)]
        remote: Remote,
        /// The run.
        run: uuid::Uuid,
    },
    /// Follow a run until it ends.
    Watch {
        #[command(flatten)]
        remote: Remote,
        /// The run.
        run: uuid::Uuid,
    },
    /// Cancel a run.
    Cancel {
        #[command(flatten)]
        remote: Remote,
        /// The run.
        run: uuid::Uuid,
        /// Why; it is audited.
        #[arg(long)]
        reason: String,
    },
}

/// What to do with gates.
#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// List the gates that wait for a decision.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Approve or reject.
    Decide {
        #[command(flatten)]
        remote: Remote,
        /// The gate.
        gate: uuid::Uuid,
        /// `approve` or `reject`.
        #[arg(value_parser = ["approve", "reject"])]
        verdict: String,
        /// Why; a rejection needs it.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Recompute the hash chain from the rows and say whether it holds.
    Verify(Database),
}
