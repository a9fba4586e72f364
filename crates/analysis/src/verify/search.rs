//! Breadth-first search over (node, how much has been passed): the shortest path to something that is not protected.
//!
//! A state is how many of a guard's passages have been made, in their order. More is never worse than less, for whoever
//! stands at a node with more passages can do nothing that is forbidden to one with less; so wherever it is not known how
//! branches interleave, the least that is certain is taken:
//!
//! - A branch starts with what was passed before its fork, and what it passes is its own until it ends.
//! - All branches of a fork have ended behind it: the most that one of them has passed for certain counts. Of a race only the
//!   winner has.
//! - If a branch may void what was passed, nothing is certain in the branches beside it, and behind the fork only what that
//!   branch itself has passed.
//! - A passage that is good for once is given to one branch; where two branches may use it up, none has it.
//! - A child run that nobody waits for is a branch that never ends.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{
    Counterexample, Verdict,
    guards::Path,
    selector::{Moment, Selector},
};
use crate::flow::{BranchId, Edge, Flow, NodeId, NodeKind, Why};

/// How many passages have been made.
pub(crate) type Passed = usize;

/// What a guard says about each node.
#[derive(Debug)]
pub(crate) struct Marks {
    nodes: Vec<Mark>,
    needed: Passed,
    once: bool,
}

#[derive(Debug, Clone, Default)]
struct Mark {
    /// What is protected is about to happen.
    target: bool,
    /// What is protected has happened.
    used: bool,
    /// What has been passed no longer counts.
    void: bool,
    /// Which passages are made here.
    passes: BTreeSet<Passed>,
    /// Something beside this node may void what has been passed, at any moment.
    shaken: bool,
}

/// A step of the search, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) node: NodeId,
    pub(crate) passed: Passed,
}

impl Marks {
    /// Whether there is something that the guard protects.
    pub(crate) fn protect_anything(&self) -> bool {
        self.nodes.iter().any(|mark| mark.target)
    }

    /// Whether a run through these nodes may void what was passed, or use it up.
    fn may_void(&self, flow: &Flow, mut nodes: std::ops::Range<NodeId>) -> bool {
        nodes.any(|node| self.nodes[node].void || (self.once && self.nodes[node].used) || recurses(flow, node))
    }

    fn may_reach(&self, flow: &Flow, mut nodes: std::ops::Range<NodeId>) -> bool {
        nodes.any(|node| self.nodes[node].target || recurses(flow, node))
    }

    fn shakes(&self, flow: &Flow, mut nodes: std::ops::Range<NodeId>) -> bool {
        nodes.any(|node| self.nodes[node].void || recurses(flow, node))
    }

    /// What a state is after its node, given what was passed before it.
    fn after(&self, node: NodeId, passed: Passed) -> Passed {
        let mark = &self.nodes[node];
        let passed = if mark.void { 0 } else { passed };
        let passed = if mark.passes.contains(&passed) && !mark.shaken { passed + 1 } else { passed };
        if self.once && mark.used { 0 } else { passed }
    }
}

fn recurses(flow: &Flow, node: NodeId) -> bool {
    flow.edges[node].iter().any(|edge| edge.why == Why::Recursion)
}

/// Finds what a guard speaks of.
pub(crate) fn marks(flow: &Flow, path: &Path) -> Marks {
    let any = |selectors: &[Selector], node: NodeId, moment: Moment| {
        selectors.iter().any(|selector| selector.selects(&flow.nodes[node], moment))
    };
    let mark = |node: NodeId| {
        let passes = path.passes.iter().enumerate();
        let passes = passes.filter(|(_, selectors)| any(selectors, node, Moment::Passed)).map(|(index, _)| index);
        Mark {
            target: any(&path.before, node, Moment::Reached),
            used: any(&path.before, node, Moment::Passed),
            void: any(&path.since, node, Moment::Reached),
            passes: passes.collect(),
            shaken: false,
        }
    };
    let nodes = (0..flow.nodes.len()).map(mark).collect();
    let mut marks = Marks { nodes, needed: path.passes.len(), once: path.once };
    shake(flow, &mut marks);
    marks
}

