//! A run in virtual time: what the world would answer stands in a file, and a year takes as long as its facts take to apply.
//!
//! ```text
//!   Scenarios::parse ─▶ Scenario ─┐
//!   Definition, Library ──────────┴▶ simulate ─▶ Report { timeline, phase, coverage, failures }
//!
//!   world.rs     the clock, the runs, and what happens next      answers.rs  what calls and child runs answer
//!   events.rs    which run gets which event                      gates.rs    gates and decisions
//!   expect.rs    what the scenario expects of the report         coverage.rs which tasks and branches were taken
//! ```
//!
//! The machine is the engine's own: nothing about the language is decided here. The rules by which events are delivered
//! are those of the router, the rules of gates those of the platform, each in a few lines.

mod answers;
mod coverage;
mod events;
mod expect;
mod gates;
mod report;
mod scenario;
mod world;

use std::sync::Arc;

use definitions::Definition;

pub use coverage::{Branch, Coverage};
pub(crate) use report::span;
pub use report::{Entry, Report};
pub use scenario::{Scenario, Scenarios};

use crate::Library;

/// Runs a definition through a scenario, and holds the result against what the scenario expects.
///
/// Child runs are runs of the definitions of `library`, unless the scenario answers for them.
#[must_use]
pub fn simulate(definition: &Arc<Definition>, scenario: &Scenario, library: &Library) -> Report {
    let unknown = scenario.unknown_references(definition, library);
    if !unknown.is_empty() {
        return Report::refused(unknown);
    }
    let mut report = world::World::new(definition, scenario, library).play();
    report.failures.extend(expect::unmet(&scenario.expect, &report));
    report
}

#[cfg(test)]
mod tests;
