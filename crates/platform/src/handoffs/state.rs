//! A handoff's states and who may decide it (`REQUIREMENTS 1.2, A8, A26, A27, A40`).
//!
//! ```text
//! pending_service_acceptance ──accept──▶ accepted ▪
//!             └──────────────reject──▶ rejected ▪   (fixed and submitted anew as another handoff)
//! ```
//!
//! The deadline of the review is a promise between teams: missing it is recorded and escalated
//! elsewhere, and decides nothing here.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long the service team has for its review (`REQUIREMENTS R87`).
pub const REVIEW_TIME: Duration = Duration::hours(24);

/// A handoff that has been submitted, with what is known in each state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum State {
    /// The service team is reviewing.
    PendingServiceAcceptance {
        /// Who submitted it.
        submitted_by: String,
        /// When the review should be done.
        ola_deadline: DateTime<Utc>,
    },
    /// The agent is `production_ready`. Final.
    Accepted {
        /// Who took it over.
        accepted_by: String,
        /// When.
        accepted_at: DateTime<Utc>,
    },
    /// Sent back. Final for this handoff.
    Rejected {
        /// Who sent it back.
        rejected_by: String,
        /// When.
        rejected_at: DateTime<Utc>,
        /// What is to be fixed.
        reason: String,
    },
}

/// What the reviewer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Take the agent over.
    Accept {
        /// Must be true: an acceptance with a reservation is a rejection.
        production_ready: bool,
    },
    /// Send it back.
    Reject {
        /// What is to be fixed.
        reason: String,
    },
}

/// Who decides, and under which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// The verified user: the subject of their credential.
    pub user: String,
    /// Whether this user may accept a handoff of their own: an Admin, or anyone where the
    /// installation says so (`REQUIREMENTS A27`).
    pub may_accept_own: bool,
}

/// Why a decision does not stand; the handoff is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has been decided before.
    #[error("this handoff is already {0}")]
    AlreadyDecided(&'static str),
    /// An acceptance that says the agent is not ready.
    #[error("production_ready must be true to accept; to send the agent back, reject the handoff")]
    NotProductionReady,
    /// The same person on both sides.
    #[error("a handoff is accepted by someone other than the one who submitted it")]
    OwnHandoff,
    /// Nothing to fix was named.
    #[error("a rejection needs a reason")]
    NoReason,
}

impl State {
    /// A new handoff, submitted at `now`.
    pub fn submitted(by: String, now: DateTime<Utc>) -> Self {
        Self::PendingServiceAcceptance { submitted_by: by, ola_deadline: now + REVIEW_TIME }
    }

    /// The state's name, in the database and in answers.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::PendingServiceAcceptance { .. } => "pending_service_acceptance",
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// The state after the reviewer's decision at `now`, before or after the deadline.
    ///
    /// # Errors
    /// [`Refused`], which says what stands against it.
    pub fn decide(&self, decision: Decision, reviewer: &Reviewer, now: DateTime<Utc>) -> Result<Self, Refused> {
        let Self::PendingServiceAcceptance { submitted_by, .. } = self else {
            return Err(Refused::AlreadyDecided(self.status()));
        };
        match decision {
            Decision::Accept { production_ready: false } => Err(Refused::NotProductionReady),
            Decision::Accept { .. } if *submitted_by == reviewer.user && !reviewer.may_accept_own => {
                Err(Refused::OwnHandoff)
            }
            Decision::Accept { .. } => Ok(Self::Accepted { accepted_by: reviewer.user.clone(), accepted_at: now }),
            Decision::Reject { reason } if reason.trim().is_empty() => Err(Refused::NoReason),
            Decision::Reject { reason } => {
                Ok(Self::Rejected { rejected_by: reviewer.user.clone(), rejected_at: now, reason })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const ACCEPT: Decision = Decision::Accept { production_ready: true };

    fn reviewer(user: &str, may_accept_own: bool) -> Reviewer {
        Reviewer { user: user.to_owned(), may_accept_own }
    }

    fn reject(reason: &str) -> Decision {
        Decision::Reject { reason: reason.into() }
    }

    /// Every pair of state and decision, by whoever decides: what REQUIREMENTS 1.2 allows, and nothing else.
    #[test]
    fn every_pair_of_state_and_decision_is_legal_or_refused() {
        let decide = |state: &State, decision, reviewer: &Reviewer| {
            state
                .decide(decision, reviewer, NOW)
                .map_or_else(|refused| format!("{refused:?}"), |to| to.status().to_owned())
        };
        let pending = State::submitted("maker".to_owned(), NOW);
        let [other, own, own_allowed] = [reviewer("taker", false), reviewer("maker", false), reviewer("maker", true)];
        let not_ready = Decision::Accept { production_ready: false };
        let legal = [
            (ACCEPT, ["accepted", "OwnHandoff", "accepted"]),
            (not_ready, ["NotProductionReady"; 3]),
            (reject("no runbook"), ["rejected"; 3]),
            (reject(" "), ["NoReason"; 3]),
        ];
        let accepted = pending.decide(ACCEPT, &other, NOW).unwrap();
        let rejected = pending.decide(reject("no runbook"), &other, NOW).unwrap();
        for (decision, expected) in legal {
            for (reviewer, expected) in [&other, &own, &own_allowed].into_iter().zip(expected) {
                assert_eq!(decide(&pending, decision.clone(), reviewer), expected, "{decision:?} by {reviewer:?}");
                for decided in [&accepted, &rejected] {
                    let expected = format!("AlreadyDecided({:?})", decided.status());
                    assert_eq!(decide(decided, decision.clone(), reviewer), expected);
                }
            }
        }
    }

    #[test]
    fn a_missed_deadline_decides_nothing() {
        let pending = State::submitted("maker".to_owned(), NOW);
        let late = NOW + REVIEW_TIME + Duration::days(30);
        assert!(pending.decide(ACCEPT, &reviewer("taker", false), late).is_ok());
        let json = serde_json::to_value(pending).unwrap();
        assert_eq!(json["ola_deadline"], "1970-01-02T00:00:00Z");
        assert_eq!(json["status"], "pending_service_acceptance");
    }
}