/// Marks what stands beside something that may void what was passed.
fn shake(flow: &Flow, marks: &mut Marks) {
    let mut shaken = Vec::new();
    for fork in &flow.forks {
        for (index, branch) in fork.branches.iter().enumerate() {
            let mut others = fork.branches.iter().enumerate().filter(|(other, _)| *other != index);
            if others.any(|(_, other)| marks.shakes(flow, other.range.clone())) {
                shaken.push(branch.range.clone());
            }
        }
    }
    for (spawner, child) in &flow.spawned {
        let beside = reachable(flow, *spawner, child);
        if beside.iter().any(|node| marks.shakes(flow, *node..*node + 1)) {
            shaken.push(child.clone());
        }
        if marks.shakes(flow, child.clone()) {
            shaken.extend(beside.into_iter().map(|node| node..node + 1));
        }
    }
    shaken.into_iter().flatten().for_each(|node| marks.nodes[node].shaken = true);
}

/// What can still happen outside a child run after it was started.
fn reachable(flow: &Flow, from: NodeId, child: &std::ops::Range<NodeId>) -> BTreeSet<NodeId> {
    let (mut found, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(node) = open.pop() {
        let joined = flow.forks.iter().filter(|fork| fork.branches.iter().any(|branch| branch.end == node));
        let next = flow.edges[node].iter().map(|edge| edge.to).chain(joined.map(|fork| fork.joined));
        let branches = flow.fork_at(node).map(|fork| &flow.forks[fork].branches).into_iter().flatten();
        for next in next.chain(branches.map(|branch| branch.entry)) {
            if !child.contains(&next) && found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

/// Proves or refutes a guard.
pub(crate) fn search(flow: &Flow, path: &Path, marks: &Marks) -> Verdict {
    let mut search = Search { flow, marks, ends: HashMap::new() };
    let start = State { node: flow.entry, passed: if path.passed_at_start { marks.needed } else { 0 } };
    let explored = search.explore(start, &(0..flow.nodes.len()), true);
    match explored.violation {
        None => Verdict::Proved { states: explored.from.len() },
        Some((state, passed)) => {
            let missing = (!path.passed_at_start).then(|| path.passes.get(passed)).flatten();
            Verdict::Refuted(Counterexample::new(flow, &explored.trail(state), missing))
        }
    }
}

struct Search<'f> {
    flow: &'f Flow,
    marks: &'f Marks,
    /// With how little a branch may end, by what it starts with; nothing where it never ends.
    ends: HashMap<(BranchId, Passed), Option<Passed>>,
}

/// What a search has seen.
struct Explored {
    from: HashMap<State, Option<(State, Why)>>,
    /// Where the guard is broken, and how much had been passed there.
    violation: Option<(State, Passed)>,
}

impl Explored {
    /// The way to a state, from the start.
    fn trail(&self, state: State) -> Vec<(State, Option<Why>)> {
        let mut trail = Vec::new();
        let mut next = Some(state);
        while let Some(state) = next {
            let from = self.from.get(&state).copied().flatten();
            trail.push((state, from.map(|(_, why)| why)));
            next = from.map(|(state, _)| state);
        }
        trail.reverse();
        trail
    }
}

impl Search<'_> {
    /// Sees everything that can be reached within some nodes, nearest first; stops at the first violation if asked to.
    fn explore(&mut self, start: State, within: &std::ops::Range<NodeId>, stop: bool) -> Explored {
        let mut explored = Explored { from: HashMap::from([(start, None)]), violation: None };
        let mut open = VecDeque::from([start]);
        while let Some(state) = open.pop_front() {
            let mark = &self.marks.nodes[state.node];
            let passed = if mark.void { 0 } else { state.passed };
            if stop && mark.target && (passed < self.marks.needed || self.uncertain(state.node)) {
                explored.violation = Some((state, passed));
                return explored;
            }
            for (next, why) in self.next(state) {
                if within.contains(&next.node) && !explored.from.contains_key(&next) {
                    explored.from.insert(next, Some((state, why)));
                    open.push_back(next);
                }
            }
        }
        explored
    }

    /// Whether what has been passed may be voided from beside, between a passage and what it is for.
    fn uncertain(&self, node: NodeId) -> bool {
        self.marks.nodes[node].shaken && self.marks.needed > 0
    }

    fn next(&mut self, state: State) -> Vec<(State, Why)> {
        let flow = self.flow;
        let passed = self.marks.after(state.node, state.passed);
        let mut next = Vec::new();
        for edge in &flow.edges[state.node] {
            next.push((State { node: edge.to, passed: self.along(edge, state.node, passed) }, edge.why));
        }
        if let Some(fork) = flow.fork_at(state.node) {
            for branch in 0..flow.forks[fork].branches.len() {
                let entry = flow.forks[fork].branches[branch].entry;
                let passed = self.at_branch(fork, branch, passed);
                next.push((State { node: entry, passed }, Why::Branch));
            }
            let joined = flow.forks[fork].joined;
            let ways = self.joined(fork, passed).into_iter();
            next.extend(ways.map(|(passed, first)| (State { node: joined, passed }, Why::Joined(first))));
        }
        next
    }

    /// What is passed for certain at the end of an edge.
    fn along(&self, edge: &Edge, from: NodeId, passed: Passed) -> Passed {
        if edge.why == Why::Recursion {
            return 0;
        }
        let mut children = self.flow.spawned.iter().filter(|(spawner, _)| *spawner == from && edge.why != Why::Child);
        let given_away = self.marks.once && children.any(|(_, child)| self.marks.may_reach(self.flow, child.clone()));
        let left = edge.leaves.iter().any(|left| self.others_may_void(*left));
        if left || given_away { 0 } else { passed }
    }

    fn others_may_void(&self, left: BranchId) -> bool {
        let branches = self.flow.forks[left.fork].branches.iter().enumerate();
        let mut others = branches.filter(|(index, _)| *index != left.branch);
        others.any(|(_, other)| self.marks.may_void(self.flow, other.range.clone()))
    }

    /// What a branch starts with.
    fn at_branch(&self, fork: usize, branch: usize, passed: Passed) -> Passed {
        let fork = &self.flow.forks[fork];
        let users = fork.branches.iter().filter(|branch| self.marks.may_reach(self.flow, branch.range.clone())).count();
        let shared = self.marks.once && users > 1;
        if shared || self.marks.nodes[fork.branches[branch].entry].shaken { 0 } else { passed }
    }

    /// With how little a branch may end.
    fn end(&mut self, id: BranchId, passed: Passed) -> Option<Passed> {
        if let Some(end) = self.ends.get(&(id, passed)) {
            return *end;
        }
        let branch = self.flow.forks[id.fork].branches[id.branch].clone();
        let explored = self.explore(State { node: branch.entry, passed }, &branch.range, false);
        let end = explored.from.keys().filter(|state| state.node == branch.end).map(|state| state.passed).min();
        self.ends.insert((id, passed), end);
        end
    }

    /// What is passed for certain when a fork has ended, each way in which it can.
    fn joined(&mut self, fork: usize, passed: Passed) -> Vec<(Passed, Option<usize>)> {
        let nodes = &self.flow.forks[fork];
        let branches = 0..nodes.branches.len();
        let voiding: Vec<_> = branches
            .clone()
            .filter(|branch| self.marks.may_void(self.flow, nodes.branches[*branch].range.clone()))
            .collect();
        let compete = nodes.compete;
        let ends: Vec<_> = branches
            .map(|branch| {
                let start = self.at_branch(fork, branch, passed);
                (branch, self.end(BranchId { fork, branch }, start))
            })
            .collect();
        if compete {
            let certain = |(branch, end): &(usize, Option<Passed>)| {
                let alone = voiding.iter().all(|voiding| voiding == branch);
                end.map(|end| (if alone { end } else { 0 }, Some(*branch)))
            };
            return ends.iter().filter_map(certain).collect();
        }
        if ends.iter().any(|(_, end)| end.is_none()) {
            return Vec::new();
        }
        let certain = match voiding.as_slice() {
            [] => ends.iter().filter_map(|(_, end)| *end).max(),
            [only] => ends[*only].1,
            _ => Some(0),
        };
        certain.map(|passed| (passed, None)).into_iter().collect()
    }
}

/// Whether a node is worth telling a person about.
pub(crate) fn telling(flow: &Flow, node: NodeId, why: Option<Why>) -> bool {
    let kind = flow.nodes[node].kind;
    matches!(kind, NodeKind::Enter | NodeKind::Skipped | NodeKind::Chosen(_) | NodeKind::Caught | NodeKind::Completed)
        || !matches!(why, None | Some(Why::Flow | Why::Branch))
}
