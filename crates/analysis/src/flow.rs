//! The flow of a definition as a graph: every way that the engine could take, and more rather than fewer.
//!
//! ```text
//!   list      a ──▶ b ──▶ c            a task is an `Enter` and a `Done` node, with what it does between them
//!   if        Enter ──▶ Skipped        goes on behind the task, whatever its `then` says
//!   switch    Enter ──▶ Chosen(case)   where no case holds: Done
//!   try       Enter ──▶ body ──▶ Done  body ══▶ Caught ──▶ handler | again | beyond
//!   fork      Enter ──▶ branches       joined by who searches the graph, not by edges
//!   timeout   everything within ══▶ where an error of the task goes
//!   child     Enter ──▶ its own flow, with its ends where a run of it ends
//! ```
//!
//! Called functions and child workflows are part of the graph, each call with nodes of its own. Errors are assumed wherever
//! one is possible, and every error is assumed to fit every `catch` that looks for some. What is left out of the graph would
//! make a proof wrong; what is too much in it only makes a proof harder.

mod build;
mod error;
mod timer;

use std::sync::Arc;

use definitions::{Definition, Pointer, Task};

pub(crate) use build::flow;

/// A node's number.
pub(crate) type NodeId = usize;

/// The graph.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Vec<Edge>>,
    pub(crate) forks: Vec<ForkNodes>,
    /// Child runs that nobody waits for: the node that starts one, and its nodes.
    pub(crate) spawned: Vec<(NodeId, std::ops::Range<NodeId>)>,
    /// Where the run starts.
    pub(crate) entry: NodeId,
    /// Workflows that are run and are not there to be looked into.
    pub(crate) missing: Vec<String>,
}

/// A moment of a task.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// The task; none at the ends of a run.
    pub(crate) task: Option<Arc<Task>>,
    /// For people: the child workflows that lead to the task.
    pub(crate) within: Arc<str>,
    /// Whether what waits here cannot wait for ever unnoticed: a time limit is set around it, or a timer runs beside it.
    pub(crate) bounded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// The task is reached.
    Enter,
    /// Its `if` does not hold.
    Skipped,
    /// The `switch` takes this case.
    Chosen(usize),
    /// What is within the task has ended; its output is still to be computed.
    Closing,
    /// The task has ended with an output.
    Done,
    /// A `for` goes on with its next item, or has none.
    Iterating,
    /// An error has reached the `try`.
    Caught,
    /// A branch of a `fork` has ended.
    BranchEnd,
    /// The run has completed.
    Completed,
    /// The run has faulted.
    Faulted,
}

/// A step from one node to another.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) to: NodeId,
    pub(crate) why: Why,
    /// The branches of forks that the step leaves before they have ended.
    pub(crate) leaves: Vec<BranchId>,
}

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is the order of tasks, or a directive.
    Flow,
    /// A branch of a `fork` starts.
    Branch,
    /// An error happens that no task was written to raise.
    Error,
    /// A `raise` task raises one.
    Raise,
    /// A time limit passes.
    Timeout,
    /// A `try` tries again.
    Retry,
    /// A `try` handles the error.
    Handle,
    /// A `try` lets the error pass.
    Pass,
    /// A fork has ended: a race by this branch, any other by all.
    Joined(Option<usize>),
    /// A child run starts.
    Child,
    /// A child run was cancelled by somebody.
    Cancelled,
    /// A child run calls one that it is within: nothing is known of what it does.
    Recursion,
}

/// A branch of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BranchId {
    pub(crate) fork: usize,
    pub(crate) branch: usize,
}

/// The nodes of a fork.
#[derive(Debug)]
pub(crate) struct ForkNodes {
    pub(crate) enter: NodeId,
    /// Reached when the fork has ended.
    pub(crate) joined: NodeId,
    pub(crate) compete: bool,
    pub(crate) branches: Vec<BranchNodes>,
}

/// The nodes of a branch: a range, for they are built one after the other.
#[derive(Debug, Clone)]
pub(crate) struct BranchNodes {
    pub(crate) entry: NodeId,
    pub(crate) end: NodeId,
    pub(crate) range: std::ops::Range<NodeId>,
}

impl Flow {
    /// The fork that starts at a node.
    pub(crate) fn fork_at(&self, node: NodeId) -> Option<usize> {
        self.forks.iter().position(|fork| fork.enter == node)
    }

    /// The branches that a node is in, of the forks from number `first` on.
    pub(crate) fn branches_around(&self, node: NodeId, first: usize) -> Vec<BranchId> {
        let forks = self.forks.iter().enumerate().skip(first);
        let within = forks.filter_map(|(fork, nodes)| {
            let branch = nodes.branches.iter().position(|branch| branch.range.contains(&node))?;
            Some(BranchId { fork, branch })
        });
        within.collect()
    }

    /// The pointer of a node's task.
    pub(crate) fn pointer(&self, node: NodeId) -> Pointer {
        self.nodes[node].task.as_ref().map_or_else(Pointer::root, |task| task.pointer.clone())
    }
}

/// The definitions around a node, the innermost last: a child that is among them runs itself.
#[derive(Debug, Clone)]
pub(crate) struct Around<'d> {
    pub(crate) definition: &'d Definition,
    pub(crate) entry: NodeId,
}
