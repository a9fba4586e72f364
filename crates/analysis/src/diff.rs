//! What another version of a definition changes, in terms of tasks, and which runs in flight it would leave standing nowhere.
//!
//! Tasks are the same if they have the same name below the same names: where a task stands in its list may change without its
//! becoming another. A run may move to the other version if every task in which it stands is there, waits in the same way, and
//! stands below the same kinds of tasks.

use std::collections::{BTreeMap, BTreeSet};

use definitions::{Definition, Pointer, Task, TaskKind};
use serde::Serialize;
use serde_json::Value;

use crate::{
    place,
    place::{function, names},
};

/// What is different between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The changes, in the order of the tasks of the newer version; removed tasks last.
    pub changes: Vec<Change>,
    /// Where a run may stand in the older version and cannot go on in the newer one.
    pub stranded: Vec<Stranded>,
}

/// A change of one task, or of what stands beside the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What changed: the names of the task and of those around it, or a property of the document.
    pub place: String,
    /// How.
    #[serde(flatten)]
    pub kind: Changed,
}

/// How something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Changed {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It stands elsewhere among the tasks that both versions have.
    Moved,
    /// It is another in these properties.
    Modified {
        /// The properties, each with what it was and what it is.
        properties: BTreeMap<String, Values>,
    },
}

/// What a property was, and what it is; `null` where it is not given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Values {
    /// In the older version.
    pub was: Value,
    /// In the newer one.
    pub is: Value,
}

/// A task in which a run may stand, and why it could not go on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranded {
    /// The task, in the older version.
    pub pointer: Pointer,
    /// Why.
    pub reason: String,
}

/// Compares two versions of a definition.
#[must_use]
pub fn diff(old: &Definition, new: &Definition) -> Diff {
    let (before, after) = (by_name(old), by_name(new));
    let mut changes = beside(old, new);
    let moved = moved(&before, &after);
    for (path, task) in &after {
        let place = path.join(" › ");
        match before.iter().find(|(other, _)| other == path) {
            None => changes.push(Change { place, kind: Changed::Added }),
            Some((_, other)) => {
                if moved.contains(path) {
                    changes.push(Change { place: place.clone(), kind: Changed::Moved });
                }
                let properties = modified(&own(old, &other.pointer), &own(new, &task.pointer));
                if !properties.is_empty() {
                    changes.push(Change { place, kind: Changed::Modified { properties } });
                }
            }
        }
    }
    let gone = before.iter().filter(|(path, _)| after.iter().all(|(other, _)| other != path));
    changes.extend(gone.map(|(path, _)| Change { place: path.join(" › "), kind: Changed::Removed }));
    let stranded = before.iter().filter_map(|(path, task)| {
        let called = function(task).map(|(name, version)| format!("{name}:{version}"));
        let rewritten = called.filter(|called| rewritten(old, new).any(|name| name == called));
        let within = rewritten.map(|name| Stranded {
            pointer: task.pointer.clone(),
            reason: format!("the function `{name}`, in which it may stand, has another text"),
        });
        stranded(path, task, &before, &after).or(within)
    });
    let stranded = stranded.collect();
    Diff { changes, stranded }
}

/// The tasks of a definition in the order of their text, by the names around them; not those within called functions.
type Tasks<'d> = Vec<(Vec<String>, &'d Task)>;

fn by_name(definition: &Definition) -> Tasks<'_> {
    let document = Value::from(&definition.document);
    let written = definition.tasks().filter(|task| document.pointer(task.pointer.as_str()).is_some());
    let mut tasks: Vec<_> = written.map(|task| (names(&task.pointer), task)).collect();
    tasks.sort_by_key(|(_, task)| order(&task.pointer));
    tasks
}

/// Sorts pointers as their document is read: places in lists are numbers.
fn order(pointer: &Pointer) -> Vec<(usize, String)> {
    let token = |token: &str| (token.parse().unwrap_or(usize::MAX), token.to_owned());
    pointer.as_str().split('/').map(token).collect()
}

/// A task as it is written, without the tasks within it.
fn own(definition: &Definition, pointer: &Pointer) -> Value {
    let document = Value::from(&definition.document);
    let mut task = document.pointer(pointer.as_str()).cloned().unwrap_or_default();
    let Some(entries) = task.as_object_mut() else { return task };
    for list in ["do", "try"] {
        if entries.get(list).is_some_and(Value::is_array) {
            entries.remove(list);
        }
    }
    if let Some(catch) = entries.get_mut("catch").and_then(Value::as_object_mut) {
        catch.remove("do");
    }
    if let Some(each) = entries.get_mut("foreach").and_then(Value::as_object_mut) {
        each.remove("do");
    }
    if let Some(fork) = entries.get_mut("fork").and_then(Value::as_object_mut) {
        fork.remove("branches");
    }
    task
}

fn modified(old: &Value, new: &Value) -> BTreeMap<String, Values> {
    let keys = |value: &Value| value.as_object().map(|entries| entries.keys().cloned().collect()).unwrap_or_default();
    let all: BTreeSet<String> = BTreeSet::union(&keys(old), &keys(new)).cloned().collect();
    let value = |of: &Value, key: &str| of.get(key).cloned().unwrap_or_default();
    let changed = all.into_iter().filter(|key| value(old, key) != value(new, key));
    changed.map(|key| (key.clone(), Values { was: value(old, &key), is: value(new, &key) })).collect()
}

