//! The state of a run: a tree of frames, one for each task or task list that is being carried out.
//!
//! ```text
//!   List(root) ─ Task(do) ─ List(do) ─ Task(fork) ┬ Task(branch) ─ … Task(call)   waiting for its function
//!                                                 └ Task(branch) ─ … Task(wait)   waiting for its time
//! ```
//!
//! Leaves wait; everything above them only knows how to go on. All of it is plain data, so that a snapshot is a
//! serialization and nothing more.

use std::collections::{BTreeMap, BTreeSet};

use definitions::{Data, Flow, Pointer};
use serde::{Deserialize, Serialize};

use crate::{Fault, RunId, Step, Timestamp};

/// The phase of a run (DSL "Status Phases").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Not started: no fact yet.
    Pending,
    /// Working or waiting.
    Running,
    /// Paused by an operator.
    Suspended,
    /// Ended with an output.
    Completed {
        /// The run's output.
        output: Data,
    },
    /// Ended with an error that nothing caught.
    Faulted {
        /// The error.
        fault: Fault,
    },
    /// Ended by a cancellation.
    Cancelled {
        /// Why.
        reason: String,
    },
}

impl Phase {
    /// Whether the run has ended.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Faulted { .. } | Self::Cancelled { .. })
    }

    /// The phase's name, as it is stored and shown.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Completed { .. } => "completed",
            Self::Faulted { .. } => "faulted",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// A cache of the fold: the state after `facts` facts, under a version of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub(crate) version: u32,
    pub(crate) state: State,
}

impl Snapshot {
    /// The version of the state's shape; a snapshot of another version is ignored and the run rebuilt from its facts.
    pub(crate) const VERSION: u32 = 1;
}

/// Everything that a run's facts have led to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// How many facts have been applied.
    pub(crate) facts: u64,
    pub(crate) semantics: u32,
    pub(crate) phase: Phase,
    /// The time of the last fact.
    pub(crate) now: Timestamp,
    pub(crate) started_at: Timestamp,
    /// When the run's own time limit passes.
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) raw_input: Data,
    pub(crate) input: Data,
    pub(crate) context: Data,
    pub(crate) workflows: BTreeMap<String, String>,
    /// Makes secret markers unforgeable: it never leaves the process but in the first fact.
    pub(crate) nonce: String,
    /// How often each task was entered.
    pub(crate) visits: BTreeMap<Pointer, u32>,
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    pub(crate) next_frame: u32,
    /// What is still to be done of the current burst; the last is next.
    pub(crate) agenda: Vec<Move>,
}

/// A frame's number; never used twice in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FrameId(pub(crate) u32);

/// One task or task list that is being carried out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) parent: Option<FrameId>,
    pub(crate) step: Step,
    pub(crate) started_at: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) raw_input: Data,
    pub(crate) input: Data,
    /// Variables that the frame gives to what is below it.
    pub(crate) variables: Vec<(String, Data)>,
    pub(crate) body: Body,
}

/// What a frame is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "body", rename_all = "snake_case")]
pub(crate) enum Body {
    /// A list of tasks; the one at `index` is being carried out.
    List { list: ListRef, index: usize },
    /// A `do`, or a task that has not found out what it does: its one child is being carried out.
    Nested,
    /// A call of a function written in the DSL: its task is being carried out and sees nothing of the caller.
    Function,
    /// A `for`; the iteration at `index` is being carried out.
    For { items: Vec<Data>, index: usize },
    /// A `fork`; the outputs of the branches that have ended.
    Fork { outputs: Vec<Option<Data>> },
    /// A `try`.
    Try { first_at: Timestamp, retries: u32, stage: TryStage },
    /// A call of a host's function.
    Call { input: Data, input_hash: String, attempt: u32, due: Option<Timestamp> },
    /// A `wait`.
    Wait { due: Timestamp },
    /// A `listen`.
    Listen(Listening),
    /// A `run.workflow` that waits for its child.
    Child { child: RunId },
}

/// Where a `try` stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(crate) enum TryStage {
    /// The tasks are being tried.
    Trying,
    /// The next round starts at `due`.
    Pausing { due: Timestamp },
    /// The error is being handled.
    Handling,
}

/// Where a `listen` stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// What the events gave to the output, in the order of receipt.
    pub(crate) received: Vec<Data>,
    /// Filters that have had their event.
    pub(crate) satisfied: BTreeSet<usize>,
    /// Correlation values by key: bound by the first event that had them.
    pub(crate) bound: BTreeMap<String, Data>,
    /// Whether the tasks of `foreach` are at work on an event: the next ones stay in the inbox meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) busy: bool,
}

/// Which list of a definition a frame carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "list", content = "of", rename_all = "snake_case")]
pub(crate) enum ListRef {
    /// The workflow's own.
    Root,
    /// The body of the `do`, `for` or `try` task at the pointer, or of the `foreach` of a `listen`.
    Body(Pointer),
    /// The `catch.do` of the `try` task at the pointer.
    Catch(Pointer),
}

/// One move of a burst.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "move", rename_all = "snake_case")]
pub(crate) enum Move {
    /// Start a task below a frame.
    Enter { parent: FrameId, task: Pointer, input: Data },
    /// A frame has produced its raw output.
    Leave { frame: FrameId, output: Data, flow: Option<FlowRef> },
    /// A frame has raised an error.
    Raise { frame: FrameId, fault: Fault },
}

/// A flow directive that a task chose at run time: a `switch` case, or `catch.then`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FlowRef {
    Continue,
    Exit,
    End,
    Task(usize),
}

impl From<&Flow> for FlowRef {
    fn from(flow: &Flow) -> Self {
        match flow {
            Flow::Continue => Self::Continue,
            Flow::Exit => Self::Exit,
            Flow::End => Self::End,
            Flow::Task(index) => Self::Task(*index),
        }
    }
}
