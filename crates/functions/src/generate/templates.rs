//! The built-in generator: a Python agent from templates compiled into the binary.
//!
//! What the manifest decides goes into data (`manifest.json`, `cases.json`) and into one module
//! for each capability, so that no text of a manifest is ever pasted into logic. The rest is the
//! same for every agent of an industry, and is kept here as the very files it becomes.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::json;

use super::manifest::{Industry, Manifest, Sla, Tool};
use super::vocabulary::{self, Built};
use super::{Error, GeneratedFile};

/// Includes a file of the agent as it is.
macro_rules! plain {
    ($($path:literal from $source:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/agent/", $source)))),*]
    };
}

/// Files that are the same in every agent.
const SAME: &[(&str, &str)] = plain![
    ".dockerignore" from "dockerignore",
    ".flake8" from "flake8",
    ".github/workflows/ci.yml" from "ci.yml",
    ".gitignore" from "gitignore",
    "Dockerfile" from "Dockerfile",
    "requirements-lint.txt" from "requirements-lint.txt",
    "requirements-test.txt" from "requirements-test.txt",
    "requirements.txt" from "requirements.txt",
    "scripts/load_test.py" from "scripts/load_test.py",
    "src/agent/__init__.py" from "src/agent/__init__.py",
    "src/agent/__main__.py" from "src/agent/__main__.py",
    "src/agent/app.py" from "src/agent/app.py",
    "src/agent/manifest.py" from "src/agent/manifest.py",
    "src/agent/metrics.py" from "src/agent/metrics.py",
    "src/agent/policy.py" from "src/agent/policy.py",
    "src/agent/scoring.py" from "src/agent/scoring.py",
    "src/agent/tasks.py" from "src/agent/tasks.py",
    "tests/integration/conftest.py" from "tests/integration/conftest.py",
    "tests/integration/test_api.py" from "tests/integration/test_api.py",
    "tests/integration/test_load.py" from "tests/integration/test_load.py",
    "tests/unit/test_policy.py" from "tests/unit/test_policy.py",
    "tests/unit/test_scoring.py" from "tests/unit/test_scoring.py",
    "tests/unit/test_tasks.py" from "tests/unit/test_tasks.py",
];

const MARKETING: &[(&str, &str)] = plain![
    "src/agent/industry.py" from "src/agent/industries/marketing.py",
    "tests/unit/test_industry.py" from "tests/unit/industries/marketing.py",
];
const EDUCATION: &[(&str, &str)] = plain![
    "src/agent/industry.py" from "src/agent/industries/education.py",
    "tests/unit/test_industry.py" from "tests/unit/industries/education.py",
];
const SALES: &[(&str, &str)] = plain![
    "src/agent/industry.py" from "src/agent/industries/sales.py",
    "tests/unit/test_industry.py" from "tests/unit/industries/sales.py",
];

/// A string as JSON writes it, which is also a string of Python, of TOML and of YAML.
trait Quoted {
    fn quoted(&self) -> String;
}

impl Quoted for str {
    fn quoted(&self) -> String {
        serde_json::Value::from(self).to_string()
    }
}

#[derive(Template)]
#[template(path = "agent/pyproject.toml", escape = "none")]
struct Project<'a> {
    slug: &'a str,
    version: &'a str,
    specialty: &'a str,
}

#[derive(Template)]
#[template(path = "agent/README.md", escape = "none")]
struct Readme<'a> {
    name: &'a str,
    specialty: &'a str,
    industry: &'a str,
    capabilities: &'a [Built],
    sample: &'a str,
}

#[derive(Template)]
#[template(path = "agent/docs/runbook.md", escape = "none")]
struct Runbook<'a> {
    name: &'a str,
    sla: Sla,
    tools: &'a [Tool],
}

#[derive(Template)]
#[template(path = "agent/ops/alerts.yaml", escape = "none")]
struct Alerts<'a> {
    slug: &'a str,
    sla: Sla,
}

#[derive(Template)]
#[template(path = "agent/ops/dashboard.json", escape = "none")]
struct Dashboard<'a> {
    name: &'a str,
    requests: String,
    errors: String,
    latency: String,
}

