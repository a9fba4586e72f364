//! The format of scenario files.
//!
//! ```yaml
//! workflow: stationmaster/agent-creation   # or without the namespace; `:version` for another than the latest
//! given: { … }                             # what every scenario has unless it says otherwise
//! scenarios:
//!   - name: approved at once
//!     input: { … }
//!     calls:      { send-mail: [ { fail: { status: 503 } }, { return: { }, after: PT2M } ] }
//!     children:   { agent-handoff: { return: { decision: accepted } } }
//!     events:     [ { on: awaitCi, after: PT5M, type: …, subject: …, data: { … } } ]
//!     decisions:  [ { gate: approval, after: PT2H, by: ada, role: admin, verdict: approve } ]
//!     expect:     { phase: completed, output: { … }, passes: [ … ], avoids: [ … ], calls: { send-mail: 2 } }
//! ```

use std::collections::BTreeMap;

use definitions::{Definition, Task};
use engine::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::answers::Answers;
use crate::{
    Library, TaskRef,
    place::function,
    yaml::{self, Span, Unreadable},
};

/// The scenarios of one workflow.
#[derive(Debug, Clone)]
pub struct Scenarios {
    /// The workflow: `name`, `namespace/name` or `namespace/name:version`.
    pub workflow: String,
    /// The scenarios, each with what is given for all of them.
    pub scenarios: Vec<Scenario>,
}

/// What the world does, and what the run is expected to do.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scenario {
    /// What tells it apart from the others of its file.
    pub name: String,
    /// The run's input; an empty object where absent.
    pub input: Option<Value>,
    /// When the run starts; the beginning of 2026 where absent.
    pub start: Option<Timestamp>,
    /// The simulation ends after this much virtual time; ten years where absent.
    pub(crate) until: Option<Span>,
    /// What calls answer, by task or by function.
    pub(crate) calls: BTreeMap<TaskRef, Answers>,
    /// What child runs answer, by task or by workflow; others are simulated.
    pub(crate) children: BTreeMap<TaskRef, Answers>,
    /// Events from outside.
    pub(crate) events: Vec<Happening>,
    /// Decisions of people about gates.
    pub(crate) decisions: Vec<Decision>,
    /// The run is cancelled after this much virtual time.
    pub(crate) cancel: Option<Span>,
    /// What the run is expected to do.
    pub(crate) expect: Expect,
}

/// An event from outside.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Happening {
    /// Sent when this task begins to listen: the first event that names it when it does so first, the second the next time.
    pub(crate) on: Option<TaskRef>,
    /// After the run's start, or after that task has begun to listen.
    #[serde(default)]
    pub(crate) after: Span,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default = "somewhere")]
    pub(crate) source: String,
    pub(crate) subject: Option<String>,
    #[serde(default)]
    pub(crate) data: Value,
    /// The same identifier twice is the same event, which counts once.
    pub(crate) id: Option<String>,
    /// Further attributes.
    #[serde(default)]
    pub(crate) extensions: serde_json::Map<String, Value>,
}

fn somewhere() -> String {
    "/scenario".to_owned()
}

/// Somebody's decision about a gate.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Decision {
    /// The task that asks, or one around it.
    pub(crate) gate: TaskRef,
    /// After the gate was opened.
    #[serde(default)]
    pub(crate) after: Span,
    /// Who decides.
    #[serde(default = "someone")]
    pub(crate) by: String,
    /// In which role.
    #[serde(default = "admin")]
    pub(crate) role: String,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    /// Whether the decision is expected not to count.
    #[serde(default)]
    pub(crate) refused: bool,
}

fn someone() -> String {
    "someone".to_owned()
}

fn admin() -> String {
    "admin".to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Approve,
    Reject,
}

