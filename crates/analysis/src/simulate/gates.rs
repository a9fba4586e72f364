//! Gates in a simulation: `open-gate` and `expire-gate` as the platform has them, and the decisions of the scenario.
//!
//! Kept from the platform: roles (the Admin always may), quorum, four eyes, nobody votes twice, a rejection needs a reason,
//! and a timeout never approves.

use std::collections::BTreeSet;

use definitions::{Data, Delay, Pointer};
use engine::Timestamp;
use serde_json::{Value, json};

use super::scenario::{Decision, Verdict};

/// The type of the event that says what became of a gate.
pub(crate) const RESOLVED: &str = "com.stationmaster.gate.resolved";

/// A gate that was opened.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Its identifier.
    pub(crate) id: String,
    /// The task that opened it.
    pub(crate) pointer: Pointer,
    title: String,
    roles: BTreeSet<String>,
    quorum: u64,
    four_eyes: bool,
    requested_by: Option<String>,
    expires_at: Option<Timestamp>,
    state: &'static str,
    approvals: u64,
    decisions: Vec<Value>,
    voters: BTreeSet<String>,
}

impl Gate {
    /// The gate that a call of `open-gate` opens.
    pub(crate) fn open(number: usize, pointer: &Pointer, arguments: &Data, now: Timestamp) -> Self {
        let asked = Value::from(arguments);
        let text = |name: &str| asked[name].as_str().map(str::to_owned);
        let roles = asked["roles"].as_array().into_iter().flatten().filter_map(|role| role.as_str().map(str::to_owned));
        let expires_after = arguments.get("expiresAfter").and_then(|after| Delay::from_data(&after).ok());
        Self {
            id: format!("gate-{number}"),
            pointer: pointer.clone(),
            title: text("title").unwrap_or_default(),
            roles: roles.chain(["admin".to_owned()]).collect(),
            quorum: asked["quorum"].as_u64().unwrap_or(1),
            four_eyes: asked["fourEyes"].as_bool().unwrap_or_default(),
            requested_by: text("requestedBy"),
            expires_at: expires_after.and_then(|after| now.checked_add_signed(after)),
            state: "pending",
            approvals: 0,
            decisions: Vec::new(),
            voters: BTreeSet::new(),
        }
    }

    /// The gate in words.
    pub(crate) fn describe(&self) -> String {
        let roles = Vec::from_iter(self.roles.iter().map(String::as_str)).join(", ");
        format!("opens {} for {} of {roles}: {}", self.id, self.quorum, self.title)
    }

    /// Which of the decisions, in their order, an opening of this gate uses up: those that resolve it, and those before them
    /// that are expected not to count. The next opening has the ones that follow.
    pub(crate) fn takes<'d>(&self, decisions: impl Iterator<Item = (usize, &'d Decision)>) -> Vec<usize> {
        let (mut taken, mut approvals) = (Vec::new(), 0);
        for (index, decision) in decisions.filter(|(_, decision)| decision.gate.encloses(&self.pointer)) {
            taken.push(index);
            approvals += u64::from(!decision.refused);
            if !decision.refused && (decision.verdict == Verdict::Reject || approvals >= self.quorum) {
                break;
            }
        }
        taken
    }

    /// Counts a decision; gives the event's data if that ended the gate, or why it does not count.
    pub(crate) fn decide(&mut self, decision: &Decision, now: Timestamp) -> Result<Option<Data>, &'static str> {
        let reason = decision.reason.as_deref().unwrap_or_default();
        let refusal = [
            (self.state != "pending", "the gate is resolved"),
            (self.expires_at.is_some_and(|end| now >= end), "the gate has expired"),
            (!self.roles.contains(&decision.role), "the role may not decide"),
            (self.four_eyes && self.requested_by.as_ref() == Some(&decision.by), "four eyes are needed"),
            (self.voters.contains(&decision.by), "nobody decides twice"),
            (decision.verdict == Verdict::Reject && reason.trim().is_empty(), "a rejection needs a reason"),
        ];
        if let Some((_, why)) = refusal.into_iter().find(|(refused, _)| *refused) {
            return Err(why);
        }
        self.voters.insert(decision.by.clone());
        let verdict = match decision.verdict {
            Verdict::Approve => "approve",
            Verdict::Reject => "reject",
        };
        self.decisions.push(json!({
            "decidedBy": decision.by, "role": decision.role, "verdict": verdict, "reason": decision.reason,
            "decidedAt": now,
        }));
        match decision.verdict {
            Verdict::Reject => self.state = "rejected",
            Verdict::Approve => {
                self.approvals += 1;
                if self.approvals >= self.quorum {
                    self.state = "approved";
                }
            }
        }
        Ok((self.state != "pending").then(|| self.data()))
    }

    /// The answer of `expire-gate`: what the gate became. A decision that came first wins.
    pub(crate) fn expire(&mut self) -> Data {
        if self.state == "pending" {
            self.state = "expired";
        }
        self.data()
    }

    /// What became of it.
    pub(crate) fn data(&self) -> Data {
        let value = json!({
            "gate": self.id, "state": self.state, "approvals": self.approvals, "decisions": self.decisions,
        });
        value.into()
    }
}
