//! What an expression sees: the variables of the DSL and those of the frames around it.

use definitions::{
    Data, Definition, Delay, Evaluator, EventFilter, Expression, ExpressionError, Limits, Schema, Template,
};

use super::Machine;
use crate::{
    Fault, FaultKind, Run, RunId, Timestamp,
    function::marker,
    state::{Frame, FrameId, State},
};

/// Where an expression stands.
pub(super) struct Scope<'a> {
    run: RunId,
    state: &'a State,
    definition: &'a Definition,
    evaluator: &'a dyn Evaluator,
    frame: Option<FrameId>,
    input: Data,
    output: Data,
    secrets: bool,
}

impl Machine<'_> {
    /// The scope of a frame's own expressions.
    pub(super) fn scope(&self, id: FrameId) -> Scope<'_> {
        self.workflow_scope().of_frame(id)
    }

    /// The scope of the workflow's own expressions.
    pub(super) fn workflow_scope(&self) -> Scope<'_> {
        Scope::new(self.id, self.state, &self.definition, &self.evaluations)
    }
}

/// The scope of a frame of a run that is not at work.
pub(super) fn of<'a>(run: &'a Run, id: FrameId, evaluator: &'a dyn Evaluator) -> Scope<'a> {
    Scope::new(run.id, &run.state, &run.definition, evaluator).of_frame(id)
}

impl<'a> Scope<'a> {
    fn new(run: RunId, state: &'a State, definition: &'a Definition, evaluator: &'a dyn Evaluator) -> Self {
        let (input, output) = (state.input.clone(), Data::NULL);
        Self { run, state, definition, evaluator, frame: None, input, output, secrets: false }
    }

    fn of_frame(self, id: FrameId) -> Self {
        let input = self.state.frames.get(&id).map_or(Data::NULL, |frame| frame.input.clone());
        Self { frame: Some(id), input, ..self }
    }
}

