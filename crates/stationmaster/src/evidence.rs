//! Looking at the evidence of a handoff: the artifact registry, the agent's health, pages.

use functions::{
    egress::Egress,
    evidence::{self, Finding, Image, Login},
};
use platform::handoffs::{Evidence, EvidenceChecker, Look};

use crate::forge::Forge;

/// The registry that GitHub's packages are in.
const GITHUB_REGISTRY: &str = "ghcr.io";

/// Looks where this service can: at its local forge's registry or at the one that an image names, and by HTTP.
#[derive(Debug)]
pub(crate) struct Eyes {
    forge: Forge,
    egress: Egress,
}

impl Eyes {
    pub(crate) fn new(forge: Forge, egress: Egress) -> Self {
        Self { forge, egress }
    }

    async fn see(&self, evidence: Evidence<'_>) -> Result<Finding, String> {
        match evidence {
            Evidence::Image(image) => self.image(image).await,
            Evidence::Health(url) | Evidence::Page(url) => {
                let url = url.parse().map_err(|_| format!("`{url}` is not a URL"))?;
                evidence::url_answers(&self.egress, &url).await.map_err(|error| error.to_string())
            }
        }
    }

    async fn image(&self, image: &str) -> Result<Finding, String> {
        let found = match &self.forge {
            Forge::Local(forge) => {
                let digest = image.rsplit_once('@').map_or(image, |(_, digest)| digest);
                evidence::artifact_exists(forge.artifacts(), digest).await
            }
            Forge::GitHub { owner, token, .. } => {
                let (host, user) = (GITHUB_REGISTRY.to_owned(), owner.clone());
                let login = Login { host, user, password: token.clone() };
                evidence::image_exists(&self.egress, &Image::parse(image)?, Some(&login)).await
            }
        };
        found.map_err(|error| error.to_string())
    }
}

impl EvidenceChecker for Eyes {
    fn look<'a>(&'a self, evidence: Evidence<'a>) -> Look<'a> {
        Box::pin(async move {
            let finding = self.see(evidence).await?;
            if finding.holds { Ok(()) } else { Err(finding.detail) }
        })
    }
}
