//! The verbs of definitions.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Home, Remote};

/// The form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    /// An SVG document.
    Svg,
    /// A Mermaid flowchart.
    Mermaid,
}

/// What to do with definitions.
#[derive(Debug, Subcommand)]
pub(crate) enum Definition {
    /// Check files, or all definitions below directories, and print what is wrong where.
    Lint {
        /// Files and directories.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        home: Home,
    },
    /// Prove the guards of definitions over all paths, or show the shortest path that breaks one.
    Verify {
        /// Files and directories.
        #[arg(default_value = "workflows")]
        paths: Vec<PathBuf>,
        /// Guard files; without one, those in `workflows/guards/`.
        #[arg(long, value_name = "FILE")]
        guards: Vec<PathBuf>,
        #[command(flatten)]
        home: Home,
    },
    /// Draw the flow of a definition, and how far a run of it has come.
    Graph {
        /// The definition.
        file: PathBuf,
        /// The form.
        #[arg(long, value_enum, default_value_t = Picture::Svg)]
        format: Picture,
        /// Where to write it; to standard output where absent.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Show the progress of this run.
        #[arg(long)]
        run: Option<uuid::Uuid>,
        /// Show the progress that the first scenario of a file makes.
        #[arg(long, value_name = "FILE", conflicts_with = "run")]
        scenario: Option<PathBuf>,
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        remote: Remote,
    },
    /// Say what another version of a definition changes, and where it would leave runs in flight standing.
    Diff {
        /// The older version.
        old: PathBuf,
        /// The newer version.
        new: PathBuf,
        #[command(flatten)]
        home: Home,
    },
    /// Run a definition in virtual time and print what happens when; a year takes milliseconds.
    Simulate {
        /// The definition.
        file: PathBuf,
        /// What the world answers: a scenario file. All of its scenarios are run.
        #[arg(long, value_name = "FILE")]
        scenario: Option<PathBuf>,
        /// The input: JSON, or `@FILE`; without it, the scenario's.
        #[arg(long)]
        input: Option<String>,
        #[command(flatten)]
        home: Home,
    },
    /// List the registered definitions.
    List {
        #[command(flatten)]
        remote: Remote,
    },
}