/// What stands beside the tasks: the document's own properties, and the functions that were linked.
fn beside(old: &Definition, new: &Definition) -> Vec<Change> {
    let without_tasks = |definition: &Definition| {
        let mut document = Value::from(&definition.document);
        if let Some(entries) = document.as_object_mut() {
            entries.remove("do");
        }
        document
    };
    let properties = modified(&without_tasks(old), &without_tasks(new));
    let property = |(name, values)| Change {
        place: "the workflow".to_owned(),
        kind: Changed::Modified { properties: BTreeMap::from([(name, values)]) },
    };
    let mut changes: Vec<_> = properties.into_iter().map(property).collect();
    changes.extend(rewritten(old, new).map(|name| {
        let values = Values { was: old.functions[name].as_str().into(), is: new.functions[name].as_str().into() };
        let properties = BTreeMap::from([("text".to_owned(), values)]);
        Change { place: name.clone(), kind: Changed::Modified { properties } }
    }));
    changes
}

/// The functions written in the DSL that both versions call, and that were rewritten under the same name and version.
fn rewritten<'d>(old: &'d Definition, new: &'d Definition) -> impl Iterator<Item = &'d String> {
    let other = |(name, text): &(&String, &String)| old.functions.get(*name).is_some_and(|other| other != *text);
    new.functions.iter().filter(other).map(|(name, _)| name)
}

/// The tasks that stand in another order than the others that both versions have: all but a longest part that kept its order.
fn moved(before: &Tasks<'_>, after: &Tasks<'_>) -> BTreeSet<Vec<String>> {
    let mut moved = BTreeSet::new();
    let parents: BTreeSet<&[String]> =
        after.iter().filter_map(|(path, _)| path.split_last()).map(|(_, up)| up).collect();
    for parent in parents {
        let within = |tasks: &Tasks<'_>| -> Vec<Vec<String>> {
            let children = tasks.iter().filter(|(path, _)| path.split_last().is_some_and(|(_, up)| up == parent));
            children.map(|(path, _)| path.clone()).collect()
        };
        let (old, new) = (within(before), within(after));
        let places: Vec<_> = new.iter().filter_map(|path| old.iter().position(|other| other == path)).collect();
        let kept = longest_increasing(&places);
        moved.extend(places.iter().filter(|place| !kept.contains(place)).map(|place| old[*place].clone()));
    }
    moved
}

/// A longest increasing part of a sequence of different numbers.
fn longest_increasing(numbers: &[usize]) -> BTreeSet<usize> {
    let mut best: Vec<Vec<usize>> = Vec::new();
    for number in numbers {
        let before = best.iter().filter(|part| part.last() < Some(number)).max_by_key(|part| part.len());
        let part = before.cloned().unwrap_or_default().into_iter().chain([*number]).collect();
        best.push(part);
    }
    best.into_iter().max_by_key(Vec::len).unwrap_or_default().into_iter().collect()
}

/// Why a run that stands in this task could not go on in the newer version, if it can stand there and could not.
fn stranded(path: &[String], task: &Task, before: &Tasks<'_>, after: &Tasks<'_>) -> Option<Stranded> {
    let stands = matches!(
        task.kind,
        TaskKind::Call(_) | TaskKind::Listen(_) | TaskKind::Wait(_) | TaskKind::Run(_) | TaskKind::Try(_)
    );
    let find =
        |tasks: &Tasks<'_>, path: &[String]| tasks.iter().find(|(other, _)| other == path).map(|(_, task)| word(task));
    let reason = (1..=path.len()).filter(|_| stands).find_map(|depth| {
        let around = &path[..depth];
        let name = around.join(" › ");
        match (find(before, around)?, find(after, around)) {
            (_, None) => Some(format!("`{name}` is gone")),
            (was, Some(is)) if was != is => Some(format!("`{name}` was {was}, and is {is}")),
            (_, Some(_)) => None,
        }
    });
    reason.map(|reason| Stranded { pointer: task.pointer.clone(), reason })
}

/// A task's kind, as far as a run that stands in it or below it depends on it.
fn word(task: &Task) -> String {
    let kind = match &task.kind {
        TaskKind::Do(_) => "a `do`",
        TaskKind::Set(_) => "a `set`",
        TaskKind::Switch(_) => "a `switch`",
        TaskKind::Call(_) => {
            let called = function(task).map(|(name, version)| format!("{name}:{version}"));
            return format!("a call of `{}`", called.unwrap_or_else(|| place(&task.pointer)));
        }
        TaskKind::Emit(_) => "an `emit`",
        TaskKind::For(_) => "a `for`",
        TaskKind::Fork(_) => "a `fork`",
        TaskKind::Listen(_) => "a `listen`",
        TaskKind::Raise(_) => "a `raise`",
        TaskKind::Run(_) => "a `run`",
        TaskKind::Try(_) => "a `try`",
        TaskKind::Wait(_) => "a `wait`",
    };
    kind.to_owned()
}

#[cfg(test)]
mod tests;
