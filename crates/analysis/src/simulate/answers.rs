//! What calls and child runs answer.

use definitions::{Data, Expression, InProcess, Template};
use engine::{Fault, FaultKind};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::yaml::Span;

/// The answers to the calls of a task or function, one after the other; the last one is given again and again.
#[derive(Debug, Clone)]
pub(crate) struct Answers(Vec<Answer>);

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// How long it takes.
    pub(crate) after: Span,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// A value; `${ … }` in it is jq over the call's arguments.
    Return(Template),
    Fail(Box<Fault>),
}

impl Answers {
    /// The answer to call number `index`, from 0.
    pub(crate) fn at(&self, index: usize) -> Option<&Answer> {
        self.0.get(index).or_else(|| self.0.last())
    }
}

impl Answer {
    /// What is answered to these arguments.
    pub(crate) fn to(&self, arguments: &Data) -> Result<Data, Fault> {
        match &self.body {
            Body::Fail(fault) => Err((**fault).clone()),
            Body::Return(template) => template
                .evaluate(arguments, &|_| Data::NULL, &InProcess::default())
                .map_err(|error| Fault::new(FaultKind::Runtime, format!("the scenario's answer: {error}"))),
        }
    }
}

/// The answer as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(default)]
    after: Span,
    #[serde(default, rename = "return", deserialize_with = "present")]
    output: Option<Value>,
    fail: Option<Failure>,
}

/// Tells `return: null` from no `return`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<u16>,
    title: Option<String>,
    detail: Option<String>,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let plain = Self::new(FaultKind::Communication, "the scenario says so");
        Self {
            kind: failure.kind.unwrap_or(plain.kind),
            status: failure.status.unwrap_or(plain.status),
            title: failure.title.or(plain.title),
            detail: failure.detail.or(plain.detail),
            instance: None,
        }
    }
}

impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let list = if value.is_array() { value } else { Value::Array(vec![value]) };
        let written: Vec<Written> = serde_json::from_value(list).map_err(de::Error::custom)?;
        if written.is_empty() {
            return Err(de::Error::custom("a list of answers needs at least one"));
        }
        written.into_iter().map(answer).collect::<Result<_, _>>().map(Self).map_err(de::Error::custom)
    }
}

fn answer(written: Written) -> Result<Answer, String> {
    let body = match (written.output, written.fail) {
        (Some(output), None) => Body::Return(template(output)?),
        (None, Some(failure)) => Body::Fail(Box::new(failure.into())),
        _ => return Err("an answer either has a `return` or a `fail`".to_owned()),
    };
    Ok(Answer { after: written.after, body })
}

fn template(value: Value) -> Result<Template, String> {
    Ok(match value {
        Value::String(text) => match text.trim().strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
            Some(source) => {
                Template::Expression(Expression::compile(source.trim(), &[]).map_err(|error| error.to_string())?)
            }
            None => Template::Literal(text.into()),
        },
        Value::Array(items) => Template::Array(items.into_iter().map(template).collect::<Result<_, _>>()?),
        Value::Object(entries) => Template::Object(
            entries.into_iter().map(|(name, value)| Ok((name, template(value)?))).collect::<Result<_, String>>()?,
        ),
        other => Template::Literal(other.into()),
    })
}
