//! The typed workflow: what an author wrote, with references resolved and expressions compiled.
//!
//! Reusable components (`use`) are resolved where they are named, so a reader of a task needs nothing but the task. The
//! words are those of the DSL reference; `r#` names and abbreviations are avoided by a longer word (`condition` for `if`,
//! `collection` for `for.in`).

use std::sync::Arc;

use crate::{Data, Delay, EventFilter, Expression, Pointer, Schedule, Schema, Template};

/// The executable part of a definition.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Schema and transformation of the run's input.
    pub input: Input,
    /// Transformation and schema of the run's output.
    pub output: Output,
    /// How long a whole run may take.
    pub timeout: Option<Delay>,
    /// When runs start by themselves.
    pub schedule: Option<Schedule>,
    /// The secrets that expressions may read, by name (`use.secrets`).
    pub secrets: Vec<String>,
    /// The tasks, in order.
    pub body: TaskList,
    /// `document.metadata`.
    pub metadata: Data,
}

/// Tasks that follow each other: the body of a workflow, `do`, `for`, `try`, `catch` or `foreach`.
#[derive(Debug, Clone, Default)]
pub struct TaskList(pub Vec<Arc<Task>>);

/// One task and what applies to tasks of every kind.
#[derive(Debug, Clone)]
pub struct Task {
    /// Where the task stands; unique within a definition.
    pub pointer: Pointer,
    /// Its name, unique within its list.
    pub name: Arc<str>,
    /// `if`: whether the task runs, decided on its raw input.
    pub condition: Option<Expression>,
    /// Schema and transformation of its input.
    pub input: Input,
    /// Transformation and schema of its output.
    pub output: Output,
    /// What the task leaves in `$context`.
    pub export: Export,
    /// How long the task may take, from its start to its end.
    pub timeout: Option<Delay>,
    /// Where the flow goes next.
    pub then: Flow,
    /// `metadata`.
    pub metadata: Data,
    /// The task as it is written (`$task.definition`).
    pub definition: Data,
    /// What the task does.
    pub kind: TaskKind,
}

/// Schema of a raw input and its transformation.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// `input.schema`.
    pub schema: Option<Arc<Schema>>,
    /// `input.from`; identity where absent.
    pub from: Option<Template>,
}

/// Transformation of a raw output and the schema of the result.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// `output.as`; identity where absent.
    pub transform: Option<Template>,
    /// `output.schema`.
    pub schema: Option<Arc<Schema>>,
}

/// The new `$context` and its schema.
#[derive(Debug, Clone, Default)]
pub struct Export {
    /// `export.as`; the context stays as it is where absent.
    pub transform: Option<Template>,
    /// `export.schema`.
    pub schema: Option<Arc<Schema>>,
}

/// Where the flow goes after a task or a `switch` case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Flow {
    /// To the next task in order.
    #[default]
    Continue,
    /// Out of the task's own list.
    Exit,
    /// To the end of the run.
    End,
    /// To the task of this index in the same list.
    Task(usize),
}

/// What a task does.
#[derive(Debug, Clone)]
pub enum TaskKind {
    /// Runs tasks in order.
    Do(TaskList),
    /// Produces a value.
    Set(Template),
    /// Chooses where the flow goes.
    Switch(Vec<SwitchCase>),
    /// Runs a function.
    Call(Call),
    /// Publishes an event; the template gives the event's attributes and data.
    Emit(Template),
    /// Repeats tasks for each item of a collection.
    For(ForEach),
    /// Runs branches concurrently.
    Fork(Fork),
    /// Waits for events.
    Listen(Listen),
    /// Raises an error.
    Raise(Template),
    /// Runs another workflow.
    Run(RunWorkflow),
    /// Runs tasks and handles their errors.
    Try(Try),
    /// Waits for a time.
    Wait(Delay),
}

/// A case of a `switch`.
#[derive(Debug, Clone)]
pub struct SwitchCase {
    /// Its name.
    pub name: Arc<str>,
    /// When it is taken; the default case has no condition.
    pub when: Option<Expression>,
    /// Where the flow goes if it is taken.
    pub then: Flow,
}

/// A call of a function.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub target: CallTarget,
    /// Its arguments.
    pub with: Template,
}

/// The function that a call runs.
#[derive(Debug, Clone)]
pub enum CallTarget {
    /// A function of the host: `http`, or `name:version@default` that the worker registered.
    Host(FunctionName),
    /// A function written in the DSL, inlined: its task gets the arguments as input and sees none of the caller's variables.
    Inline(Arc<Task>),
}

/// The name and version of a function of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName {
    /// Such as `send-mail`, or a built-in protocol such as `http`.
    pub name: Arc<str>,
    /// A semantic version; empty for built-in protocols.
    pub version: Arc<str>,
}

/// A `for` task.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// The variable that holds the item (`for.each`, default `item`).
    pub each: Arc<str>,
    /// The variable that holds the index (`for.at`, default `index`).
    pub at: Arc<str>,
    /// `for.in`: an expression that gives the items.
    pub collection: Expression,
    /// `while`: checked before each iteration.
    pub condition: Option<Expression>,
    /// The tasks of an iteration.
    pub body: TaskList,
}

/// A `fork` task.
#[derive(Debug, Clone)]
pub struct Fork {
    /// The branches, each a task.
    pub branches: Vec<Arc<Task>>,
    /// Whether the first branch that ends decides and the others are cancelled.
    pub compete: bool,
}

/// A `listen` task.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Which events, and how many.
    pub strategy: Strategy,
    /// When it ends, where it takes any number of events.
    pub until: Option<Until>,
    /// What of an event the output holds.
    pub read: Read,
    /// What is done with each event, one after the other.
    pub foreach: Option<SubscriptionIterator>,
}

