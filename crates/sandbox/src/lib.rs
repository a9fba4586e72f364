//! Evaluates expressions that are not plain in child processes, which may run away, fill their memory or overflow their
//! stack without harm to anybody.
//!
//! ```text
//!  Evaluator ── plain ─▶ evaluated here
//!      └─ anything else ─▶ Pool ── a child at rest, or a new one ──▶ request ─▶ child: serve()
//!                            ▲                                                   │ limits of the operating system,
//!                            └── result, or what killed the child ◀──────────────┘ a watchdog for the processor time
//! ```
//!
//! A child is the program itself, started with arguments that lead to [`serve()`]; its standard input is a socket, over which
//! requests and replies go. A child has no environment, no open files, and no way to get any. One that exceeds a limit dies and
//! is replaced. The binary makes a [`Pool`]; workers use it through [`Evaluator`].

mod child;
mod limits;
mod pool;
mod serve;
mod wire;

pub use definitions::{Evaluator, Limits};
pub use pool::{Config, Pool};
pub use serve::{Error, serve};
