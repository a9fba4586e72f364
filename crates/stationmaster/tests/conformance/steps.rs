//! The steps of a scenario: the grammar of the conformance kit's README, and ours for what it has no words for.
//!
//! ```text
//! Given a workflow with definition: …            Then the workflow should complete [with output: …]
//! Given another workflow with definition: …  *   Then the workflow should fault [with error: …]
//! given the workflow input is: …                 Then the workflow should cancel
//! When the workflow is executed                  Then the workflow should wait                                       *
//! When the workflow is cancelled             *   the workflow output should have properties '<path>', …
//! When event <type> is received [with data: …] * the workflow output should have a '<path>' property with value: …
//! When time advances by <ISO 8601 duration>  *   the workflow output should have a '<path>' property containing <n> items
//! When the service is restarted              *   <task> should run first | last | before <task> | after <task>
//!                                                <task> should complete [with output: …] | fault [with error: …] | cancel
//! ```
//! Those with a star are ours.

use serde_json::Value;

use crate::{Failure, gherkin, yaml};

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Define(String),
    DefineAnother(String),
    Input(Value),
    Execute,
    Cancel,
    Receive { kind: String, data: Value },
    Advance(chrono::TimeDelta),
    Restart,
    Workflow(End),
    OutputHas(Vec<String>),
    OutputValue { path: String, value: Value },
    OutputItems { path: String, count: usize },
    Order { task: String, order: Order },
    Task { task: String, end: End },
}

/// How a workflow or a task ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    Completes(Option<Value>),
    Faults(Option<Value>),
    Cancels,
    Waits,
}

/// When a task runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    First,
    Last,
    Before(String),
    After(String),
}

impl Step {
    /// Reads a step.
    pub(crate) fn read(written: &gherkin::Step) -> Result<Self, Failure> {
        let text = written.text.as_str();
        let block =
            || written.block.clone().ok_or_else(|| Failure::new(format!("`{text}` has no text block below it")));
        let data = || block().and_then(|text| yaml(&text));
        Ok(match text {
            "a workflow with definition:" => Self::Define(block()?),
            "another workflow with definition:" | "given another workflow with definition:" => {
                Self::DefineAnother(block()?)
            }
            "given the workflow input is:" | "the workflow input is:" => Self::Input(data()?),
            "the workflow is executed" => Self::Execute,
            "the workflow is cancelled" => Self::Cancel,
            "the service is restarted" => Self::Restart,
            _ => match text.strip_prefix("the workflow ") {
                Some(rest) => Self::of_workflow(rest, data)?,
                None => Self::of_world(text, &data)?.map_or_else(|| Self::of_task(text, data), Ok)?,
            },
        })
    }

    fn of_workflow(rest: &str, data: impl Fn() -> Result<Value, Failure>) -> Result<Self, Failure> {
        if let Some(end) = rest.strip_prefix("should ") {
            return End::read(end, data).map(Self::Workflow);
        }
        if let Some(paths) = rest.strip_prefix("output should have properties ") {
            return Ok(Self::OutputHas(paths.split(',').map(unquoted).collect()));
        }
        let property = rest.strip_prefix("output should have a ").and_then(|rest| rest.rsplit_once(" property "));
        let (path, wanted) = property.ok_or_else(|| unknown(&format!("the workflow {rest}")))?;
        let path = unquoted(path);
        if wanted == "with value:" {
            return Ok(Self::OutputValue { path, value: data()? });
        }
        let count = wanted.strip_prefix("containing ").and_then(|rest| rest.strip_suffix(" items")?.parse().ok());
        let count = count.ok_or_else(|| unknown(&format!("the workflow {rest}")))?;
        Ok(Self::OutputItems { path, count })
    }

    fn of_world(text: &str, data: &impl Fn() -> Result<Value, Failure>) -> Result<Option<Self>, Failure> {
        if let Some(span) = text.strip_prefix("time advances by ") {
            return Ok(Some(Self::Advance(definitions::parse_iso8601(span)?)));
        }
        let Some((kind, rest)) = text.strip_prefix("event ").and_then(|text| text.split_once(" is received")) else {
            return Ok(None);
        };
        let data = if rest.is_empty() { Value::Null } else { data()? };
        Ok(Some(Self::Receive { kind: kind.to_owned(), data }))
    }

    fn of_task(text: &str, data: impl Fn() -> Result<Value, Failure>) -> Result<Self, Failure> {
        let (task, rest) = text.split_once(" should ").ok_or_else(|| unknown(text))?;
        let task = task.to_owned();
        let order = match rest.strip_prefix("run ").map(|order| order.split_once(' ').unwrap_or((order, ""))) {
            None => return Ok(Self::Task { task, end: End::read(rest, data)? }),
            Some(("first", "")) => Order::First,
            Some(("last", "")) => Order::Last,
            Some(("before", other)) if !other.is_empty() => Order::Before(other.to_owned()),
            Some(("after", other)) if !other.is_empty() => Order::After(other.to_owned()),
            Some(_) => return Err(unknown(text)),
        };
        Ok(Self::Order { task, order })
    }
}

impl End {
    fn read(text: &str, data: impl Fn() -> Result<Value, Failure>) -> Result<Self, Failure> {
        Ok(match text {
            "complete" => Self::Completes(None),
            "complete with output:" => Self::Completes(Some(data()?)),
            "fault" => Self::Faults(None),
            "fault with error:" => Self::Faults(Some(data()?)),
            "cancel" => Self::Cancels,
            "wait" => Self::Waits,
            _ => return Err(unknown(&format!("should {text}"))),
        })
    }
}

fn unknown(text: &str) -> Failure {
    Failure::new(format!("`{text}` is no step that is known here"))
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('\'').to_owned()
}
