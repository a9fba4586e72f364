//! A path that breaks a guard, for people.

use std::fmt;

use definitions::{Pointer, TaskKind};
use serde::Serialize;

use super::{
    search::{State, telling},
    selector::Selector,
};
use crate::{
    flow::{Flow, NodeId, NodeKind, Why},
    place,
};

/// The shortest path that breaks a guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counterexample {
    /// What is wrong where the path ends.
    pub problem: String,
    /// The path, from the start of the run.
    pub path: Vec<Stop>,
}

/// A stop on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The task.
    pub pointer: Pointer,
    /// What happens there.
    pub what: String,
}

impl Counterexample {
    pub(crate) fn new(flow: &Flow, trail: &[(State, Option<Why>)], missing: Option<&Vec<Selector>>) -> Self {
        let end = trail.last().map(|(state, _)| name(flow, state.node)).unwrap_or_default();
        let problem = match missing {
            Some(selectors) => format!("{end} is reached without {}", any(selectors)),
            None => format!("{end} is reached, and must not be"),
        };
        Self { problem, path: stops(flow, trail.iter().map(|(state, why)| (state.node, *why))) }
    }

    pub(crate) fn at(flow: &Flow, trail: &[(NodeId, Option<Why>)], problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), path: stops(flow, trail.iter().copied()) }
    }
}

fn any(selectors: &[Selector]) -> String {
    let words: Vec<_> = selectors.iter().map(ToString::to_string).collect();
    if words.is_empty() { "what must be passed".to_owned() } else { words.join(" or ") }
}

fn stops(flow: &Flow, trail: impl Iterator<Item = (NodeId, Option<Why>)>) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    for (node, why) in trail.filter(|(node, why)| telling(flow, *node, *why)) {
        let stop = Stop { pointer: flow.pointer(node), what: words(flow, node, why) };
        if stops.last() != Some(&stop) {
            stops.push(stop);
        }
    }
    stops
}

fn name(flow: &Flow, node: NodeId) -> String {
    match flow.nodes[node].kind {
        NodeKind::Completed => "the end of the run".to_owned(),
        NodeKind::Faulted => "the failure of the run".to_owned(),
        _ => format!("`{}{}`", flow.nodes[node].within, place(&flow.pointer(node))),
    }
}

/// What happens at a node, and how it came to that.
fn words(flow: &Flow, node: NodeId, why: Option<Why>) -> String {
    let name = name(flow, node);
    let here = match flow.nodes[node].kind {
        NodeKind::Skipped => format!("{name} is skipped: its `if` does not hold"),
        NodeKind::Chosen(case) => match flow.nodes[node].task.as_ref().map(|task| &task.kind) {
            Some(TaskKind::Switch(cases)) => format!("{name} takes the case `{}`", cases[case].name),
            _ => name,
        },
        NodeKind::Caught => format!("{name} catches it"),
        NodeKind::Completed => "the run completes".to_owned(),
        NodeKind::Faulted => "the run fails".to_owned(),
        NodeKind::Enter | NodeKind::Closing | NodeKind::Done | NodeKind::Iterating | NodeKind::BranchEnd => name,
    };
    match why {
        Some(Why::Error) => format!("an error: {here}"),
        Some(Why::Raise) => format!("the error that it raises: {here}"),
        Some(Why::Timeout) => format!("the time runs out: {here}"),
        Some(Why::Retry) => format!("tried again: {here}"),
        Some(Why::Handle) if flow.nodes[node].kind == NodeKind::Closing => format!("{here} goes on in spite of it"),
        Some(Why::Handle) => format!("handled: {here}"),
        Some(Why::Pass) => format!("not handled: {here}"),
        Some(Why::Child) => format!("the child run starts: {here}"),
        Some(Why::Cancelled) => format!("somebody cancels the child run: {here}"),
        Some(Why::Recursion) => format!("the child runs what it is part of: {here}"),
        Some(Why::Joined(first)) => match flow.nodes[node].task.as_ref().map(|task| &task.kind).zip(first) {
            Some((TaskKind::Fork(fork), first)) => {
                format!("{here} ends: its branch `{}` is the first", fork.branches[first].name)
            }
            _ => format!("{here} ends: all its branches have"),
        },
        Some(Why::Branch) => format!("in a branch: {here}"),
        Some(Why::Flow) | None => here,
    }
}

impl fmt::Display for Counterexample {
    /// The problem, and the path below it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        for (index, stop) in self.path.iter().enumerate() {
            write!(f, "\n  {}. {}", index + 1, stop.what)?;
        }
        Ok(())
    }
}