impl Listen {
    /// The filter of this index: those of the strategy come first, those of `until` after them.
    #[must_use]
    pub fn filter(&self, index: usize) -> Option<&EventFilter> {
        self.filters().nth(index)
    }

    /// All filters, in the order of their indexes.
    pub fn filters(&self) -> impl Iterator<Item = &EventFilter> {
        let ending = match &self.until {
            Some(Until::Events(strategy)) => strategy.filters(),
            Some(Until::Condition(_)) | None => &[],
        };
        self.strategy.filters().iter().chain(ending)
    }
}

/// What ends a `listen` that takes any number of events (`until`).
#[derive(Debug, Clone)]
pub enum Until {
    /// An expression on the array of what was read so far, evaluated after each event.
    Condition(Expression),
    /// Other events, which are no part of the output.
    Events(Strategy),
}

/// What a `listen` does with each event (`foreach`); the next one waits until it is done.
#[derive(Debug, Clone)]
pub struct SubscriptionIterator {
    /// The variable that holds what was read of the event (`item`).
    pub item: Arc<str>,
    /// The variable that holds the event's index (`at`, default `index`).
    pub at: Arc<str>,
    /// The tasks; without any, what was read is the output.
    pub body: Option<TaskList>,
    /// Transformation and schema of what the `listen` puts out for the event.
    pub output: Output,
    /// What is left in `$context`.
    pub export: Export,
}

/// An event consumption strategy.
#[derive(Debug, Clone)]
pub enum Strategy {
    /// One event that matches the filter.
    One(EventFilter),
    /// One event that matches any of the filters; where none is written, the only filter is one that every event matches.
    Any(Vec<EventFilter>),
    /// One event for each of the filters.
    All(Vec<EventFilter>),
}

impl Strategy {
    /// The filters in the order in which they are written.
    #[must_use]
    pub fn filters(&self) -> &[EventFilter] {
        match self {
            Self::One(filter) => std::slice::from_ref(filter),
            Self::Any(filters) | Self::All(filters) => filters,
        }
    }
}

/// What of an event a `listen` task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Read {
    /// Its data.
    #[default]
    Data,
    /// The whole event: attributes and data.
    Envelope,
    /// The data as it was received.
    Raw,
}

/// A `run.workflow` task.
#[derive(Debug, Clone)]
pub struct RunWorkflow {
    /// The workflow's namespace.
    pub namespace: Arc<str>,
    /// The workflow's name.
    pub name: Arc<str>,
    /// The version, or `latest`, which is resolved when the run starts (DSL decision 19).
    pub version: Arc<str>,
    /// The child's input; the task's input where absent.
    pub input: Option<Template>,
    /// Whether the task waits for the child's end.
    pub wait: bool,
    /// What the task then puts out.
    pub result: ProcessResult,
}

/// What of a process a `run` task puts out (`run.return`); of a workflow, its output stands for what a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProcessResult {
    /// What it wrote to its standard output.
    #[default]
    Stdout,
    /// What it wrote to its standard error.
    Stderr,
    /// Its exit code.
    Code,
    /// An object of the three.
    All,
    /// Nothing.
    None,
}

/// A `try` task.
#[derive(Debug, Clone)]
pub struct Try {
    /// The tasks that are tried.
    pub body: TaskList,
    /// What is caught, and how.
    pub catch: Catch,
}

/// The `catch` of a `try` task.
#[derive(Debug, Clone)]
pub struct Catch {
    /// `errors.with`: properties that an error must have, in the order written; empty catches every error.
    pub with: Vec<(ErrorProperty, Data)>,
    /// The variable that holds the error (`as`, default `error`).
    pub variable: Arc<str>,
    /// `when`: caught only if it holds.
    pub when: Option<Expression>,
    /// `exceptWhen`: not caught if it holds.
    pub except_when: Option<Expression>,
    /// Whether and how the tasks are tried again.
    pub retry: Option<RetryPolicy>,
    /// The tasks that handle the error once no retry is left.
    pub body: Option<TaskList>,
    /// Where the flow goes after a caught error; the task's own `then` where absent.
    pub then: Option<Flow>,
}

/// A property that `catch.errors.with` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorProperty {
    /// Compared modulo the host and path of standard types.
    Type,
    /// The HTTP-like status.
    Status,
    /// The pointer of the task that raised it.
    Instance,
    /// The short description.
    Title,
    /// The long description.
    Detail,
}

/// A retry policy.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Retries only if it holds.
    pub when: Option<Expression>,
    /// Retries only unless it holds.
    pub except_when: Option<Expression>,
    /// The delay before the first retry.
    pub delay: Option<Delay>,
    /// How the delay grows.
    pub backoff: Backoff,
    /// How many retries at most (`limit.attempt.count`, not counting the first try: DSL decision 14).
    pub max_retries: Option<u32>,
    /// How long one try may take (`limit.attempt.duration`).
    pub attempt_timeout: Option<Delay>,
    /// No retry starts later than this after the first try (`limit.duration`).
    pub total_timeout: Option<Delay>,
    /// Least and greatest random addition to the delay.
    pub jitter: Option<(Delay, Delay)>,
}

/// How a retry's delay grows; `n` counts the retries from 1 (DSL decision 15).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backoff {
    /// The delay.
    Constant,
    /// `delay · n`.
    Linear,
    /// `delay · factor^(n-1)`, at most `max_delay_ms`.
    Exponential {
        /// 2 unless the author gave another.
        factor: f64,
        /// Milliseconds; one hour unless the author gave another.
        max_delay_ms: i64,
    },
}
