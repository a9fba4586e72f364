//! What we conform to, shown by one command: `cargo test --test conformance [-- TEXT…]`.
//!
//! It takes the Open Workflow Specification from the directory `OWS_SPEC_DIR` (by default `../shared/spec` beside the
//! workspace) and prints a line for each
//! - scenario of the conformance kit, played against the real database, worker and functions, definitions unchanged, with
//!   stand-ins for the public hosts that it calls;
//! - example, snippet and invalid fixture: our verdict against the official schema's, printed and read again, and run to its
//!   end, or refused at registration for a feature that may be refused;
//! - feature of our own (`features/`), which needs no specification.
//!
//! The outcomes are the table in `docs/dsl-profile.md`. Without a specification only our own features are played.

#![expect(clippy::print_stdout, reason = "the lines are what it is for")]

mod cast;
mod document;
mod gherkin;
mod house;
mod profile;
mod scenario;
mod spec;
mod sql;
mod steps;
mod world;

use std::{fmt, mem, path::Path, process::ExitCode, sync::Arc};

use definitions::{Diagnostics, Severity};
use futures::StreamExt;
use serde_json::Value;

use crate::{cast::Cast, document::Judge, scenario::Play, spec::Spec};

/// Cases that are played at the same time.
const CONCURRENCY: usize = 3;

/// Why a case is not as it should be.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// How a case ended well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// The scenario holds.
    Passes,
    /// The document runs to this end, for this reason.
    Ends(String, Option<String>),
    /// The document is refused at registration, for a reason that is allowed.
    Refused(String, Option<String>),
    /// The document is not valid, and refused.
    Invalid(String),
    /// The snippet is no part of a definition.
    Data,
    /// It cannot be said: a program that the document runs is not installed here.
    Needs(String),
}

