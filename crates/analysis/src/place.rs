//! Naming tasks: for people who read a report, and for files that refer to them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use definitions::{CallTarget, Definition, DefinitionId, Pointer, Task, TaskKind};
use serde::{Deserialize, Serialize};

/// The definitions that others may run.
#[derive(Debug, Clone, Default)]
pub struct Library(BTreeMap<DefinitionId, Arc<Definition>>);

impl Library {
    /// The definition with this identity; `latest` is the greatest version.
    #[must_use]
    pub fn get(&self, id: &DefinitionId) -> Option<&Arc<Definition>> {
        if &*id.version != "latest" {
            return self.0.get(id);
        }
        let versions = self.0.iter().filter(|(known, _)| known.namespace == id.namespace && known.name == id.name);
        versions.max_by_key(|(known, _)| semver::Version::parse(&known.version).ok()).map(|(_, definition)| definition)
    }

    /// The one that a text names: `name`, `namespace/name` or `namespace/name:version`; without a version the latest.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Arc<Definition>> {
        let (path, version) = text.split_once(':').unwrap_or((text, "latest"));
        let (namespace, name) = match path.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => {
                let mut found = self.0.keys().filter(|id| &*id.name == path).map(|id| &*id.namespace);
                let namespace = found.next()?;
                (found.all(|other| other == namespace).then_some(namespace)?, path)
            }
        };
        self.get(&DefinitionId { namespace: namespace.into(), name: name.into(), version: version.into() })
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.0.values()
    }
}

impl FromIterator<Arc<Definition>> for Library {
    fn from_iter<I: IntoIterator<Item = Arc<Definition>>>(definitions: I) -> Self {
        Self(definitions.into_iter().map(|definition| (definition.id.clone(), definition)).collect())
    }
}

/// How a file names tasks: by pointer, or by name wherever a task of that name stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskRef(String);

impl TaskRef {
    /// Whether it names this task.
    #[must_use]
    pub fn names(&self, pointer: &Pointer) -> bool {
        pointer.as_str() == self.0 || names(pointer).last().is_some_and(|name| *name == self.0)
    }

    /// Whether it names this task or one around it.
    #[must_use]
    pub fn encloses(&self, pointer: &Pointer) -> bool {
        let below = pointer.as_str().strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (self.0.starts_with('/') && below) || names(pointer).contains(&self.0)
    }

    /// Whether it names a call's function: `name`, or `name:version`.
    #[must_use]
    pub fn is_function(&self, name: &str, version: &str) -> bool {
        self.0 == name || (!version.is_empty() && self.0 == format!("{name}:{version}"))
    }
}

impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for TaskRef {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The names of a task and of the tasks around it, the outermost first: what is left of a pointer without its lists.
pub(crate) fn names(pointer: &Pointer) -> Vec<String> {
    const LISTS: [&str; 7] = ["do", "try", "catch", "fork", "branches", "for", "foreach"];
    let mut names = Vec::new();
    let mut named = false;
    for token in pointer.as_str().split('/').skip(1) {
        let index = token.bytes().all(|byte| byte.is_ascii_digit());
        if named || !(index || LISTS.contains(&token)) {
            names.push(token.replace("~1", "/").replace("~0", "~"));
        }
        named = index && !named;
    }
    names
}

/// A task for people: its name, after those of the tasks around it.
#[must_use]
pub fn place(pointer: &Pointer) -> String {
    let names: Vec<_> = names(pointer).iter().map(|name| name.trim_end_matches("@default").to_owned()).collect();
    if names.is_empty() { "the workflow".to_owned() } else { names.join(" › ") }
}

/// The name and version of the catalogued function that a call task runs, of the host or written in the DSL. Functions of
/// `use.functions` have none: a definition gives them their names.
pub(crate) fn function(task: &Task) -> Option<(String, String)> {
    let TaskKind::Call(call) = &task.kind else { return None };
    match &call.target {
        CallTarget::Host(name) => Some((name.name.to_string(), name.version.to_string())),
        CallTarget::Inline(body) => {
            let (name, version) = body.name.strip_suffix("@default")?.split_once(':')?;
            Some((name.to_owned(), version.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_reads_as_names() {
        for (pointer, expected) in [
            ("/do/0/greet", "greet"),
            (
                "/do/4/adminGate/try/0/approval/human-approval:1.0.0@default/do/0/open",
                "adminGate › approval › human-approval:1.0.0 › open",
            ),
            ("/do/1/do/do/0/try/catch/do/0/x", "do › try › x"),
            ("/do/1/race/fork/branches/0/a~1b", "race › a/b"),
            ("", "the workflow"),
        ] {
            assert_eq!(place(&pointer.into()), expected);
        }
    }

    #[test]
    fn a_reference_is_a_name_or_a_pointer() {
        let pointer = Pointer::from("/do/0/a/do/1/b");
        assert!(TaskRef::from("b").names(&pointer) && TaskRef::from("/do/0/a/do/1/b").names(&pointer));
        assert!(!TaskRef::from("a").names(&pointer) && TaskRef::from("a").encloses(&pointer));
        assert!(TaskRef::from("/do/0/a").encloses(&pointer) && !TaskRef::from("/do/0").names(&pointer));
        assert!(!TaskRef::from("do").encloses(&pointer));
    }
}
