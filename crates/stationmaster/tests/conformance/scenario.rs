//! Carrying a scenario out: its steps against a service of its own.

use std::{net::SocketAddr, sync::Arc};

use definitions::Definition;
use engine::{Fault, RunId, Step as Visit, Trace};
use serde_json::Value;

use crate::{
    Failure,
    gherkin::Scenario,
    house::{House, Outside, Shelf},
    steps::{End, Order, Step},
    world,
};

/// How a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Play {
    /// Straight.
    Straight,
    /// The whole state of the process is dropped after every commit of facts.
    Interrupted,
}

/// What a scenario knows by now.
struct Stage {
    house: House,
    shelf: Shelf,
    definition: Option<Arc<Definition>>,
    input: Value,
    run: Option<RunId>,
    /// Whether time passes only where a step says so.
    timed: bool,
}

/// Plays a scenario.
pub(crate) async fn play(scenario: &Scenario, stand_in: SocketAddr, play: Play) -> Result<(), Failure> {
    let steps = scenario.steps.iter().map(Step::read).collect::<Result<Vec<_>, _>>()?;
    let texts = steps.iter().filter_map(|step| match step {
        Step::Define(text) | Step::DefineAnother(text) => Some(world::hosts(text, stand_in)),
        _ => None,
    });
    let outside = Outside { hosts: texts.flatten().collect(), ..Outside::default() };
    let house = House::build(outside, play == Play::Interrupted).await?;
    let timed = steps.iter().any(|step| matches!(step, Step::Advance(_)));
    let (shelf, input) = (Shelf::default(), Value::Object(serde_json::Map::new()));
    let mut stage = Stage { house, shelf, definition: None, input, run: None, timed };
    for (step, written) in steps.iter().zip(&scenario.steps) {
        stage.step(step).await.map_err(|failure| failure.at(&written.text))?;
    }
    let killed = play == Play::Straight || stage.house.was_interrupted().await?;
    expect(killed, || "nothing was interrupted".to_owned())
}

impl Stage {
    async fn step(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Define(text) => {
                let definition = self.define(text).await?;
                self.definition = Some(definition);
                Ok(())
            }
            Step::DefineAnother(text) => self.define(text).await.map(drop),
            Step::Input(input) => {
                self.input = input.clone();
                Ok(())
            }
            Step::Execute => {
                let definition = self.definition()?;
                self.run = Some(self.house.start(&definition, self.input.clone()).await?);
                self.go_on().await
            }
            Step::Cancel => {
                self.house.cancel(self.run()?).await?;
                self.house.settle().await
            }
            Step::Receive { kind, data } => {
                self.house.publish(serde_json::json!({"type": kind, "data": data})).await?;
                self.go_on().await
            }
            Step::Advance(span) => {
                let now = self.house.now().await? + *span;
                self.pass_until(Some(now)).await
            }
            Step::Restart => {
                self.house.restart().await?;
                self.house.settle().await
            }
            Step::Workflow(_)
            | Step::OutputHas(_)
            | Step::OutputValue { .. }
            | Step::OutputItems { .. }
            | Step::Order { .. }
            | Step::Task { .. } => self.check(step).await,
        }
    }

    async fn check(&self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Workflow(end) => self.ends(end).await,
            Step::OutputHas(paths) => {
                let output = self.output().await?;
                paths.iter().try_for_each(|path| find(&output, path).map(drop))
            }
            Step::OutputValue { path, value } => same(value, find(&self.output().await?, path)?),
            Step::OutputItems { path, count } => {
                let output = self.output().await?;
                let found = find(&output, path)?;
                let items = found.as_array().map(Vec::len).or_else(|| found.as_object().map(serde_json::Map::len));
                expect(items == Some(*count), || format!("it is {found}"))
            }
            Step::Order { task, order } => in_order(&self.moves().await?, task, order),
            Step::Task { task, end } => task_ends(&self.moves().await?, task, end),
            _ => Ok(()),
        }
    }

    async fn define(&self, text: &str) -> Result<Arc<Definition>, Failure> {
        let definition =
            Definition::parse(text, &self.shelf).map_err(|findings| Failure::new(crate::first(&findings)))?;
        self.house.register(&definition).await?;
        Ok(Arc::new(definition))
    }

    fn definition(&self) -> Result<Arc<Definition>, Failure> {
        self.definition.clone().ok_or_else(|| Failure::new("no workflow is defined"))
    }

    fn run(&self) -> Result<RunId, Failure> {
        self.run.ok_or_else(|| Failure::new("the workflow has not been executed"))
    }

    /// Lets the service work; where the scenario says nothing about time, all of it passes.
    async fn go_on(&mut self) -> Result<(), Failure> {
        if self.timed { self.house.settle().await } else { self.pass_until(None).await }
    }

    /// Lets time pass from one due time to the next, up to a time if one is given.
    async fn pass_until(&mut self, end: Option<engine::Timestamp>) -> Result<(), Failure> {
        loop {
            self.house.settle().await?;
            match self.house.due().await? {
                Some(due) if end.is_none_or(|end| due <= end) => self.house.set_clock(due).await?,
                _ => break,
            }
        }
        if let Some(end) = end {
            self.house.set_clock(end).await?;
        }
        self.house.settle().await
    }

    async fn moves(&self) -> Result<Vec<Trace>, Failure> {
        self.house.moves(&self.definition()?, self.run()?).await
    }

    async fn output(&self) -> Result<Value, Failure> {
        let shown = self.house.show(self.run()?).await?;
        let output = shown.output.as_ref().map(Value::from);
        output.ok_or_else(|| Failure::new(format!("the workflow has no output, it is {}", shown.phase)))
    }

    async fn ends(&self, end: &End) -> Result<(), Failure> {
        let shown = self.house.show(self.run()?).await?;
        let reality = || match (&shown.fault, &shown.reason) {
            (Some(fault), _) => format!("it is {}: {fault}", shown.phase),
            (None, Some(reason)) => format!("it is {}: {reason}", shown.phase),
            (None, None) => format!("it is {}", shown.phase),
        };
        let phase = match end {
            End::Completes(_) => "completed",
            End::Faults(_) => "faulted",
            End::Cancels => "cancelled",
            End::Waits => "running",
        };
        expect(shown.phase == phase, reality)?;
        match (end, &shown.output, &shown.fault) {
            (End::Completes(Some(wanted)), Some(output), _) => same(wanted, &Value::from(output)),
            (End::Faults(Some(wanted)), _, Some(fault)) => same_error(wanted, fault),
            _ => Ok(()),
        }
    }
}