#[derive(Template)]
#[template(path = "agent/src/agent/capabilities/__init__.py", escape = "none")]
struct Registry<'a> {
    capabilities: &'a [Built],
}

#[derive(Template)]
#[template(path = "agent/src/agent/capabilities/capability.py", escape = "none")]
struct Module<'a> {
    keywords: &'a BTreeMap<String, u32>,
}

/// Renders the repository of `manifest`.
pub(super) fn render(manifest: &Manifest) -> Result<Vec<GeneratedFile>, Error> {
    let capabilities = vocabulary::build(manifest);
    let industry = match manifest.industry {
        Industry::Marketing => MARKETING,
        Industry::Education => EDUCATION,
        Industry::Sales => SALES,
    };
    let mut files: Vec<_> = SAME.iter().chain(industry).map(|(p, text)| file(p, *text)).collect();
    files.extend(code(manifest, &capabilities)?);
    files.extend(documents(manifest, &capabilities)?);
    Ok(files)
}

/// What the agent does differently from others: its capabilities, as modules, data and cases.
fn code(manifest: &Manifest, capabilities: &[Built]) -> Result<Vec<GeneratedFile>, Error> {
    let declared: Vec<_> =
        capabilities.iter().map(|c| json!({"id": c.id, "name": c.name, "description": c.description})).collect();
    let data = json!({
        "agent_name": vocabulary::one_line(&manifest.agent_name),
        "version": manifest.version,
        "industry": manifest.industry,
        "specialty": vocabulary::one_line(&manifest.specialty),
        "capabilities": declared,
        "tools": manifest.tools,
        "sla": manifest.sla,
    });
    let cases: Vec<_> = capabilities.iter().flat_map(vocabulary::cases).collect();
    let registry = Registry { capabilities }.render()?;
    let mut files = vec![
        file("src/agent/capabilities/__init__.py", line_end(registry)),
        file("src/agent/manifest.json", format!("{data:#}\n")),
        file("tests/unit/cases.json", format!("{:#}\n", json!(cases))),
    ];
    for capability in capabilities {
        let path = format!("src/agent/capabilities/{}.py", capability.id);
        let module = Module { keywords: &capability.keywords }.render()?;
        files.push(file(&path, line_end(module)));
    }
    Ok(files)
}

/// What people and monitoring read.
fn documents(manifest: &Manifest, capabilities: &[Built]) -> Result<Vec<GeneratedFile>, Error> {
    let name = &vocabulary::one_line(&manifest.agent_name);
    let specialty = &vocabulary::one_line(&manifest.specialty);
    let slug = &project_name(name);
    let job = format!("{{job=\"{slug}\"}}[5m]");
    let rate = |metric: &str| format!("rate({metric}{job})");
    let latency = format!("{} / {}", rate("agent_request_seconds_sum"), rate("agent_request_seconds_count"));
    let sample = capabilities[0].keywords.keys().next().map_or("", String::as_str);
    let (sla, tools) = (manifest.sla, &manifest.tools);
    let industry = manifest.industry.name();
    let dashboard =
        Dashboard { name, requests: rate("agent_requests_total"), errors: rate("agent_errors_total"), latency };
    Ok([
        ("README.md", Readme { name, specialty, industry, capabilities, sample }.render()?),
        ("docs/runbook.md", Runbook { name, sla, tools }.render()?),
        ("ops/alerts.yaml", Alerts { slug, sla }.render()?),
        ("ops/dashboard.json", dashboard.render()?),
        ("pyproject.toml", Project { slug, version: &manifest.version, specialty }.render()?),
    ]
    .map(|(path, text)| file(path, line_end(text)))
    .into())
}

/// A distribution name that any Python tool accepts.
fn project_name(agent: &str) -> String {
    let slug = vocabulary::slug(agent, "-");
    if slug.is_empty() { "agent".to_owned() } else { format!("agent-{slug}") }
}

fn line_end(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn file(path: &str, contents: impl Into<String>) -> GeneratedFile {
    GeneratedFile { path: path.to_owned(), contents: contents.into(), executable: false }
}
