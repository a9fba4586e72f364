//! Which workflows a child run may start itself: resolved when it starts, `latest` included, and pinned by its first fact.

use std::collections::{BTreeMap, BTreeSet};

use definitions::{CallTarget, ContentHash, Definition, Task, TaskKind, TaskList};
use engine::{Effect, OrgId, RunId};
use store::Store;

use crate::library::{Error, Library};

/// The workflows that runs of a definition may start: their hashes by `namespace/name:version`.
type Pins = BTreeMap<String, String>;

/// The pins of the runs of some definitions, by the definition's hash.
pub(crate) type Known = BTreeMap<String, Pins>;

/// Resolves what runs of these definitions may start.
///
/// # Errors
/// A definition cannot be read.
pub(crate) async fn resolve(
    store: &Store,
    library: &Library,
    org: OrgId,
    definitions: &BTreeSet<String>,
) -> Result<Known, Error> {
    let mut known = Known::new();
    for definition in definitions {
        if let Some(hash) = content_hash(definition) {
            let parsed = library.get(org, hash).await?;
            known.insert(definition.clone(), pins(store, org, &parsed).await?);
        }
    }
    Ok(known)
}

/// The definitions of the children that the effects start.
pub(crate) fn started<'a>(effects: impl Iterator<Item = &'a Effect>) -> BTreeSet<String> {
    let definition = |effect: &Effect| match effect {
        Effect::StartChild { definition, .. } => Some(definition.clone()),
        Effect::Emit(_) | Effect::Subscribe(_) | Effect::Unsubscribe(_) | Effect::CancelChild(_) => None,
    };
    effects.filter_map(definition).collect()
}

/// The pins of each child that the effects start.
pub(crate) fn pinned<'a>(effects: impl Iterator<Item = &'a Effect>, known: &Known) -> BTreeMap<RunId, Pins> {
    let child = |effect: &Effect| match effect {
        Effect::StartChild { child, definition, .. } => Some((*child, known.get(definition)?.clone())),
        Effect::Emit(_) | Effect::Subscribe(_) | Effect::Unsubscribe(_) | Effect::CancelChild(_) => None,
    };
    effects.filter_map(child).collect()
}

async fn pins(store: &Store, org: OrgId, definition: &Definition) -> Result<Pins, Error> {
    let mut named = Named::new();
    name_in(&definition.workflow.body, &mut named);
    let mut pins = Pins::new();
    for (namespace, name, version) in named {
        let versions = store::definitions::versions(&mut *store.engine().await?, org, &namespace, &name).await?;
        let wanted = versions.into_iter().find(|(id, _)| version == "latest" || *id.version == *version);
        if let Some((_, hash)) = wanted {
            pins.insert(format!("{namespace}/{name}:{version}"), hash.to_string());
        }
    }
    Ok(pins)
}

fn content_hash(text: &str) -> Option<ContentHash> {
    hex::decode(text).ok()?.try_into().ok().map(ContentHash)
}

type Named = BTreeSet<(String, String, String)>;

fn name_in(list: &TaskList, named: &mut Named) {
    list.0.iter().for_each(|task| name_of(task, named));
}

fn name_of(task: &Task, named: &mut Named) {
    match &task.kind {
        TaskKind::Run(run) => {
            named.insert((run.namespace.to_string(), run.name.to_string(), run.version.to_string()));
        }
        TaskKind::Do(body) => name_in(body, named),
        TaskKind::For(each) => name_in(&each.body, named),
        TaskKind::Fork(fork) => fork.branches.iter().for_each(|branch| name_of(branch, named)),
        TaskKind::Try(attempt) => {
            name_in(&attempt.body, named);
            attempt.catch.body.iter().for_each(|body| name_in(body, named));
        }
        TaskKind::Call(call) => {
            if let CallTarget::Inline(task) = &call.target {
                name_of(task, named);
            }
        }
        TaskKind::Set(_)
        | TaskKind::Switch(_)
        | TaskKind::Emit(_)
        | TaskKind::Listen(_)
        | TaskKind::Raise(_)
        | TaskKind::Wait(_) => {}
    }
}
