//! What there is to draw: boxes within boxes, and where the flow goes from each.

use definitions::{CallTarget, Definition, Delay, Flow, Listen, Pointer, Strategy, Task, TaskKind, TaskList, Template};

/// A list of tasks, one below the other.
#[derive(Debug)]
pub(crate) struct List(pub(crate) Vec<Item>);

/// A task.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) pointer: Pointer,
    pub(crate) name: String,
    /// What kind of task it is, in a word.
    pub(crate) kind: &'static str,
    /// What it does, in a few words: lines below its name.
    pub(crate) notes: Vec<String>,
    pub(crate) body: Body,
    /// Where the flow goes when the task has ended; nothing where it cannot end that way.
    pub(crate) then: Option<Flow>,
}

/// What is within a task.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing that is drawn.
    Leaf,
    /// The cases of a `switch`: name, and where the flow goes.
    Cases(Vec<(String, Flow)>),
    /// Lists beside each other, each with its title: bodies, handlers and branches.
    Parts(Vec<(String, List)>),
}

/// The outline of a definition.
pub(crate) fn outline(definition: &Definition) -> List {
    list(&definition.workflow.body)
}

fn list(tasks: &TaskList) -> List {
    let names: Vec<_> = tasks.0.iter().map(|task| &*task.name).collect();
    let items = tasks.0.iter().enumerate().map(|(index, task)| {
        let mut item = item(task, &names);
        // The next task by name is the next task.
        if item.then == Some(Flow::Task(index + 1)) {
            item.then = Some(Flow::Continue);
        }
        item
    });
    List(items.collect())
}

/// A task; `names` are those of its list, in order.
fn item(task: &Task, names: &[&str]) -> Item {
    let mut notes = Vec::new();
    if let Some(condition) = &task.condition {
        notes.push(format!("if {}", condition.source()));
    }
    let (kind, body) = kind(task, names, &mut notes);
    if let Some(timeout) = &task.timeout {
        notes.push(format!("at most {}", delay(timeout)));
    }
    let ends = match &task.kind {
        TaskKind::Raise(_) => false,
        TaskKind::Switch(cases) => cases.iter().all(|case| case.when.is_some()),
        _ => true,
    };
    let notes = notes.iter().map(|note| short(note, 44)).collect();
    let then = ends.then(|| task.then.clone());
    Item { pointer: task.pointer.clone(), name: task.name.to_string(), kind, notes, body, then }
}

fn kind(task: &Task, names: &[&str], notes: &mut Vec<String>) -> (&'static str, Body) {
    let part = |title: &str, tasks: &TaskList| (title.to_owned(), list(tasks));
    match &task.kind {
        TaskKind::Do(body) => ("do", Body::Parts(vec![part("", body)])),
        TaskKind::Set(_) => ("set", Body::Leaf),
        TaskKind::Switch(cases) => {
            let cases = cases.iter().map(|case| {
                let when = case.when.as_ref().map_or_else(String::new, |when| format!(": {}", when.source()));
                (short(&format!("{}{when}", case.name), 44), case.then.clone())
            });
            ("switch", Body::Cases(cases.collect()))
        }
        TaskKind::Call(call) => {
            notes.insert(
                0,
                match &call.target {
                    CallTarget::Host(name) if name.version.is_empty() => name.name.to_string(),
                    CallTarget::Host(name) => format!("{}:{}", name.name, name.version),
                    CallTarget::Inline(function) => function.name.trim_end_matches("@default").to_owned(),
                },
            );
            ("call", Body::Leaf)
        }
        TaskKind::Emit(event) => {
            notes.extend(literal_type(event));
            ("emit", Body::Leaf)
        }
        TaskKind::For(each) => {
            notes.push(format!("each ${} in {}", each.each, each.collection.source()));
            notes.extend(each.condition.iter().map(|condition| format!("while {}", condition.source())));
            ("for", Body::Parts(vec![part("", &each.body)]))
        }
        TaskKind::Fork(fork) => {
            let branch = |task: &std::sync::Arc<Task>| (String::new(), List(vec![item(task, &[])]));
            let kind = if fork.compete { "race: the first branch decides" } else { "fork: all branches" };
            (kind, Body::Parts(fork.branches.iter().map(branch).collect()))
        }
        TaskKind::Listen(events) => {
            notes.extend(waits_for(events));
            match events.foreach.as_ref().and_then(|each| each.body.as_ref()) {
                Some(body) => ("listen", Body::Parts(vec![part("for each event", body)])),
                None => ("listen", Body::Leaf),
            }
        }
        TaskKind::Raise(_) => ("raise", Body::Leaf),
        TaskKind::Run(child) => {
            notes.push(format!("{}/{}:{}", child.namespace, child.name, child.version));
            (if child.wait { "run" } else { "run aside" }, Body::Leaf)
        }
        TaskKind::Try(attempt) => {
            let catch = &attempt.catch;
            let mut parts = vec![part("", &attempt.body)];
            let again = if catch.retry.is_some() { "catch, after retries" } else { "catch" };
            let then = match &catch.then {
                None | Some(Flow::Continue) => String::new(),
                Some(Flow::Exit) => ", then out".to_owned(),
                Some(Flow::End) => ", then end of run".to_owned(),
                Some(Flow::Task(index)) => format!(", then {}", names.get(*index).copied().unwrap_or_default()),
            };
            match &catch.body {
                Some(body) => parts.push(part(&format!("{again}{then}"), body)),
                None if catch.retry.is_some() => notes.push("tries again".to_owned()),
                None => notes.push(format!("goes on after an error{then}")),
            }
            ("try", Body::Parts(parts))
        }
        TaskKind::Wait(time) => {
            notes.push(delay(time));
            ("wait", Body::Leaf)
        }
    }
}

fn waits_for(listen: &Listen) -> Vec<String> {
    let word = match &listen.strategy {
        Strategy::One(_) => "",
        Strategy::Any(_) => "any of ",
        Strategy::All(_) => "all of ",
    };
    let mut kinds: Vec<_> = listen.strategy.filters().iter().filter_map(|filter| filter.event_type()).collect();
    kinds.dedup();
    let more = kinds.len().saturating_sub(2);
    let mut notes: Vec<_> = kinds.iter().take(2).map(|kind| (*kind).to_owned()).collect();
    if let Some(first) = notes.first_mut() {
        first.insert_str(0, word);
    }
    if more > 0 {
        notes.push(format!("and {more} more"));
    }
    notes
}

fn literal_type(event: &Template) -> Option<String> {
    let text = |value: &definitions::Data| value.as_str().map(str::to_owned);
    match event {
        Template::Literal(value) => value.get("type").as_ref().and_then(text),
        Template::Object(entries) => {
            entries.iter().find(|(name, _)| name == "type").and_then(|(_, value)| match value {
                Template::Literal(value) => text(value),
                Template::Expression(_) | Template::Uri(_) | Template::Object(_) | Template::Array(_) => None,
            })
        }
        Template::Expression(_) | Template::Uri(_) | Template::Array(_) => None,
    }
}

fn delay(delay: &Delay) -> String {
    match delay {
        Delay::Fixed(time) => crate::simulate::span(*time),
        Delay::Expression(expression) => expression.source().to_owned(),
    }
}

/// A text on one line, cut where it gets long.
fn short(text: &str, length: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= length {
        text
    } else {
        format!("{}…", text.chars().take(length - 1).collect::<String>())
    }
}
