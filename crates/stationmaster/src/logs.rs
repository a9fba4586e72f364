//! Logs: JSON lines on standard error for a service, warnings in words for everything else. `RUST_LOG` decides otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::Verb;

/// Starts logging for a verb.
pub(crate) fn start(verb: &Verb) {
    let service = matches!(verb, Verb::Serve(_) | Verb::Work(_));
    let default = if service { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if service {
        logs.json().flatten_event(true).init();
    } else {
        logs.compact().without_time().with_target(false).init();
    }
}
