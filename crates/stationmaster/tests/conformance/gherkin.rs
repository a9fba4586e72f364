//! Features as the conformance kit writes them: plain Gherkin, scenarios of steps with texts below them.
//!
//! What the kit does not use (outlines, rules, tables) is refused rather than passed over. A parser of all of Gherkin would
//! bring more packages than this has lines, and another build of half the tree.

use crate::{Failure, spec::dedent};

/// A scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// A step, without its keyword.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) text: String,
    /// The text below it, without its quotes, media type and indentation.
    pub(crate) block: Option<String>,
}

const KEYWORDS: [&str; 6] = ["Given ", "When ", "Then ", "And ", "But ", "* "];

/// The scenarios of a feature; the steps of its background, if there is one, come first in each.
pub(crate) fn scenarios(feature: &str) -> Result<Vec<Scenario>, Failure> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut background: Option<Vec<Step>> = None;
    let mut lines = feature.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("Scenario:").or_else(|| line.strip_prefix("Example:")) {
            let steps = background.clone().unwrap_or_default();
            scenarios.push(Scenario { name: name.trim().to_owned(), steps });
        } else if line.starts_with("Background:") && scenarios.is_empty() {
            background = Some(Vec::new());
        } else if ["Scenario Outline:", "Scenario Template:", "Rule:", "Examples:", "|"]
            .iter()
            .any(|word| line.starts_with(word))
        {
            return Err(Failure::new(format!("`{line}` is Gherkin that is not understood here")));
        } else if let Some(quotes @ ("\"\"\"" | "```")) = line.get(..3) {
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != quotes).collect();
            let step = steps_of(&mut scenarios, &mut background).and_then(|steps| steps.last_mut());
            let step = step.ok_or_else(|| Failure::new("a text stands below no step"))?;
            step.block = Some(dedent(&block.join("\n")));
        } else if let (Some(text), Some(steps)) =
            (KEYWORDS.iter().find_map(|keyword| line.strip_prefix(keyword)), steps_of(&mut scenarios, &mut background))
        {
            steps.push(Step { text: text.trim().to_owned(), block: None });
        } // else a comment, a tag, the feature's title or its description
    }
    Ok(scenarios)
}

/// Where steps go just now.
fn steps_of<'s>(scenarios: &'s mut [Scenario], background: &'s mut Option<Vec<Step>>) -> Option<&'s mut Vec<Step>> {
    match scenarios.last_mut() {
        Some(scenario) => Some(&mut scenario.steps),
        None => background.as_mut(),
    }
}
