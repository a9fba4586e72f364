//! The generator that asks a language model, by the `/chat/completions` call that OpenAI and
//! most others offer.
//!
//! The model gets the manifest and the built-in repository as its start, and answers with files
//! that replace or join those. It cannot take a file away, so that pipeline and operations stay
//! whole, and it cannot touch the pipeline's own definition.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{Error, GeneratedFile, Manifest, templates};
use crate::egress::{self, Answer, Egress};
use crate::secrets::Reference;

/// A model behind an endpoint.
#[derive(Debug)]
pub struct Model {
    endpoint: Url,
    name: String,
    key: Option<Reference>,
    egress: Egress,
}

/// Files that a model may not replace: they decide what is checked and what is pushed.
const FIXED: &[&str] = &[".github/workflows/ci.yml", ".flake8", "src/agent/manifest.json"];

const TASK: &str = "You write small, pure, tested Python. You get an agent's manifest and a \
    working repository for it. Improve the logic in src/agent/ for this manifest, and its tests \
    in tests/. Keep the HTTP API, keep denying what the manifest does not declare. Code must pass \
    black and flake8 (100 columns). Answer with one JSON object \
    {\"files\": [{\"path\": \"…\", \"contents\": \"…\"}]} that holds only the files you change or \
    add, each whole.";

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Files {
    files: Vec<GeneratedFile>,
}

impl Model {
    /// A model called `name` at `base` (the part of the URL before `/chat/completions`), with
    /// the key that `key` refers to as the bearer token.
    ///
    /// # Errors
    /// [`Error::Refused`] for a base that is no HTTP URL.
    pub fn new(base: &Url, name: impl Into<String>, key: Option<Reference>, egress: Egress) -> Result<Self, Error> {
        let text = format!("{}/chat/completions", base.as_str().trim_end_matches('/'));
        let endpoint = Url::parse(&text).map_err(|e| refused(None, &format!("{base}: {e}")))?;
        Ok(Self { endpoint, name: name.into(), key, egress })
    }

    /// What the model is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn write(&self, manifest: &Manifest) -> Result<Vec<GeneratedFile>, Error> {
        let start = templates::render(manifest)?;
        let answer = self.ask(manifest, &start).await?;
        let mut files: BTreeMap<_, _> = start.into_iter().map(|f| (f.path.clone(), f)).collect();
        for file in parse(&answer)? {
            if FIXED.contains(&file.path.as_str()) {
                return Err(Error::Files(format!("{:?} is not the model's to change", file.path)));
            }
            files.insert(file.path.clone(), file);
        }
        Ok(files.into_values().collect())
    }

    async fn ask(&self, manifest: &Manifest, start: &[GeneratedFile]) -> Result<Answer, Error> {
        let given = json!({"manifest": manifest, "repository": start}).to_string();
        let body = json!({
            "model": self.name,
            "response_format": {"type": "json_object"},
            "messages": [
                {"role": "system", "content": TASK},
                {"role": "user", "content": given},
            ],
        });
        let mut request = self.egress.request(Method::POST, &self.endpoint).map_err(|e| lost(&e))?;
        if let Some(key) = &self.key {
            let key = key.resolve().map_err(|e| refused(None, &e.to_string()))?;
            request = request.bearer_auth(key.expose());
        }
        let answer = self.egress.send(request.json(&body), &self.endpoint).await.map_err(|e| lost(&e))?;
        match answer.status.as_u16() {
            200..=299 => Ok(answer),
            status @ (408 | 409 | 429 | 500..) => {
                Err(Error::Unavailable { detail: format!("it answered {status}"), after: answer.retry_after() })
            }
            status => Err(refused(Some(status), "check the endpoint, the model and the key")),
        }
    }
}

fn parse(answer: &Answer) -> Result<Vec<GeneratedFile>, Error> {
    let bad = |why: String| Error::Files(format!("the model's answer {why}"));
    let completion: Completion =
        serde_json::from_slice(&answer.body).map_err(|error| bad(format!("is no chat completion: {error}")))?;
    let choice = completion.choices.into_iter().next();
    let choice = choice.ok_or_else(|| bad("has no choice".to_owned()))?;
    if choice.finish_reason.as_deref() == Some("length") {
        return Err(bad("was cut at the model's length limit".to_owned()));
    }
    let text = choice.message.content.unwrap_or_default();
    let files: Files = serde_json::from_str(unfenced(&text))
        .map_err(|error| bad(format!("is not {{\"files\": [{{path, contents}}]}}: {error}")))?;
    Ok(files.files)
}

/// `text` without the Markdown fence that models like to add.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|rest| rest.strip_suffix("```")).unwrap_or(text)
}

fn refused(status: Option<u16>, detail: &str) -> Error {
    Error::Refused { status, detail: detail.to_owned() }
}

fn lost(error: &egress::Error) -> Error {
    let detail = error.to_string();
    if error.is_transient() {
        return Error::Unavailable { detail, after: None };
    }
    Error::Refused { status: None, detail }
}
