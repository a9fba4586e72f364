//! Judging a document: whether we agree with the official schema about it, whether it survives being printed, and how it runs.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use definitions::{
    Data, Definition, DefinitionId, Diagnostic, Diagnostics, EventFilter, Match, Severity, TaskKind, Trigger,
};
use engine::RunId;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::{
    Failure, Outcome,
    cast::{Cast, Expected},
    house::{House, Outside, Shelf, Wait},
    spec::Document,
    world, yaml,
};

/// Rounds of feeding a run before it counts as one that would go on for ever.
const ROUNDS: usize = 12;

/// What a document is judged by.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) schema: Validator,
    pub(crate) cast: Cast,
    pub(crate) stand_in: SocketAddr,
}

impl Judge {
    /// The outcome of a document.
    pub(crate) async fn judge(&self, document: &Document) -> Result<Outcome, Failure> {
        let (text, json) = match yaml(&document.text) {
            Ok(json) if json.pointer("/document/dsl").is_some() => (document.text.clone(), json),
            Ok(snippet) => match self.cast.frame(&document.name, &snippet) {
                Some(framed) => (serde_json::to_string_pretty(&framed)?, framed),
                None => return Ok(Outcome::Data),
            },
            Err(_) => (document.text.clone(), Value::Null), // which no schema accepts
        };
        let valid = self.schema.is_valid(&json);
        match (Definition::parse(&text, &Shelf::default()), valid) {
            (Ok(_), false) => Err(Failure::new("it is accepted, and the official schema refuses it")),
            (Err(findings), false) => Ok(Outcome::Invalid(crate::first(&findings))),
            (Err(findings), true) => self.refused(document, &json, &findings),
            (Ok(definition), true) => {
                survives(&definition)?;
                Box::pin(self.run(document, Arc::new(definition))).await
            }
        }
    }

    fn refused(&self, document: &Document, json: &Value, findings: &Diagnostics) -> Result<Outcome, Failure> {
        let expected = self.cast.part(&document.name);
        let first = crate::first(findings);
        if let Expected::Refused(rule) = &expected.end
            && findings.0.iter().any(|finding| finding.rule == rule)
        {
            return Ok(Outcome::Refused(first, expected.why));
        }
        let mut errors = findings.0.iter().filter(|finding| finding.severity == Severity::Error);
        if errors.all(|finding| may_be_refused(json, finding)) {
            return Ok(Outcome::Refused(first, None));
        }
        Err(Failure::new(format!("it is refused: {first}")))
    }

    async fn run(&self, document: &Document, definition: Arc<Definition>) -> Result<Outcome, Failure> {
        let part = self.cast.part(&document.name);
        if let Some(program) = part.requires.as_ref().filter(|program| !is_installed(program)) {
            return Ok(Outcome::Needs(program.clone()));
        }
        let mut house = House::build(self.outside(&definition.source), false).await?;
        for id in &definition.workflows {
            house.register(&stub(id)?).await?;
        }
        house.register(&definition).await?;
        let run = match &definition.workflow.schedule {
            None => house.start(&definition, part.input.clone()).await?,
            Some(schedule) => self.trigger(&mut house, &schedule.trigger).await?,
        };
        let rounds = self.drive(&mut house, &definition, run).await?;
        let shown = house.show(run).await?;
        match (part.end, shown.phase.as_str(), &shown.fault) {
            (Expected::Completes, "completed", _) => Ok(Outcome::Ends("completes".to_owned(), part.why)),
            (Expected::Faults(wanted), "faulted", Some(fault)) => {
                crate::scenario::same_error(&wanted, fault)?;
                let title = fault.title.as_deref().unwrap_or(&fault.kind);
                Ok(Outcome::Ends(format!("faults: {} {title}", fault.status), part.why))
            }
            (Expected::Listens, "running", _) if rounds == ROUNDS => {
                house.cancel(run).await?;
                house.settle().await?;
                let ended = house.show(run).await?.phase;
                let cancelled = ended == "cancelled";
                if cancelled {
                    Ok(Outcome::Ends("listens until it is cancelled".to_owned(), part.why))
                } else {
                    Err(Failure::new(format!("it is {ended}")))
                }
            }
            (wanted, phase, fault) => {
                let fault = fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
                Err(Failure::new(format!("it is {phase}{fault}; {wanted:?} is expected")))
            }
        }
    }

    /// What a document finds outside the service.
    fn outside(&self, text: &str) -> Outside {
        let secrets = self.cast.secrets.clone();
        let mut hosts = world::hosts(text, self.stand_in);
        hosts.extend(secrets.values().flat_map(|secret| world::hosts(secret, self.stand_in)));
        Outside { hosts, secrets }
    }

