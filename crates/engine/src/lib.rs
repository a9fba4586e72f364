//! The pure machine: a run is the fold of its facts.
//!
//! ```text
//!   facts ──apply──▶ Run ──▶ effects: committed together with the fact that caused them (emit, subscribe, start a child …)
//!                     └────▶ pending: calls to execute and timers to wait for; each ends in the next fact
//! ```
//!
//! Normal execution and recovery are the same code: [`Run::apply`] of one more fact, or of all of them. Pure tasks (`set`,
//! `switch`, `if`, data flow) write nothing, they are recomputed. Nothing here reads a clock, a file or a database; time comes
//! with each fact.

mod effect;
mod event;
mod fact;
mod fault;
mod function;
mod id;
mod machine;
mod run;
mod state;
mod trace;

pub use definitions::{Data, Delay, FunctionName};
pub use effect::{Call, Effect, Pending, Subscription, Timer};
pub use event::CloudEvent;
pub use fact::{Chance, ChildOutcome, Fact, FactBody, SEMANTICS, TimerKind};
pub use fault::{Fault, FaultKind};
pub use function::{CallContext, CallFuture, Descriptor, Function, Idempotency, Outcome, Secrets};
pub use id::{AgentId, OrgId, RunId, Step, input_hash};
pub use run::{Diverged, Run, RunConfig, SharedEvaluator};
pub use state::{Phase, Snapshot};
pub use trace::{Handling, Trace};

/// A moment, in UTC, as exact as PostgreSQL keeps it: microseconds.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
