//! Outside evidence is looked at before anything is written, and outside of any transaction.
//!
//! ```text
//! parse (eight items, complete) ─▶ verify (registry, pages, health) ─▶ submit (the SLA row, the state, one transaction)
//! ```
//!
//! What only the database knows, the SLA definition, is checked by the submission itself.

use std::pin::Pin;

use super::checklist::Submission;
use crate::input::{Invalid, Violation};

/// Something that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// An image that the registry has.
    Image(&'a str),
    /// An endpoint that answers a GET with 200.
    Health(&'a str),
    /// A page that can be opened.
    Page(&'a str),
}

/// The future of a look; an error says what was seen instead, in words.
pub type Look<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Looks at evidence, wherever it is.
pub trait EvidenceChecker: Send + Sync {
    /// Whether it shows what it should.
    fn look<'a>(&'a self, evidence: Evidence<'a>) -> Look<'a>;
}

/// A submission whose outside evidence has been looked at; there is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(Submission);

impl Verified {
    pub(super) fn submission(&self) -> &Submission {
        &self.0
    }
}

/// Looks at all outside evidence of a submission, at the same time.
///
/// # Errors
/// [`Invalid`] with every item whose evidence does not show what it should.
pub async fn verify(submission: Submission, checker: &dyn EvidenceChecker) -> Result<Verified, Invalid> {
    let list = &submission.handoff_checklist;
    let looks = tokio::join!(
        checker.look(Evidence::Image(&list.docker_image_built_and_pushed.evidence.image)),
        checker.look(Evidence::Page(&list.runbook_documented.evidence.url)),
        checker.look(Evidence::Health(&list.health_check_endpoint_working.evidence.url)),
        checker.look(Evidence::Page(&list.monitoring_dashboard_created.evidence.url)),
        checker.look(Evidence::Page(&list.load_testing_completed.evidence.url)),
    );
    let found = [
        ("docker_image_built_and_pushed", "image", looks.0),
        ("runbook_documented", "url", looks.1),
        ("health_check_endpoint_working", "url", looks.2),
        ("monitoring_dashboard_created", "url", looks.3),
        ("load_testing_completed", "url", looks.4),
    ];
    let violations: Vec<_> = found
        .into_iter()
        .filter_map(|(item, member, look)| {
            let path = format!("/handoff_checklist/{item}/evidence/{member}");
            look.err().map(|seen| Violation::new("evidence", path, seen))
        })
        .collect();
    if violations.is_empty() { Ok(Verified(submission)) } else { Err(Invalid(violations)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoffs::checklist::tests::complete;
    use crate::input::parse;

    /// Finds what it is told to find missing.
    struct Except(&'static [&'static str]);

    impl EvidenceChecker for Except {
        fn look<'a>(&'a self, evidence: Evidence<'a>) -> Look<'a> {
            let (Evidence::Image(name) | Evidence::Health(name) | Evidence::Page(name)) = evidence;
            let missing = self.0.contains(&name);
            Box::pin(async move { if missing { Err("answers 404".to_owned()) } else { Ok(()) } })
        }
    }

    #[tokio::test]
    async fn all_evidence_that_fails_is_named() {
        let submission: Submission = parse(complete()).unwrap();
        assert!(verify(submission.clone(), &Except(&[])).await.is_ok());
        let checker = Except(&["http://ada.local/health", "https://reports.local/ada/load"]);
        let invalid = verify(submission, &checker).await.unwrap_err();
        let found: Vec<_> = invalid.0.iter().map(|v| format!("{} {}", v.path, v.rule)).collect();
        assert_eq!(
            found,
            [
                "/handoff_checklist/health_check_endpoint_working/evidence/url evidence",
                "/handoff_checklist/load_testing_completed/evidence/url evidence",
            ]
        );
    }
}