/// What a run is expected to do; what is not named is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// `completed` where absent; `running` for a run that still waits in the end.
    pub(crate) phase: Option<String>,
    /// Contained in the output.
    pub(crate) output: Option<Value>,
    /// Contained in the error that nothing caught.
    pub(crate) fault: Option<Value>,
    /// Tasks that are entered in this order, others between them.
    pub(crate) passes: Vec<TaskRef>,
    /// Tasks that are never entered.
    pub(crate) avoids: Vec<TaskRef>,
    /// How often functions are called, or tasks call.
    pub(crate) calls: BTreeMap<TaskRef, usize>,
    /// Types of events that are emitted in this order, others between them.
    pub(crate) emits: Vec<String>,
    /// The longest time that the run may take.
    pub(crate) within: Option<Span>,
    /// The shortest time that the run may take.
    pub(crate) beyond: Option<Span>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    workflow: String,
    #[serde(default)]
    given: Scenario,
    scenarios: Vec<Scenario>,
}

impl Scenarios {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// The text is no YAML, has a property that means nothing here, or names two scenarios alike.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let File { workflow, given, scenarios } = yaml::read(text)?;
        let mut named = Vec::new();
        for scenario in scenarios {
            let scenario = scenario.over(&given);
            if scenario.name.is_empty() {
                return Err(Unreadable::new("a scenario needs a `name`"));
            }
            if named.iter().any(|other: &Scenario| other.name == scenario.name) {
                return Err(Unreadable::new(format!("two scenarios are named `{}`", scenario.name)));
            }
            named.push(scenario);
        }
        Ok(Self { workflow, scenarios: named })
    }
}

impl Scenario {
    /// This scenario where it says something, `given` elsewhere; calls and children one by one.
    fn over(mut self, given: &Self) -> Self {
        for (name, answers) in &given.calls {
            self.calls.entry(name.clone()).or_insert_with(|| answers.clone());
        }
        for (name, answers) in &given.children {
            self.children.entry(name.clone()).or_insert_with(|| answers.clone());
        }
        self.input = self.input.or_else(|| given.input.clone());
        self.start = self.start.or(given.start);
        self.until = self.until.or(given.until);
        self.cancel = self.cancel.or(given.cancel);
        if self.events.is_empty() {
            self.events.clone_from(&given.events);
        }
        if self.decisions.is_empty() {
            self.decisions.clone_from(&given.decisions);
        }
        self
    }

    /// What the scenario names and no definition has: it would test something else than its author believes.
    pub(crate) fn unknown_references(&self, definition: &Definition, library: &Library) -> Vec<String> {
        let definitions = || std::iter::once(definition).chain(library.iter().map(|other| &**other));
        let tasks = || definitions().flat_map(Definition::tasks);
        let task = |name: &TaskRef| tasks().any(|task| name.names(&task.pointer));
        let around = |name: &TaskRef| tasks().any(|task| name.encloses(&task.pointer));
        let called = |name: &TaskRef| {
            tasks().any(|task: &Task| function(task).is_some_and(|(base, version)| name.is_function(&base, &version)))
        };
        let workflow = |name: &TaskRef| {
            definitions().flat_map(|known| &known.workflows).any(|id| {
                [id.to_string(), format!("{}/{}", id.namespace, id.name), id.name.to_string()]
                    .contains(&name.to_string())
            })
        };
        let mut unknown = Vec::new();
        let mut refuse = |known: bool, name: &TaskRef, what: &str| {
            if !known {
                unknown.push(format!("the scenario names `{name}`, and the workflow has no {what} of that name"));
            }
        };
        let calls = self.calls.keys().chain(self.expect.calls.keys());
        calls.for_each(|name| refuse(task(name) || called(name), name, "task or function"));
        self.children.keys().for_each(|name| refuse(task(name) || workflow(name), name, "task or child workflow"));
        self.events.iter().filter_map(|event| event.on.as_ref()).for_each(|name| refuse(task(name), name, "task"));
        self.decisions.iter().for_each(|decision| refuse(around(&decision.gate), &decision.gate, "task"));
        self.expect.passes.iter().chain(&self.expect.avoids).for_each(|name| refuse(task(name), name, "task"));
        unknown
    }
}
