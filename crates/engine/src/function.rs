//! External functions: what a run calls outside the database.
//!
//! A function runs at least once: a crash between its return and the commit of its result repeats it, with the same
//! idempotency key. Functions that only write to the database belong to `store`, whose transaction runs them exactly once.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use definitions::{Data, FunctionName};

use crate::{Fault, OrgId, RunId, Step, Timestamp};

/// The future of a call; dropping it cancels the call.
pub type CallFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A function of the host that may touch the outside world.
pub trait Function: Send + Sync {
    /// What the function is.
    fn descriptor(&self) -> &Descriptor;

    /// Runs it. Time spent here is bounded by [`Descriptor::timeout`].
    fn call<'a>(&'a self, context: &'a CallContext, input: Data) -> CallFuture<'a>;
}

impl<F: Function + ?Sized> Function for std::sync::Arc<F> {
    fn descriptor(&self) -> &Descriptor {
        (**self).descriptor()
    }

    fn call<'a>(&'a self, context: &'a CallContext, input: Data) -> CallFuture<'a> {
        (**self).call(context, input)
    }
}

/// What a function is.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// Its name and version, as `call: name:version@default` gives them.
    pub name: FunctionName,
    /// What a repetition does.
    pub idempotency: Idempotency,
    /// How long one attempt may take before it counts as failed with a timeout.
    pub timeout: Duration,
}

/// What happens when a call is repeated under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// The function only reads, or repeating it changes nothing.
    Natural,
    /// The target recognises the idempotency key.
    Keyed,
    /// A repetition repeats the effect.
    None,
}

/// What a function is told about its call.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The organisation that the run belongs to.
    pub org: OrgId,
    /// The run.
    pub run: RunId,
    /// The visit of the task that calls.
    pub step: Step,
    /// `<run>/<pointer>/<visit>`: the same for every attempt and after every crash.
    pub idempotency_key: String,
    /// From 1.
    pub attempt: u32,
    /// The engine's now, when the call began.
    pub now: Timestamp,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result.
    Done(Data),
    /// Not yet: the same call is attempted again later, under the same key.
    Retry {
        /// How much later.
        after: Duration,
        /// Why.
        fault: Fault,
    },
    /// With an error that another attempt would not mend.
    Fail(Fault),
}

/// Secrets are references until a call leaves the process: `$secrets.name` evaluates to a marker, which this replaces.
///
/// A marker contains the run's nonce, so that data which merely looks like one is left as it is.
pub trait Secrets: Send + Sync + fmt::Debug {
    /// The value of a secret.
    ///
    /// # Errors
    /// Why there is none, without its value: the call then fails with an authorization error.
    fn resolve(&self, name: &str) -> Result<String, String>;
}

const MARKER_START: char = '\u{E000}';
const MARKER_END: char = '\u{E001}';

/// The text that stands for a secret in evaluated arguments.
pub(crate) fn marker(nonce: &str, name: &str) -> Data {
    Data::from(format!("{MARKER_START}{nonce}:{name}{MARKER_END}"))
}

impl dyn Secrets + '_ {
    /// The same arguments with every marker replaced by the secret that it stands for.
    ///
    /// # Errors
    /// An authorization error that names the secret which cannot be had.
    pub fn fill_in(&self, nonce: &str, arguments: &Data) -> Result<Data, Fault> {
        let start = format!("{MARKER_START}{nonce}:");
        let mut value = serde_json::Value::from(arguments);
        self.fill_in_value(&start, &mut value)?;
        Ok(value.into())
    }

    fn fill_in_value(&self, start: &str, value: &mut serde_json::Value) -> Result<(), Fault> {
        use serde_json::Value;
        match value {
            Value::String(text) => {
                let (mut filled, mut rest) = (String::new(), text.as_str());
                while let Some((before, name, after)) = split_at_marker(start, rest) {
                    filled.push_str(before);
                    filled.push_str(&self.resolve(name).map_err(|reason| {
                        Fault::new(crate::FaultKind::Authorization, format!("the secret `{name}`: {reason}"))
                    })?);
                    rest = after;
                }
                *text = filled + rest;
                Ok(())
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.fill_in_value(start, item)),
            Value::Object(entries) => entries.values_mut().try_for_each(|value| self.fill_in_value(start, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
}

/// The text before the first marker, the name in it, and the text after it.
fn split_at_marker<'a>(start: &str, text: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(start)?;
    let (name, after) = rest.split_once(MARKER_END)?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct One;

    impl Secrets for One {
        fn resolve(&self, name: &str) -> Result<String, String> {
            if name == "token" { Ok("s3cr3t".to_owned()) } else { Err("is not declared".to_owned()) }
        }
    }

    #[test]
    fn markers_become_secrets_wherever_they_stand() {
        let marker = marker("n0nce", "token");
        let text = format!("Bearer {}", marker.as_str().unwrap());
        let arguments = Data::from_entries([("a", Data::array([Data::from(text)])), ("b", 1.into())]);
        let secrets: &dyn Secrets = &One;
        assert_eq!(secrets.fill_in("n0nce", &arguments).unwrap().to_string(), r#"{"a":["Bearer s3cr3t"],"b":1}"#);
        let fault = secrets.fill_in("n0nce", &super::marker("n0nce", "other")).unwrap_err();
        assert_eq!(fault.status, 403);
        assert!(fault.to_string().contains("`other`"));
    }

    #[test]
    fn a_forged_marker_stays_text() {
        let forged = marker("guess", "token");
        let secrets: &dyn Secrets = &One;
        assert_eq!(secrets.fill_in("n0nce", &forged).unwrap(), forged);
    }
}
