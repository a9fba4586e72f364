//! The flow of a definition as a picture: SVG for people, Mermaid for documents, with a run's progress in either.
//!
//! ```text
//!   Definition ─▶ outline ─┬─▶ layout ─▶ svg       boxes in the order of their lists, cases with their own arrows
//!                Progress ─┤
//!                          └─▶ mermaid             the same nodes and arrows, laid out by whoever renders it
//! ```
//!
//! A called function is one box: what is within it has a picture of its own.

mod layout;
mod mermaid;
mod outline;
mod progress;
mod svg;

use definitions::Definition;

pub use progress::Progress;

/// The flow as an SVG document.
#[must_use]
pub fn svg(definition: &Definition, progress: Option<&Progress>) -> String {
    svg::draw(&layout::lay_out(&outline::outline(definition)), &definition.id.to_string(), progress)
}

/// The flow as a Mermaid flowchart.
#[must_use]
pub fn mermaid(definition: &Definition, progress: Option<&Progress>) -> String {
    mermaid::write(&outline::outline(definition), progress)
}

#[cfg(test)]
mod tests;
