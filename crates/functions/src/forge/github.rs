//! GitHub as a forge, by its REST API.
//!
//! GitHub keeps no idempotency keys, so each act first looks for its own trace: a commit by the
//! key in its message, a run by the key in its title, which a claim precedes. Progress comes by GitHub's own webhooks;
//! [`Forge::status`] gives the same objects for what they missed.

mod claims;
mod client;
mod commits;
mod runs;

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::{Answer, Commit, Dispatch, Error, Forge, Repository, RunStatus};
use crate::secrets::Reference;
use client::Client;

/// How GitHub is reached.
#[derive(Debug, Clone)]
pub struct Config {
    /// `https://api.github.com`, or that of a GitHub Enterprise server.
    pub api: Url,
    /// A token that may write contents, workflows and actions.
    pub token: Reference,
    /// How long to wait between two looks for a run that was just dispatched.
    pub pause: Duration,
}

impl Config {
    /// The public GitHub, with the token that `token` refers to.
    #[must_use]
    pub fn new(token: Reference) -> Self {
        let api = Url::parse("https://api.github.com").expect("a constant URL");
        Self { api, token, pause: Duration::from_secs(1) }
    }
}

/// A forge at GitHub.
#[derive(Debug)]
pub struct GitHub {
    client: Client,
    pause: Duration,
}

impl GitHub {
    /// Prepares the client; asks nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { client: Client::new(config.api, config.token), pause: config.pause }
    }

    async fn ensure(&self, repository: &Repository) -> Result<(), Error> {
        match self.client.get(&format!("/repos/{repository}")).await {
            Err(Error::NotFound(_)) => {}
            other => return other.map(drop),
        }
        let body = json!({"name": repository.name(), "private": true, "auto_init": true});
        let of_organisation = self.client.post(&format!("/orgs/{}/repos", repository.owner()), &body).await;
        let made = match of_organisation {
            // The owner is a user: only the token's own account can be given a repository.
            Err(Error::NotFound(_)) => self.client.post("/user/repos", &body).await,
            other => other,
        };
        match made {
            // Somebody was quicker.
            Err(Error::Input(why)) if why.contains("already exists") => Ok(()),
            other => other.map(drop),
        }
    }
}

impl Forge for GitHub {
    fn create_repository<'a>(&'a self, repository: &'a Repository) -> Answer<'a, ()> {
        Box::pin(self.ensure(repository))
    }

    fn commit<'a>(&'a self, repository: &'a Repository, commit: &'a Commit) -> Answer<'a, String> {
        Box::pin(commits::commit(&self.client, repository, commit))
    }

    fn dispatch<'a>(&'a self, repository: &'a Repository, dispatch: &'a Dispatch) -> Answer<'a, u64> {
        Box::pin(runs::dispatch(&self.client, repository, dispatch, self.pause))
    }

    fn rerun<'a>(&'a self, repository: &'a Repository, run: u64, _key: &'a str) -> Answer<'a, u32> {
        Box::pin(runs::rerun(&self.client, repository, run))
    }

    fn cancel<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            let path = format!("/repos/{repository}/actions/runs/{run}/cancel");
            match self.client.post(&path, &json!({})).await {
                // It has ended.
                Err(Error::Conflict(_)) => Ok(()),
                other => other.map(drop),
            }
        })
    }

    fn running<'a>(&'a self, repository: &'a Repository, branch: &'a str) -> Answer<'a, Vec<u64>> {
        Box::pin(runs::of_branch(&self.client, repository, branch))
    }

    fn status<'a>(&'a self, repository: &'a Repository, run: u64) -> Answer<'a, RunStatus> {
        Box::pin(runs::status(&self.client, repository, run))
    }

    fn read<'a>(&'a self, repository: &'a Repository, commit: &'a str, path: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(commits::read(&self.client, repository, commit, path))
    }
}

/// A text of GitHub's answer that must be there.
fn text(value: &Value, pointer: &str) -> Result<String, Error> {
    let found = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| strange(pointer))
}

/// A number of GitHub's answer that must be there.
fn number(value: &Value, pointer: &str) -> Result<u64, Error> {
    value.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| strange(pointer))
}

fn strange(pointer: &str) -> Error {
    Error::Broken { what: "GitHub's answer".to_owned(), reason: format!("{pointer} is missing") }
}

#[cfg(test)]
mod tests;
