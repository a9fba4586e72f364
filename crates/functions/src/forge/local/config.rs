//! How a local forge works, and what of this process its programs may see.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Webhook;

/// Where the time of webhooks and commits comes from.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How a local forge works.
#[derive(Clone)]
pub struct Config {
    /// The folder that everything is in.
    pub root: PathBuf,
    /// Where progress is told.
    pub webhook: Webhook,
    /// Where the time comes from.
    pub clock: Clock,
    /// The Python that agents are built with, 3.10 or later.
    pub python: OsString,
    /// Where programs are found.
    pub path: OsString,
    /// Whether a container engine is used where one answers.
    pub containers: bool,
    /// Where images are pushed to, beside the local registry.
    pub image_registry: Option<String>,
    /// The time for a stage in place of the budgets of REQUIREMENTS 1.4.
    pub budget: Option<Duration>,
    /// How often runs are looked for that nobody works on: those of a process that died.
    pub sweep: Duration,
}

impl Config {
    /// The usual settings, with this process's `PATH`.
    pub fn new(root: impl Into<PathBuf>, webhook: Webhook, clock: Clock) -> Self {
        Self {
            root: root.into(),
            webhook,
            clock,
            python: "python3".into(),
            path: std::env::var_os("PATH").unwrap_or_default(),
            containers: true,
            image_registry: None,
            budget: None,
            sweep: Duration::from_secs(5),
        }
    }

    /// The whole environment of a stage's programs: what pip and the engine need to reach their
    /// registries, and nothing else of this process.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        const NAMES: &[&str] = &[
            "HOME",
            "DOCKER_HOST",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "REQUESTS_CA_BUNDLE",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "http_proxy",
            "https_proxy",
            "no_proxy",
        ];
        let kept = |name: &str| NAMES.contains(&name) || name.starts_with("PIP_");
        let mut all: Vec<_> = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(kept)).collect();
        let own = [
            ("PATH", self.path.clone()),
            ("LANG", "C.UTF-8".into()),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1".into()),
            ("PIP_NO_INPUT", "1".into()),
            ("PIP_CACHE_DIR", self.root.join("cache/pip").into()),
        ];
        all.retain(|(name, _)| own.iter().all(|(mine, _)| name != mine));
        all.extend(own.map(|(name, value)| (name.into(), value)));
        all
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("root", &self.root).finish_non_exhaustive()
    }
}