    /// Lets a schedule start a run: its time comes, or its event.
    async fn trigger(&self, house: &mut House, trigger: &Trigger) -> Result<RunId, Failure> {
        house.settle().await?;
        if let Trigger::On(strategy) = trigger {
            for filter in strategy.filters() {
                house.publish(self.event_for(Some(filter))).await?;
            }
        } else if let Some(due) = house.due().await? {
            house.set_clock(due).await?;
        }
        house.settle().await?;
        house.scheduled().await?.ok_or_else(|| Failure::new("its schedule starts nothing"))
    }

    /// Gives a run whatever it waits for, until it ends or a number of rounds have passed; that number.
    async fn drive(&self, house: &mut House, definition: &Definition, run: RunId) -> Result<usize, Failure> {
        for round in 0..ROUNDS {
            house.settle().await?;
            if house.show(run).await?.phase != "running" {
                return Ok(round);
            }
            let waits: Vec<Wait> = house.waits().await?.into_iter().filter(|wait| wait.run == run).collect();
            if let Some(due) = house.due().await? {
                house.set_clock(due).await?;
            } else if waits.is_empty() {
                return Ok(round);
            }
            for wait in waits {
                house.publish(self.event(definition, &wait)).await?;
                house.settle().await?;
            }
        }
        Ok(ROUNDS)
    }

    /// An event that a wait takes.
    fn event(&self, definition: &Definition, wait: &Wait) -> Value {
        match definition.task(&wait.pointer.as_str().into()).map(|task| &task.kind) {
            Some(TaskKind::Listen(listen)) => self.event_for(listen.filter(wait.filter)),
            _ => self.event_for(None),
        }
    }

    /// An event that a filter accepts.
    fn event_for(&self, filter: Option<&EventFilter>) -> Value {
        let mut event = Map::from_iter([
            ("type".to_owned(), json!("com.example.anything")),
            ("data".to_owned(), self.cast.event_data()),
        ]);
        event.extend(filter.into_iter().flat_map(literals));
        Value::Object(event)
    }
}

/// What a filter asks for literally.
fn literals(filter: &EventFilter) -> impl Iterator<Item = (String, Value)> {
    filter.with.iter().filter_map(|(name, condition)| match condition {
        Match::Equals(value) => Some((name.to_string(), Value::from(value))),
        Match::Pattern(_) | Match::Expression(_) => None,
    })
}

/// A workflow that stands for one that a document runs: it says who it is.
fn stub(id: &DefinitionId) -> Result<Definition, Failure> {
    let version = if &*id.version == "latest" { "1.0.0" } else { &*id.version };
    let source = json!({
        "document": {"dsl": "1.0.3", "namespace": &*id.namespace, "name": &*id.name, "version": version},
        "do": [{"answer": {"set": {"ran": id.to_string()}}}],
    });
    Definition::parse(&source.to_string(), &BTreeMap::new()).map_err(|findings| Failure::new(crate::first(&findings)))
}

/// Whether a finding names one of the few features that may be refused: messages by anything but HTTP, tools over the standard
/// streams of a process, functions from anywhere, containers.
fn may_be_refused(json: &Value, finding: &Diagnostic) -> bool {
    let task = finding.pointer.as_str().rsplit_once("/call").and_then(|(task, _)| json.pointer(task));
    let by_http = task.and_then(|task| task.pointer("/with/protocol")).is_some_and(|protocol| protocol == "http");
    let message = &finding.message;
    let named = |feature: &str| message.contains(feature);
    finding.rule == "unsupported"
        && ((named("asyncapi") && !by_http)
            || named("MCP over the standard input")
            || named("by URL")
            || named("run.container"))
}

/// Whether a program is installed on this machine.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|place| place.join(program).exists())
}

/// That printing a definition and reading it again loses nothing.
fn survives(definition: &Definition) -> Result<(), Failure> {
    let printed = definition.to_yaml();
    let again = Definition::parse(&printed, &definition.functions).map_err(|findings| {
        Failure::new(format!("it is not accepted again once it was printed: {}", crate::first(&findings)))
    })?;
    let same = again.document == definition.document
        && format!("{:?}", again.workflow) == format!("{:?}", definition.workflow);
    let lost = || Failure::new("it is another one once it was printed");
    if same && Data::from(yaml(&printed)?) == definition.document { Ok(()) } else { Err(lost()) }
}