/// One line of the report.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) section: String,
    pub(crate) name: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Scenario(gherkin::Scenario, Play),
    Document(spec::Document),
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let verdict = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(report(&filters)));
    match verdict {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Plays what the filters name, or everything; whether it is as the profile says.
async fn report(filters: &[String]) -> Result<bool, Failure> {
    let (directory, named) = spec::directory();
    let spec = Spec::read(&directory)?;
    if spec.is_none() {
        println!("skipped: there is no specification in {} (OWS_SPEC_DIR)", directory.display());
    }
    let (cases, judge) = cases(spec).await?;
    let wanted = |case: &Case| filters.is_empty() || filters.iter().any(|filter| case.name.contains(filter));
    let cases: Vec<Case> = cases.into_iter().filter(wanted).collect();
    let mut playing = futures::stream::iter(cases).map(|case| play(case, judge.clone())).buffered(CONCURRENCY);
    let (mut outcomes, mut bad, mut section) = (Vec::new(), Vec::new(), String::new());
    while let Some((case, outcome)) = playing.next().await {
        if section != case.section {
            section.clone_from(&case.section);
            println!("\n{section}");
        }
        println!("  {}: {outcome}", case.name);
        if outcome.is_bad() {
            bad.push(case.name.clone());
        }
        outcomes.push((case, outcome.to_string()));
    }
    let whole = filters.is_empty() && !named && judge.is_some();
    if whole && std::env::var_os("UPDATE_PROFILE").is_some() {
        profile::update(&outcomes)?;
    }
    let known = profile::known()?;
    let differences = profile::differences(&known, &outcomes, whole);
    let expected = |name: &str| known.iter().any(|((_, known), said)| known == name && said.starts_with(NOT_YET));
    let unexpected = bad.iter().filter(|name| !expected(name)).count();
    println!("\n{} cases, {} not yet as they should be, {unexpected} of them unexpectedly", outcomes.len(), bad.len());
    for difference in &differences {
        println!("\n{difference}");
    }
    Ok(differences.is_empty() && unexpected == 0)
}

/// Everything there is to play, and what documents are judged by.
async fn cases(mut spec: Option<Spec>) -> Result<(Vec<Case>, Option<Arc<Judge>>), Failure> {
    let mut cases = Vec::new();
    let mut scenarios = |section: &str, scenarios: Vec<(String, gherkin::Scenario)>, play: Play| {
        cases.extend(scenarios.into_iter().map(|(file, scenario)| {
            let name = format!("{file}, {}", scenario.name);
            Case { section: section.to_owned(), name, what: What::Scenario(scenario, play) }
        }));
    };
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/features");
    let (kit, documents) =
        spec.as_mut().map(|spec| (mem::take(&mut spec.scenarios), mem::take(&mut spec.documents))).unwrap_or_default();
    scenarios("Scenarios of the conformance kit", kit, Play::Straight);
    scenarios("Our own scenarios", spec::scenarios(&ours)?, Play::Straight);
    scenarios("Our own scenarios, the process killed after every commit", spec::scenarios(&ours)?, Play::Interrupted);
    cases.extend(documents.into_iter().map(|document| {
        let folder = document.name.split_once('/').map_or("snippets", |(folder, _)| folder);
        let section = match folder {
            "examples" => "Examples",
            "fixtures-invalid" => "Documents that are not valid",
            _ => "Snippets of the specification's texts",
        };
        Case { section: section.to_owned(), name: document.name.clone(), what: What::Document(document) }
    }));
    let Some(spec) = spec else { return Ok((cases, None)) };
    let (schema, cast, stand_in) = (spec.schema, Cast::read()?, world::open().await?);
    Ok((cases, Some(Arc::new(Judge { schema, cast, stand_in }))))
}

async fn play(case: Case, judge: Option<Arc<Judge>>) -> (Case, Verdict) {
    let what = case.what.clone();
    let playing = async move {
        let stand_in = match &judge {
            Some(judge) => judge.stand_in,
            None => world::open().await?,
        };
        match (what, judge) {
            (What::Scenario(scenario, play), _) => {
                Box::pin(scenario::play(&scenario, stand_in, play)).await.map(|()| Outcome::Passes)
            }
            (What::Document(document), Some(judge)) => Box::pin(judge.judge(&document)).await,
            (What::Document(_), None) => Err(Failure::new("there is no schema to judge it by")),
        }
    };
    let verdict = tokio::spawn(playing).await.unwrap_or_else(|panic| Err(Failure::new(panic.to_string())));
    (case, Verdict(verdict))
}

/// How a case ended, as the report says it.
struct Verdict(Result<Outcome, Failure>);

/// What stands for the outcome of a case that this machine cannot play.
pub(crate) const NEEDS: &str = "cannot be told here, for want of";

/// What stands before the reason why a case is not as it should be.
const NOT_YET: &str = "**not yet**";

impl Verdict {
    fn is_bad(&self) -> bool {
        self.0.is_err()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |why: &Option<String>| why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        match &self.0 {
            Ok(Outcome::Passes) => f.write_str("passes"),
            Ok(Outcome::Ends(end, why)) => write!(f, "{end}{}", because(why)),
            Ok(Outcome::Refused(finding, why)) => write!(f, "refused: {finding}{}", because(why)),
            Ok(Outcome::Invalid(finding)) => write!(f, "not valid: {finding}"),
            Ok(Outcome::Data) => f.write_str("no definition"),
            Ok(Outcome::Needs(program)) => write!(f, "{NEEDS} `{program}`"),
            Err(failure) => write!(f, "{NOT_YET}: {failure}"),
        }
    }
}

impl Failure {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The same failure, of a step.
    pub(crate) fn at(self, step: &str) -> Self {
        Self(format!("{}: {}", step.trim_end_matches(':'), self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// A text of YAML or JSON, read as definitions are.
pub(crate) fn yaml(text: &str) -> Result<Value, Failure> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    Ok(serde_saphyr::from_str_with_options(text, options)?)
}

/// The first finding on a definition: where, what, and what to do.
pub(crate) fn first(findings: &Diagnostics) -> String {
    let mut errors = findings.0.iter().filter(|finding| finding.severity == Severity::Error);
    let Some(finding) = errors.next() else { return "nothing was found".to_owned() };
    let hint = finding.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let place = if finding.pointer.as_str().is_empty() { "/".into() } else { finding.pointer.to_string() };
    format!("`{place}`: {}{hint}", finding.message)
}
