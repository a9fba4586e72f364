//! Looks whether the evidence of a handoff is true (REQUIREMENTS 1.5, R65, R73).
//!
//! A finding is a fact about the outside at one moment: it holds, or it does not and says why.
//! Where nothing can be found out (a network is down), that is an error and not a finding.

mod image;

pub use image::{Image, Login, image_exists};

use reqwest::Method;
use url::Url;

use crate::egress::{self, Egress};
use crate::forge::local::Artifacts;
use crate::forge::{self, Forge, Repository};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Whether the evidence is as claimed.
    pub holds: bool,
    /// What was seen, for the person who reads the checklist.
    pub detail: String,
}

/// Why nothing could be found out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// By HTTP.
    #[error(transparent)]
    Egress(#[from] egress::Error),
    /// At the forge.
    #[error(transparent)]
    Forge(#[from] forge::Error),
    /// The password of a registry cannot be read.
    #[error(transparent)]
    Secret(#[from] crate::secrets::Error),
}

impl Finding {
    fn new(holds: bool, detail: impl Into<String>) -> Self {
        Self { holds, detail: detail.into() }
    }
}

/// Whether `GET url` answers with 200: a health check, or a dashboard that can be reached.
///
/// # Errors
/// [`Error::Egress`] where the URL may not be asked. An unreachable one is a finding.
pub async fn url_answers(egress: &Egress, url: &Url) -> Result<Finding, Error> {
    ask(egress, Method::GET, url).await
}

/// Whether the local registry holds the contents of `digest`, undamaged.
///
/// # Errors
/// [`Error::Forge`] where this machine fails.
pub async fn artifact_exists(artifacts: &Artifacts, digest: &str) -> Result<Finding, Error> {
    match artifacts.holds(digest).await {
        Ok(true) => Ok(Finding::new(true, format!("{digest} is in the registry"))),
        Ok(false) => Ok(Finding::new(false, format!("{digest} is not in the registry"))),
        Err(forge::Error::Input(why)) => Ok(Finding::new(false, why)),
        Err(error) => Err(error.into()),
    }
}

/// Whether `path` is a file that is not empty at `commit`: a runbook, alert rules.
///
/// # Errors
/// [`Error::Forge`] where the forge cannot be asked.
pub async fn file_exists(
    forge: &dyn Forge,
    repository: &Repository,
    commit: &str,
    path: &str,
) -> Result<Finding, Error> {
    match forge.read(repository, commit, path).await {
        Ok(Some(contents)) if !contents.trim_ascii().is_empty() => {
            Ok(Finding::new(true, format!("{path} has {} bytes at {commit}", contents.len())))
        }
        Ok(Some(_)) => Ok(Finding::new(false, format!("{path} is empty at {commit}"))),
        Ok(None) => Ok(Finding::new(false, format!("{path} is not there at {commit}"))),
        Err(forge::Error::NotFound(what)) => Ok(Finding::new(false, format!("{what} is not there"))),
        Err(error) => Err(error.into()),
    }
}

async fn ask(egress: &Egress, method: Method, url: &Url) -> Result<Finding, Error> {
    let request = egress.request(method, url)?;
    match egress.send(request, url).await {
        Ok(answer) => {
            let status = answer.status;
            Ok(Finding::new(status == 200, format!("{} answered {}", egress::shown(url), status.as_u16())))
        }
        Err(error) if error.is_transient() => Ok(Finding::new(false, error.to_string())),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;
    use crate::egress::Policy;

    #[tokio::test]
    async fn only_200_holds() {
        let router = Router::new()
            .route("/health", get(|| async { "ok" }))
            .route("/starting", get(|| async { StatusCode::ACCEPTED }));
        let address = crate::testing::serve(router).await;
        let egress = Egress::new(Policy::default().with_loopback()).expect("client");
        let url = |path: &str| Url::parse(&format!("http://{address}{path}")).expect("url");
        for (path, holds) in [("/health", true), ("/starting", false), ("/none", false)] {
            let found = url_answers(&egress, &url(path)).await.expect("asked");
            assert_eq!(found.holds, holds, "{found:?}");
        }
        let inside = Egress::new(Policy::default()).expect("client");
        assert!(url_answers(&inside, &url("/health")).await.is_err(), "not asked is not found");
    }

    #[tokio::test]
    async fn digests_are_checked() {
        let root = tempfile::tempdir().expect("dir");
        let artifacts = Artifacts::new(root.path().join("registry"));
        let file = root.path().join("a.whl");
        std::fs::write(&file, "contents").expect("write");
        let (digest, _) = artifacts.store(&file).await.expect("stored");
        assert!(artifact_exists(&artifacts, &digest).await.expect("asked").holds);
        let other = format!("sha256:{}", "0".repeat(64));
        for wrong in [other.as_str(), "latest"] {
            assert!(!artifact_exists(&artifacts, wrong).await.expect("asked").holds, "{wrong}");
        }
    }
}
