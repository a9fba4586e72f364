//! Looking at the evidence of a handoff: the artifact registry, the agent's health, pages.

use std::sync::Arc;

use functions::{
    egress::Egress,
    evidence::{self, Finding},
    forge::Local,
};
use platform::handoffs::{Evidence, EvidenceChecker, Look};

/// Looks where this service can: at its local forge's registry, and by HTTP.
#[derive(Debug)]
pub(crate) struct Eyes {
    forge: Arc<Local>,
    egress: Egress,
}

impl Eyes {
    pub(crate) fn new(forge: Arc<Local>, egress: Egress) -> Self {
        Self { forge, egress }
    }

    async fn see(&self, evidence: Evidence<'_>) -> Result<Finding, String> {
        let found = match evidence {
            Evidence::Image(image) => {
                let digest = image.rsplit_once('@').map_or(image, |(_, digest)| digest);
                evidence::artifact_exists(self.forge.artifacts(), digest).await
            }
            Evidence::Health(url) | Evidence::Page(url) => {
                let url = url.parse().map_err(|_| format!("`{url}` is not a URL"))?;
                evidence::url_answers(&self.egress, &url).await
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
