//! The orchestrator hears once of what went wrong (`REQUIREMENTS R61, R64`), whenever a worker dies.

use platform::{creations::Options, functions::Genesis};
use serde_json::json;

use crate::house::House;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    Rejection,
    FailedBuild,
}

impl Mishap {
    fn subject(self) -> &'static str {
        match self {
            Self::Rejection => "Genesis rejected Ada",
            Self::FailedBuild => "CI failed for Ada",
        }
    }

    /// Lets it happen.
    async fn strike(self, house: &mut House) {
        let overreach = json!({"data": {"scopes": [{"name": "industry_data", "access": "read"}]}});
        match self {
            Self::Rejection => {
                house.request(overreach, Options::default()).await;
            }
            Self::FailedBuild => {
                let requested = house.request(json!({}), Options::default()).await;
                house.committed("listens com.github.workflow_run.completed").await;
                house.stage(&requested, "lint", "failure").await;
            }
        }
    }

    /// Waits until the run has no more to do.
    async fn is_over(self, house: &mut House) {
        match self {
            Self::Rejection => house.committed("phase completed").await,
            Self::FailedBuild => {
                house.committed("listens com.stationmaster.creation.retry.v1").await;
                house.committed("parked").await;
            }
        }
    }
}

async fn is_told_once(mishap: Mishap) {
    let mut house = House::build(Genesis::BuiltIn(None)).await;
    let _worker = house.work();
    mishap.strike(&mut house).await;
    let letter = house.post.letter().await;
    assert_eq!(letter.header("To"), "ada@example.com");
    assert_eq!(letter.header("Subject"), mishap.subject());
    mishap.is_over(&mut house).await;
    assert!(house.post.is_empty(), "one mail");
}

/// The worker dies when the mail server has the mail and the database does not know it: the mail is sent again, as the same.
async fn is_told_once_across_a_crash(mishap: Mishap) {
    let mut house = House::build(Genesis::BuiltIn(None)).await;
    let worker = house.work();
    house.post.keep_quiet();
    mishap.strike(&mut house).await;
    let first = house.post.letter().await;
    worker.kill().await;
    house.post.go_on();

    let _worker = house.work();
    let second = house.post.letter().await;
    assert_eq!(first.header("Message-ID"), second.header("Message-ID"));
    assert_eq!(second.header("Subject"), mishap.subject());
    mishap.is_over(&mut house).await;
    assert!(house.post.is_empty(), "no third");
}

#[tokio::test]
async fn a_rejection_is_told_once() {
    is_told_once(Mishap::Rejection).await;
}

#[tokio::test]
async fn a_failed_build_is_told_once() {
    is_told_once(Mishap::FailedBuild).await;
}

#[tokio::test]
async fn a_rejection_is_told_once_across_a_crash() {
    is_told_once_across_a_crash(Mishap::Rejection).await;
}

#[tokio::test]
async fn a_failed_build_is_told_once_across_a_crash() {
    is_told_once_across_a_crash(Mishap::FailedBuild).await;
}