fn expect(holds: bool, reality: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(reality())) }
}

fn same(wanted: &Value, found: &Value) -> Result<(), Failure> {
    expect(alike(wanted, found), || format!("{wanted} is expected, it is {found}"))
}

/// Equality of JSON, in which `1` and `1.0` are the same number.
fn alike(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Number(wanted), Value::Number(found)) => wanted.as_f64() == found.as_f64(),
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| alike(wanted, found))
        }
        (Value::Object(wanted), Value::Object(found)) => {
            let has = |(name, wanted): (&String, &Value)| found.get(name).is_some_and(|found| alike(wanted, found));
            wanted.len() == found.len() && wanted.iter().all(has)
        }
        _ => wanted == found,
    }
}

/// Whether an error has the wanted properties; its type is compared as the language compares types.
pub(crate) fn same_error(wanted: &Value, fault: &Fault) -> Result<(), Failure> {
    let found = serde_json::to_value(fault)?;
    for (name, wanted) in wanted.as_object().into_iter().flatten() {
        let holds = match (name.as_str(), wanted.as_str()) {
            ("type", Some(wanted)) => definitions::same_error_type(wanted, &fault.kind),
            _ => found.get(name).is_some_and(|found| alike(wanted, found)),
        };
        expect(holds, || format!("`{name}`: {wanted} is expected, the error is {found}"))?;
    }
    Ok(())
}

/// A value by its dotted path.
fn find<'v>(value: &'v Value, path: &str) -> Result<&'v Value, Failure> {
    let step = |value: &'v Value, name: &str| value.get(name).or_else(|| value.get(name.parse::<usize>().ok()?));
    let found = value.get(path).or_else(|| path.split('.').try_fold(value, step));
    found.ok_or_else(|| Failure::new(format!("there is no `{path}` in {value}")))
}

fn name(step: &Visit) -> &str {
    step.pointer.as_str().rsplit('/').next().unwrap_or_default()
}

/// Checks when a task ran; one that was skipped did not.
fn in_order(moves: &[Trace], task: &str, order: &Order) -> Result<(), Failure> {
    let mut started = Vec::new();
    for moved in moves {
        match moved {
            Trace::Entered(step) => started.push(name(step)),
            Trace::Skipped(_) => drop(started.pop()),
            _ => {}
        }
    }
    let first = |task: &str| {
        let missing = || Failure::new(format!("`{task}` did not run, only {started:?}"));
        started.iter().position(|started| *started == task).ok_or_else(missing)
    };
    let holds = match order {
        Order::First => first(task)? == 0,
        Order::Last => started.last().is_some_and(|last| *last == task),
        Order::Before(other) => first(task)? < first(other)?,
        Order::After(other) => first(task)? > first(other)?,
    };
    expect(holds, || format!("the tasks ran in this order: {started:?}"))
}

/// Checks how the last visit of a task stands.
fn task_ends(moves: &[Trace], task: &str, end: &End) -> Result<(), Failure> {
    let of_task = |moved: &&Trace| match moved {
        Trace::Entered(step)
        | Trace::Skipped(step)
        | Trace::Cancelled(step)
        | Trace::Left { step, .. }
        | Trace::Raised { step, .. } => name(step) == task,
        Trace::Chose { .. } | Trace::Caught { .. } => false,
    };
    let last = moves.iter().rev().find(of_task).ok_or_else(|| Failure::new(format!("`{task}` did not run")))?;
    match (end, last) {
        (End::Completes(None), Trace::Left { .. })
        | (End::Faults(None), Trace::Raised { .. })
        | (End::Cancels, Trace::Cancelled(_))
        | (End::Waits, Trace::Entered(_)) => Ok(()),
        (End::Completes(Some(wanted)), Trace::Left { output, .. }) => same(wanted, &Value::from(output)),
        (End::Faults(Some(wanted)), Trace::Raised { fault, .. }) => same_error(wanted, fault),
        (_, found) => Err(Failure::new(format!("`{task}`: {found:?}"))),
    }
}
