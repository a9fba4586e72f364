//! Guards about the whole graph: that every path ends, and that nothing waits for ever unnoticed.

use std::collections::{BTreeSet, HashMap, VecDeque};

use definitions::TaskKind;

use super::{
    Counterexample, Verdict,
    guards::Waiting,
    selector::{GATE, Given, given},
};
use crate::{
    flow::{Flow, NodeId, NodeKind, Why},
    place::function,
};

/// Every edge of the graph, those of forks included.
fn edges(flow: &Flow) -> Vec<(NodeId, NodeId, Why)> {
    let plain =
        flow.edges.iter().enumerate().flat_map(|(from, edges)| edges.iter().map(move |edge| (from, edge.to, edge.why)));
    let forks = flow.forks.iter().flat_map(|fork| {
        let starts = fork.branches.iter().map(|branch| (fork.enter, branch.entry, Why::Branch));
        starts.chain(fork.branches.iter().map(|branch| (branch.end, fork.joined, Why::Joined(None))))
    });
    plain.chain(forks).collect()
}

/// The shortest ways from the start to everything.
struct Ways(HashMap<NodeId, Option<(NodeId, Why)>>);

impl Ways {
    fn of(flow: &Flow) -> (Self, Vec<NodeId>) {
        let mut next: HashMap<NodeId, Vec<(NodeId, Why)>> = HashMap::new();
        edges(flow).into_iter().for_each(|(from, to, why)| next.entry(from).or_default().push((to, why)));
        let mut ways = HashMap::from([(flow.entry, None)]);
        let (mut order, mut open) = (Vec::new(), VecDeque::from([flow.entry]));
        while let Some(node) = open.pop_front() {
            order.push(node);
            for (to, why) in next.get(&node).into_iter().flatten() {
                if !ways.contains_key(to) {
                    ways.insert(*to, Some((node, *why)));
                    open.push_back(*to);
                }
            }
        }
        (Self(ways), order)
    }

    fn to(&self, node: NodeId) -> Vec<(NodeId, Option<Why>)> {
        let mut trail = Vec::new();
        let mut next = Some(node);
        while let Some(node) = next {
            let from = self.0.get(&node).copied().flatten();
            trail.push((node, from.map(|(_, why)| why)));
            next = from.map(|(node, _)| node);
        }
        trail.reverse();
        trail
    }
}

/// Proves that a run can come to an end from wherever it is, without the help of an accident.
pub(crate) fn ends(flow: &Flow) -> Verdict {
    let mut before: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for (from, to, why) in edges(flow) {
        if !matches!(why, Why::Error | Why::Cancelled) {
            before.entry(to).or_default().push(from);
        }
    }
    let ends =
        (0..flow.nodes.len()).filter(|node| matches!(flow.nodes[*node].kind, NodeKind::Completed | NodeKind::Faulted));
    let mut open: Vec<_> = ends.collect();
    let mut ending: BTreeSet<_> = open.iter().copied().collect();
    while let Some(node) = open.pop() {
        open.extend(before.get(&node).into_iter().flatten().filter(|from| ending.insert(**from)));
    }
    let (ways, order) = Ways::of(flow);
    let trapped = order.iter().find(|node| !ending.contains(node) && flow.nodes[**node].kind == NodeKind::Enter);
    match trapped {
        None => Verdict::Proved { states: order.len() },
        Some(node) => {
            let problem = "from here no path leads to an end";
            Verdict::Refuted(Counterexample::at(flow, &ways.to(*node), problem))
        }
    }
}

/// Proves that what waits has a time limit, or a timer that runs beside it.
pub(crate) fn bounded(flow: &Flow, waiting: Waiting) -> Verdict {
    let unbounded = |node: &&NodeId| {
        let node = &flow.nodes[**node];
        let Some(task) = node.task.as_ref().filter(|_| node.kind == NodeKind::Enter && !node.bounded) else {
            return false;
        };
        match (&task.kind, waiting) {
            (TaskKind::Listen(_), Waiting::Listens) => true,
            (TaskKind::Call(call), Waiting::Gates) => {
                let gate = function(task).is_some_and(|(name, _)| name == GATE);
                let expires = match given(&call.with, "expiresAfter") {
                    Given::Absent => false,
                    Given::Computed => true,
                    Given::Value(value) => !value.is_null(),
                };
                gate && !expires
            }
            _ => false,
        }
    };
    let (ways, order) = Ways::of(flow);
    match order.iter().find(unbounded) {
        None => Verdict::Proved { states: order.len() },
        Some(node) => {
            let problem = match waiting {
                Waiting::Gates => "this gate has no expiry, no time limit and no reminder",
                Waiting::Listens => "nothing limits how long this waits",
            };
            Verdict::Refuted(Counterexample::at(flow, &ways.to(*node), problem))
        }
    }
}
