//! Guards over all paths: proved, or refuted with the shortest path that breaks one.
//!
//! ```text
//!   Guards::parse ─▶ Guard ─▶ an automaton: how much of what must be passed has been passed
//!   Definition, Library ─▶ flow graph ──┴─▶ breadth-first over (node, passed so far) ─▶ Verdict
//! ```
//!
//! The graph holds every way that the engine could take and more (`flow`), and what is concurrent is ordered in the worst
//! way (`search`). So what is proved holds; what is refuted comes with a path that a person can judge.
//!
//! What is *not* proved: what expressions compute. A guard can hold a `case` to the very text of its condition, and a field
//! of `$context` to the task that may write it; beyond that, data is not followed.

mod bounds;
mod counterexample;
mod guards;
mod search;
mod selector;

use definitions::{Definition, DefinitionId};

pub use counterexample::Counterexample;
pub use guards::{Guard, Guards};

use crate::{Library, flow::flow};
use guards::Rule;

/// What became of a guard over one definition.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The guard's name.
    pub guard: String,
    /// The definition.
    pub definition: DefinitionId,
    /// What became of it.
    pub verdict: Verdict,
}

/// Whether a guard holds.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// On every path.
    Proved {
        /// How many states were looked at.
        states: usize,
    },
    /// Not on this one.
    Refuted(Counterexample),
    /// It cannot be said, for this reason.
    Unknown(String),
}

impl Verdict {
    /// Whether the guard holds.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        matches!(self, Self::Proved { .. })
    }
}

/// Holds every guard that applies to a definition against it. A guard for all workflows is left out where a definition has
/// nothing for it to protect; one that names the workflow is not.
#[must_use]
pub fn verify(definition: &Definition, guards: &Guards, library: &Library) -> Vec<Finding> {
    if !guards.applies_to(&definition.id) {
        return Vec::new();
    }
    let flow = flow(definition, library);
    let mut findings = Vec::new();
    for guard in &guards.guards {
        let verdict = match &guard.rule {
            _ if !flow.missing.is_empty() => {
                let missing = flow.missing.join(", ");
                Verdict::Unknown(format!("it runs what cannot be looked into: {missing}"))
            }
            Rule::Path(path) => {
                let marks = search::marks(&flow, path);
                if !marks.protect_anything() {
                    if guards.is_general() {
                        continue;
                    }
                    let nothing = "it protects nothing: no task is what it looks for".to_owned();
                    Verdict::Unknown(nothing)
                } else {
                    search::search(&flow, path, &marks)
                }
            }
            Rule::Ends => bounds::ends(&flow),
            Rule::Bounded(what) => bounds::bounded(&flow, *what),
        };
        findings.push(Finding { guard: guard.name.clone(), definition: definition.id.clone(), verdict });
    }
    findings
}

#[cfg(test)]
mod tests;