impl Scope<'_> {
    /// The same scope with `$output`.
    pub(super) fn with_output(self, output: &Data) -> Self {
        Self { output: output.clone(), ..self }
    }

    /// The same scope with the markers of `$secrets`: for arguments of calls, which are never persisted as values.
    pub(super) fn with_secrets(self) -> Self {
        Self { secrets: true, ..self }
    }

    pub(super) fn evaluate(&self, expression: &Expression, on: &Data) -> Result<Data, Fault> {
        self.checked(expression.evaluate(on, &|name| self.variable(name), self.evaluator))
    }

    pub(super) fn fill(&self, template: &Template, on: &Data) -> Result<Data, Fault> {
        let value = self.checked(template.evaluate(on, &|name| self.variable(name), self.evaluator))?;
        match template {
            Template::Object(_) | Template::Array(_) => bounded(value),
            Template::Literal(_) | Template::Expression(_) | Template::Uri(_) => Ok(value),
        }
    }

    /// The template filled in, or the value itself where there is none.
    pub(super) fn fill_or(&self, template: Option<&Template>, on: &Data) -> Result<Data, Fault> {
        template.map_or_else(|| Ok(on.clone()), |template| self.fill(template, on))
    }

    /// The result, or its error as the run's. jq quotes the value that it failed on, which may be a secret's marker: the nonce in
    /// it is blacked out, for whoever knows it could forge markers.
    fn checked(&self, result: Result<Data, ExpressionError>) -> Result<Data, Fault> {
        result.map_err(|error| {
            let nonce = &self.state.nonce;
            let text = error.to_string();
            let text = if nonce.is_empty() { text } else { text.replace(nonce.as_str(), "secret") };
            Fault::new(FaultKind::Expression, text)
        })
    }

    pub(super) fn holds(&self, condition: Option<&Expression>, on: &Data) -> Result<Option<bool>, Fault> {
        condition.map(|condition| Ok(self.evaluate(condition, on)?.is_truthy())).transpose()
    }

    /// Whether an event satisfies a filter; a filter that fails on it does not match.
    pub(super) fn accepts(&self, filter: &EventFilter, envelope: &Data) -> bool {
        filter.matches(envelope, &|name| self.variable(name), self.evaluator).unwrap_or(false)
    }

    pub(super) fn evaluator(&self) -> &dyn Evaluator {
        self.evaluator
    }

    pub(super) fn delay(&self, delay: &Delay, on: &Data) -> Result<chrono::TimeDelta, Fault> {
        match delay {
            Delay::Fixed(delta) => Ok(*delta),
            Delay::Expression(expression) => {
                let value = self.evaluate(expression, on)?;
                Delay::from_data(&value).map_err(|error| Fault::new(FaultKind::Expression, error.to_string()))
            }
        }
    }

    /// A variable of the frames around, innermost first. A function cannot name its caller's: they are not in its scope when
    /// it is compiled.
    fn lookup(&self, name: &str) -> Data {
        let mut next = self.frame;
        while let Some(frame) = next.and_then(|id| self.state.frames.get(&id)) {
            if let Some((_, value)) = frame.variables.iter().find(|(variable, _)| variable == name) {
                return value.clone();
            }
            next = frame.parent;
        }
        Data::NULL
    }

    fn variable(&self, name: &str) -> Data {
        let state = self.state;
        match name {
            "context" => state.context.clone(),
            "input" => self.input.clone(),
            "output" => self.output.clone(),
            "workflow" => self.workflow(),
            "task" => self.frame.and_then(|id| state.frames.get(&id)).map_or(Data::NULL, |frame| self.task(frame)),
            "runtime" => Data::from_entries([
                ("name", Data::from("stationmaster")),
                ("version", Data::from(state.semantics.to_string())),
                ("metadata", Data::object()),
            ]),
            "secrets" if self.secrets => {
                let names = &self.definition.workflow.secrets;
                Data::from_entries(names.iter().map(|name| (name.as_str(), marker(&state.nonce, name))))
            }
            "secrets" | "authorization" => Data::NULL,
            _ => self.lookup(name),
        }
    }

    fn workflow(&self) -> Data {
        let state = self.state;
        Data::from_entries([
            ("id", Data::from(self.run.to_string())),
            ("definition", self.definition.document.clone()),
            ("input", state.raw_input.clone()),
            ("startedAt", date_time(state.started_at)),
        ])
    }

    fn task(&self, frame: &Frame) -> Data {
        let Some(task) = self.definition.task(&frame.step.pointer) else { return Data::NULL };
        Data::from_entries([
            ("name", Data::from(&*task.name)),
            ("reference", Data::from(frame.step.pointer.as_str())),
            ("definition", task.definition.clone()),
            ("input", frame.raw_input.clone()),
            ("output", self.output.clone()),
            ("startedAt", date_time(frame.started_at)),
        ])
    }
}

/// Refuses a value that was put together and could not be a result itself.
pub(super) fn bounded(value: Data) -> Result<Data, Fault> {
    match Limits::default().check(&value) {
        Ok(()) => Ok(value),
        Err(reason) => Err(Fault::new(FaultKind::Expression, format!("a value is put together, and {reason}"))),
    }
}

/// The DSL's description of a moment.
fn date_time(at: Timestamp) -> Data {
    Data::from_entries([
        ("iso8601", Data::from(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))),
        (
            "epoch",
            Data::from_entries([
                ("seconds", Data::from(at.timestamp())),
                ("milliseconds", Data::from(at.timestamp_millis())),
            ]),
        ),
    ])
}

/// Checks a value against a schema, if there is one.
pub(super) fn check(schema: Option<&Schema>, value: &Data, what: &str) -> Result<(), Fault> {
    let Some(schema) = schema else { return Ok(()) };
    schema.validate(value).map_err(|violations| {
        let violations: Vec<_> = violations.iter().map(ToString::to_string).collect();
        Fault::new(FaultKind::Validation, format!("{what}: {}", violations.join("; ")))
    })
}
