//! The moves of a run: what its facts led to, task by task.
//!
//! Moves are recomputed whenever somebody wants to see a run's way, and never stored: facts are enough to have them again.

use definitions::Data;

use crate::{Fault, Step, Timestamp};

/// One move. Only tasks move; the lists that hold them do not.
#[derive(Debug, Clone, PartialEq)]
pub enum Trace {
    /// A task was reached.
    Entered(Step),
    /// Its `if` did not hold, and the flow went on behind it.
    Skipped(Step),
    /// A `switch` took a case, by its place; none where no case held.
    Chose {
        /// The `switch`.
        step: Step,
        /// The case.
        case: Option<usize>,
    },
    /// A task ended with an output.
    Left {
        /// The task.
        step: Step,
        /// What it gave, transformed.
        output: Data,
    },
    /// A task was given up: for a branch that won, a time limit, an error beside it, or the end of the run.
    Cancelled(Step),
    /// A task ended with an error: its own, or that of a task within it.
    Raised {
        /// The task.
        step: Step,
        /// The error.
        fault: Fault,
    },
    /// A `try` dealt with an error.
    Caught {
        /// The `try`.
        step: Step,
        /// How.
        handling: Handling,
    },
}

/// What a `try` does with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Lets it pass.
    Pass,
    /// Tries again at this time.
    Retry(Timestamp),
    /// Runs the handler.
    Handle,
    /// Goes on as if nothing had happened.
    Ignore,
}
