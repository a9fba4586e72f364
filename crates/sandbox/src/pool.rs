//! Children at rest, and the evaluator that uses them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use definitions::{Data, Evaluation, Evaluator, ExpressionError, Limits};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{
    child::{Child, Failure, Start},
    wire::{Reply, Request},
};

/// How a pool's children are started, and what an evaluation may use.
#[derive(Debug, Clone)]
pub struct Config {
    /// The program that calls [`serve`](crate::serve()) when it is given the arguments.
    pub program: PathBuf,
    /// The arguments.
    pub arguments: Vec<OsString>,
    /// How many children there are at most. Default: two, or one for each processor if that is more.
    pub children: usize,
    /// What one evaluation may use; the time is that of the processor.
    pub limits: Limits,
}

impl Config {
    /// The configuration for a program with arguments.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let children = thread::available_parallelism().map_or(2, |processors| processors.get().max(2));
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, children, limits: Limits::default() }
    }
}

/// An evaluator for expressions that nobody vouches for: what is plain it evaluates at once, and anything else in children.
///
/// The caller waits. Within a runtime of several threads, others take over what the waiting thread would have done.
#[derive(Debug)]
pub struct Pool {
    start: Start,
    limits: Limits,
    most: usize,
    children: Mutex<Children>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Children {
    resting: Vec<Child>,
    busy: usize,
}

/// The right to one child. Whatever happens, it is given back.
struct Place<'a>(&'a Pool);

impl Pool {
    /// A pool without children; they are started when they are needed.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let Config { program, arguments, children, limits } = config;
        let start = Start { program, arguments };
        Self { start, limits, most: children.max(1), children: Mutex::default(), returned: Condvar::new() }
    }

    /// A pool of the program that is running.
    ///
    /// # Errors
    /// The operating system does not say where the program is.
    pub fn of_this_program(argument: &str) -> std::io::Result<Self> {
        // What runs now, even if its file has been replaced since.
        let running = Path::new("/proc/self/exe");
        let program = if running.exists() { running.to_owned() } else { std::env::current_exe()? };
        Ok(Self::new(Config::new(program, [argument])))
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> (Place<'_>, Option<Child>) {
        let full = |children: &mut Children| children.busy >= self.most;
        let mut children = self.returned.wait_while(self.children(), full).unwrap_or_else(PoisonError::into_inner);
        children.busy += 1;
        (Place(self), children.resting.pop())
    }

    fn ask(&self, request: &Request) -> Result<Reply, Failure> {
        let (_place, rested) = self.place();
        match self.ask_child(rested, request) {
            // Somebody may have killed it, in its rest or at its work: that says nothing about the expression.
            Err(Failure::Broken(reason)) => {
                tracing::warn!(reason, "an evaluator was of no use; starting another");
                self.ask_child(None, request)
            }
            outcome => outcome,
        }
    }

    fn ask_child(&self, child: Option<Child>, request: &Request) -> Result<Reply, Failure> {
        let broken = |error: std::io::Error| Failure::Broken(format!("no evaluator can be started: {error}"));
        let mut child = child.map_or_else(|| Child::start(&self.start).map_err(broken), Ok)?;
        let reply = child.ask(request)?;
        if !child.is_tired() {
            self.children().resting.push(child);
        }
        Ok(reply)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.children().busy -= 1;
        self.0.returned.notify_one();
    }
}

impl Evaluator for Pool {
    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Result<Data, ExpressionError> {
        let source = evaluation.expression.source();
        let Limits { time, bytes } = self.limits;
        if evaluation.is_plain() {
            // Shown to end; the time is for what was overlooked.
            return evaluation.run(Limits { time: time.saturating_mul(60), bytes });
        }
        let time: Duration = time.saturating_mul(evaluation.patience);
        let names = evaluation.expression.variables().map(str::to_owned);
        let request = Request {
            source: source.to_owned(),
            variables: names.zip(evaluation.values.iter().cloned()).collect(),
            input: evaluation.input.clone(),
            time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            bytes,
        };
        match aside(|| self.ask(&request)) {
            Ok(Reply::Output(output)) => Ok(output),
            Ok(Reply::Raised(reason)) => Err(ExpressionError::new(source, reason)),
            Err(Failure::Exceeded(limit)) => Err(ExpressionError::exceeded(source, limit)),
            Err(Failure::Broken(reason)) => {
                tracing::warn!(reason, "an expression could not be evaluated");
                Err(ExpressionError::unavailable(source, reason))
            }
        }
    }
}

/// Waits without keeping a thread from the tasks of an asynchronous runtime, where there is one that can spare it.
fn aside<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        Ok(_) | Err(_) => wait(),
    }
}
