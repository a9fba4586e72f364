//! The format of guard files.
//!
//! ```yaml
//! workflows: [ stationmaster/agent-creation ]      # or: all
//! guards:
//!   - name: traffic moves only after Genesis and an Admin
//!     before: [ { call: shift-traffic } ]          # what is protected: any of these
//!     passes:                                      # what every path to it passes, in this order
//!       - case: { of: verdict, name: approved }
//!       - gate: { roles: [ admin ] }
//!     since: [ { call: generate-code } ]           # whoever passes one of these has to pass all of that again
//!     covers: once                                 # each passage is good for one of what is protected (else: run)
//!   - name: a rejection is final
//!     after: [ { case: { of: verdict, name: rejected } } ]
//!     never: [ { call: generate-code } ]
//!     unless: [ { call: request-genesis } ]        # allowed again behind one of these
//!   - { name: every path ends, ends: true }
//!   - { name: no gate waits for ever, bounded: gates }
//! ```

use definitions::DefinitionId;
use serde::Deserialize;

use super::selector::Selector;
use crate::yaml::{self, Unreadable};

/// Guards, and the workflows that they are for.
#[derive(Debug, Clone)]
pub struct Guards {
    workflows: Workflows,
    pub(crate) guards: Vec<Guard>,
}

/// A promise about all paths of a workflow.
#[derive(Debug, Clone)]
pub struct Guard {
    /// What is promised, in words.
    pub name: String,
    pub(crate) rule: Rule,
}

#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Path(Path),
    /// From everywhere the run can come to an end.
    Ends,
    /// What waits is bounded by a time limit, or watched by a timer.
    Bounded(Waiting),
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Waiting {
    /// Calls of `human-approval`: one that expires is bounded.
    Gates,
    /// `listen` tasks.
    Listens,
}

/// Something must be passed before something else.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) before: Vec<Selector>,
    /// In this order; each is any of its selectors.
    pub(crate) passes: Vec<Vec<Selector>>,
    /// Voids what has been passed.
    pub(crate) since: Vec<Selector>,
    /// Whether a passage is used up by what it was for.
    pub(crate) once: bool,
    /// Whether a run starts as if it had passed everything: for what is forbidden only after something else.
    pub(crate) passed_at_start: bool,
}

#[derive(Debug, Clone)]
enum Workflows {
    All,
    Named(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    workflows: Names,
    guards: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    Word(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrAny {
    One(Selector),
    Any(Vec<Selector>),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Covers {
    Once,
    Run,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    before: Option<Vec<Selector>>,
    #[serde(default)]
    passes: Vec<OneOrAny>,
    #[serde(default)]
    since: Vec<Selector>,
    covers: Option<Covers>,
    after: Option<Vec<Selector>>,
    never: Option<Vec<Selector>>,
    #[serde(default)]
    unless: Vec<Selector>,
    ends: Option<bool>,
    bounded: Option<Waiting>,
}

impl Guards {
    /// Reads a guard file.
    ///
    /// # Errors
    /// The text is no YAML, has a property that means nothing here, or a guard that promises nothing.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let File { workflows, guards } = yaml::read(text)?;
        let workflows = match workflows {
            Names::Word(word) if word == "all" => Workflows::All,
            Names::Word(word) => Workflows::Named(vec![word]),
            Names::List(names) => Workflows::Named(names),
        };
        let guards = guards.into_iter().map(Guard::try_from).collect::<Result<_, _>>()?;
        Ok(Self { workflows, guards })
    }

    /// Whether the guards are for this definition.
    #[must_use]
    pub fn applies_to(&self, id: &DefinitionId) -> bool {
        match &self.workflows {
            Workflows::All => true,
            Workflows::Named(_) => {
                self.names().any(|name| [&*id.name, &*format!("{}/{}", id.namespace, id.name)].contains(&name))
            }
        }
    }

    /// The workflows that they name; none where they are for all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = match &self.workflows {
            Workflows::All => &[][..],
            Workflows::Named(names) => names,
        };
        named.iter().map(String::as_str)
    }

    pub(crate) fn is_general(&self) -> bool {
        matches!(self.workflows, Workflows::All)
    }
}

impl TryFrom<Written> for Guard {
    type Error = Unreadable;

    fn try_from(written: Written) -> Result<Self, Unreadable> {
        let Written { name, before, passes, since, covers, after, never, unless, ends, bounded } = written;
        let refuse = |reason: &str| Err(Unreadable::new(format!("the guard `{name}`: {reason}")));
        let plain = since.is_empty() && covers.is_none() && passes.is_empty();
        let rule = match (before, after, never, ends, bounded) {
            (Some(before), None, None, None, None) if unless.is_empty() => {
                if passes.is_empty() {
                    return refuse("`before` needs `passes`: what is to be passed before it");
                }
                let passes = passes.into_iter().map(|step| match step {
                    OneOrAny::One(selector) => vec![selector],
                    OneOrAny::Any(selectors) => selectors,
                });
                let once = !matches!(covers, Some(Covers::Run));
                Rule::Path(Path { before, passes: passes.collect(), since, once, passed_at_start: false })
            }
            (None, Some(after), Some(never), None, None) if plain => Rule::Path(Path {
                before: never,
                passes: vec![unless],
                since: after,
                once: false,
                passed_at_start: true,
            }),
            (None, None, None, Some(true), None) if plain && unless.is_empty() => Rule::Ends,
            (None, None, None, None, Some(waiting)) if plain && unless.is_empty() => Rule::Bounded(waiting),
            _ => {
                return refuse(
                    "it is one of `before` with `passes`, `after` with `never`, `ends: true`, and `bounded`",
                );
            }
        };
        Ok(Self { name, rule })
    }
}
