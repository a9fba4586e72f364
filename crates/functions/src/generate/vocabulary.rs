//! Turns the words of a manifest into what the generated code is built from: an identifier and
//! weighted keywords for each capability, and texts with the score that they must get.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{Capability, Manifest};

/// A capability as the templates need it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Built {
    /// A Python identifier, unique in the agent.
    pub(super) id: String,
    /// On one line.
    pub(super) name: String,
    /// On one line.
    pub(super) description: String,
    /// Words in order, each with its weight.
    pub(super) keywords: BTreeMap<String, u32>,
}

const NAME_WEIGHT: u32 = 3;
const DESCRIPTION_WEIGHT: u32 = 2;
const SPECIALTY_WEIGHT: u32 = 1;
const MAX_KEYWORDS: usize = 24;
const MAX_WORD: usize = 40;
const MAX_ID: usize = 32;

/// Words that say nothing about what a capability does.
const COMMON: &[&str] = &[
    "about", "all", "and", "any", "are", "based", "each", "for", "from", "has", "have", "into", "its", "not", "our",
    "that", "the", "their", "them", "then", "they", "this", "use", "uses", "using", "what", "when", "which", "who",
    "will", "with", "you", "your",
];

/// Words that cannot name a Python module.
const RESERVED: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

/// The capabilities of `manifest`, each with an identifier of its own.
pub(super) fn build(manifest: &Manifest) -> Vec<Built> {
    let mut taken = BTreeSet::new();
    let mut built = Vec::new();
    for (index, capability) in manifest.effective_capabilities().iter().enumerate() {
        let id = identifier(&capability.name, index + 1, &taken);
        taken.insert(id.clone());
        built.push(Built {
            keywords: keywords(capability, &manifest.specialty, &id),
            name: one_line(&capability.name),
            description: one_line(&capability.description),
            id,
        });
    }
    built
}

/// `text` with every run of white space or control characters as one space.
pub(super) fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lower-case letters, digits and `joint`, at most [`MAX_ID`] long; empty if nothing is left.
pub(super) fn slug(text: &str, joint: &str) -> String {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let mut slug = parts.collect::<Vec<_>>().join(joint);
    slug.truncate(MAX_ID);
    slug.trim_end_matches(joint).to_owned()
}

fn identifier(name: &str, place: usize, taken: &BTreeSet<String>) -> String {
    let mut id = slug(name, "_");
    if id.is_empty() {
        id = format!("capability_{place}");
    }
    if id.starts_with(|c: char| c.is_ascii_digit()) {
        id.insert_str(0, "c_");
    }
    if RESERVED.contains(&id.as_str()) {
        id.push('_');
    }
    while taken.contains(&id) {
        id = format!("{id}_{place}");
    }
    id
}

/// The words as the generated `scoring.words` sees them: lower-case runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_alphanumeric()).map(str::to_owned);
    parts.collect::<Vec<_>>().into_iter()
}

fn keywords(capability: &Capability, specialty: &str, id: &str) -> BTreeMap<String, u32> {
    let mut keywords = BTreeMap::new();
    for (text, weight) in [
        (capability.name.as_str(), NAME_WEIGHT),
        (&capability.description, DESCRIPTION_WEIGHT),
        (specialty, SPECIALTY_WEIGHT),
    ] {
        for word in words(text) {
            // ASCII only: where letters end elsewhere, Rust and Python disagree in rare cases.
            let useful = word.is_ascii() && (3..=MAX_WORD).contains(&word.len());
            if useful && !COMMON.contains(&word.as_str()) && keywords.len() < MAX_KEYWORDS {
                keywords.entry(word).or_insert(weight);
            }
        }
    }
    if keywords.is_empty() {
        keywords.insert(id.replace('_', ""), NAME_WEIGHT);
    }
    keywords
}

/// A text, and what the generated agent must answer for it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Case {
    name: String,
    capability: String,
    text: String,
    score: f64,
    matched: Vec<String>,
    outcome: &'static str,
}

/// The generated `scoring.ACCEPT_FROM`.
const ACCEPT_FROM: f64 = 0.2;

/// Cases for `capability`: all its words, its two weightiest, and none.
pub(super) fn cases(capability: &Built) -> Vec<Case> {
    let mut by_weight: Vec<_> = capability.keywords.iter().collect();
    by_weight.sort_by_key(|(word, weight)| (std::cmp::Reverse(**weight), word.as_str()));
    let words: Vec<&str> = by_weight.iter().map(|(word, _)| word.as_str()).collect();
    let strongest = &words[..words.len().min(2)];
    [("all words", &words[..]), ("strongest words", strongest), ("other words", &[])]
        .map(|(kind, words)| case(capability, kind, words))
        .into()
}

fn case(capability: &Built, kind: &str, words: &[&str]) -> Case {
    let weigh =
        |words: &mut dyn Iterator<Item = &str>| -> f64 { words.map(|word| f64::from(capability.keywords[word])).sum() };
    let total = weigh(&mut capability.keywords.keys().map(String::as_str));
    let score = weigh(&mut words.iter().copied()) / total;
    let mut matched: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    matched.sort();
    Case {
        name: format!("{}: {kind}", capability.id),
        capability: capability.id.clone(),
        text: if words.is_empty() { "0 1".to_owned() } else { words.join(", ").to_uppercase() },
        score: (score * 10_000.0).round() / 10_000.0,
        matched,
        outcome: if score >= ACCEPT_FROM { "accepted" } else { "needs_review" },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn built(capabilities: &serde_json::Value) -> Vec<Built> {
        let manifest = Manifest::from_json(json!({
            "agent_name": "Ada", "industry": "sales", "specialty": "Lead care",
            "capabilities": capabilities,
        }))
        .expect("valid");
        build(&manifest)
    }

    #[test]
    fn identifiers_are_valid_and_distinct() {
        let names = json!(["Lead scoring", "lead-scoring!", "2nd call", "Import", "कॉल", "x".repeat(90)]);
        let ids: Vec<_> = built(&names).into_iter().map(|b| b.id).collect();
        let long = "x".repeat(MAX_ID);
        let expected = ["lead_scoring", "lead_scoring_2", "c_2nd_call", "import_", "capability_5", &long];
        assert_eq!(ids, expected);
    }

    #[test]
    fn keywords_weigh_by_where_they_stand() {
        let all = built(&json!([{"name": "Score a lead", "description": "the budget for a LEAD"}]));
        let expected = [("budget", 2), ("care", 1), ("lead", 3), ("score", 3)];
        let expected = expected.map(|(word, weight)| (word.to_owned(), weight));
        assert_eq!(all[0].keywords, expected.into());
    }

    #[test]
    fn cases_state_the_share_of_the_weight() {
        let all = built(&json!([{"name": "Score a lead", "description": "the budget"}]));
        let cases = cases(&all[0]);
        assert_eq!(cases[1].text, "LEAD, SCORE");
        assert!((cases[1].score - 0.6667).abs() < 1e-9, "{}", cases[1].score);
        assert_eq!((cases[0].score, cases[0].outcome), (1.0, "accepted"));
        assert_eq!((cases[2].score, cases[2].outcome), (0.0, "needs_review"));
    }

    #[test]
    fn a_name_without_words_still_has_a_keyword() {
        let manifest = Manifest::from_json(json!({
            "agent_name": "A", "industry": "sales", "specialty": "AI"
        }))
        .expect("valid");
        assert_eq!(build(&manifest)[0].keywords, [("ai".to_owned(), 3)].into());
    }

    #[test]
    fn one_line_has_no_control_characters() {
        assert_eq!(one_line(" a\n\tb\u{0} c "), "a b c");
    }
}
