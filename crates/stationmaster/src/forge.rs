//! Which forge keeps and builds the agents' code: GitHub where an owner and a token are given, else a local one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use functions::{
    forge::{self, GitHub, Local},
    secrets::Reference,
};
use url::Url;

use crate::{cli, clock, composition::WEBHOOK_SECRET, keys, output::Failure, settings};

/// Whom the repositories of a local forge belong to.
const LOCAL_OWNER: &str = "agents";

/// The name of the secret that a local forge makes for itself.
const SECRET: &str = "github-webhook";

/// The forge of a service.
#[derive(Debug, Clone)]
pub(crate) enum Forge {
    /// This process runs it, with all others on its directory.
    Local(Arc<Local>),
    /// GitHub does.
    GitHub {
        forge: Arc<GitHub>,
        /// The organisation or user that repositories are made for.
        owner: String,
        /// What the forge and its image registry are asked with.
        token: Reference,
    },
}

impl Forge {
    /// Opens the forge that the settings name; `api` is the address of the service, where a local forge reports to.
    ///
    /// # Errors
    /// One of owner and token is missing or unreadable, or the directory of the local forge cannot be used.
    pub(crate) async fn open(arguments: &cli::Service, root: &Path, api: &Url) -> Result<Self, Failure> {
        match (&arguments.github_owner, &arguments.github_token) {
            (Some(owner), Some(token)) => Self::at_github(owner, token, &arguments.github_api),
            (None, None) => Ok(Self::Local(local(root, api, arguments.stage_seconds).await?)),
            (Some(_), None) => {
                Err(Failure::new("STATIONMASTER_GITHUB_TOKEN is missing: GitHub needs it with the owner"))
            }
            (None, Some(_)) => {
                Err(Failure::new("STATIONMASTER_GITHUB_OWNER is missing: GitHub needs it with the token"))
            }
        }
    }

    fn at_github(owner: &str, token: &str, api: &str) -> Result<Self, Failure> {
        let wrong = |error| Failure::new(format!("STATIONMASTER_GITHUB_API: {api:?} is not a URL: {error}"));
        let token = token.parse::<Reference>()?;
        token.resolve()?; // a start that says what is missing is better than a creation that fails for it
        let config =
            forge::github::Config { api: api.parse().map_err(wrong)?, ..forge::github::Config::new(token.clone()) };
        Ok(Self::GitHub { forge: Arc::new(GitHub::new(config)), owner: owner.to_owned(), token })
    }

    /// Whom repositories are made for.
    pub(crate) fn owner(&self) -> &str {
        match self {
            Self::Local(_) => LOCAL_OWNER,
            Self::GitHub { owner, .. } => owner,
        }
    }

    /// The forge as functions use it.
    pub(crate) fn shared(&self) -> Arc<dyn forge::Forge> {
        match self {
            Self::Local(forge) => Arc::clone(forge) as Arc<dyn forge::Forge>,
            Self::GitHub { forge, .. } => Arc::clone(forge) as Arc<dyn forge::Forge>,
        }
    }

    /// The local forge, for what looks into it.
    ///
    /// # Errors
    /// The forge is GitHub.
    pub(crate) fn local(&self) -> Result<&Arc<Local>, Failure> {
        match self {
            Self::Local(forge) => Ok(forge),
            Self::GitHub { .. } => {
                let why = "the demonstration runs on the local forge: unset STATIONMASTER_GITHUB_OWNER and _TOKEN";
                Err(Failure::new(why))
            }
        }
    }

    /// Works on what nobody works on, from now on; GitHub does so by itself.
    pub(crate) fn start(&self) {
        if let Self::Local(forge) = self {
            forge.start();
        }
    }

    /// Ends what this process runs.
    pub(crate) async fn stop(&self) {
        if let Self::Local(forge) = self {
            forge.stop().await;
        }
    }
}

/// Where the local forge keeps its files.
pub(crate) fn directory(arguments: &cli::Service, data: &Path) -> PathBuf {
    arguments.forge.clone().unwrap_or_else(|| data.join("forge"))
}

/// What the local forge in `root` signs with: the given secret, else one that all processes on the directory share.
pub(crate) fn webhook_secret(root: &Path) -> Result<Reference, Failure> {
    let reference = if settings::resolve(WEBHOOK_SECRET).is_ok() {
        WEBHOOK_SECRET.to_owned()
    } else {
        keys::ensure(root, SECRET)?;
        format!("file:{}", keys::path(root, SECRET).display())
    };
    Ok(reference.parse()?)
}

async fn local(root: &Path, api: &Url, stage_seconds: Option<u64>) -> Result<Arc<Local>, Failure> {
    let root = std::path::absolute(root)?;
    let webhook = forge::local::Webhook { url: api.join("/pp/v1/webhooks/github")?, secret: webhook_secret(&root)? };
    let mut config = forge::local::Config::new(root, webhook, clock::machine());
    config.budget = stage_seconds.map(Duration::from_secs);
    Ok(Arc::new(Local::open(config).await?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    async fn opened(options: &[&str]) -> Result<Forge, Failure> {
        let data = tempfile::tempdir().unwrap();
        let line = ["stationmaster", "serve"].iter().chain(options);
        let Verb::Serve(service) = Cli::try_parse_from(line).unwrap().verb else { panic!("another verb") };
        Forge::open(&service, data.path(), &"http://127.0.0.1:8015".parse().unwrap()).await
    }

    #[tokio::test]
    async fn github_takes_an_owner_and_a_token_and_nothing_is_guessed() {
        let forge = opened(&["--github-owner", "acme", "--github-token", "env:PATH"]).await.unwrap();
        assert!(matches!(forge, Forge::GitHub { .. }) && forge.owner() == "acme" && forge.local().is_err());
        let forge = opened(&[]).await.unwrap();
        assert!(matches!(forge, Forge::Local(_)) && forge.owner() == "agents" && forge.local().is_ok());
        for (half, missing) in [
            (&["--github-owner", "acme"][..], "GITHUB_TOKEN"),
            (&["--github-token", "env:PATH"], "GITHUB_OWNER"),
            (&["--github-owner", "acme", "--github-token", "env:NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
            (&["--github-owner", "acme", "--github-token", "env:PATH", "--github-api", "here"], "GITHUB_API"),
        ] {
            let failure = opened(half).await.unwrap_err();
            assert!(failure.message().contains(missing), "{}", failure.message());
        }
    }
}
