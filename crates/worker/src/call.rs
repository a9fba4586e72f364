//! One attempt of one call of an external function: secrets in, time limit and panics around, a checked outcome out.
//!
//! Whatever a function does, what comes out of here can be recorded: a panic and a passed time limit are faults, an output
//! that the history cannot hold is a fault, and a secret that the function handed back is blacked out again. The time limit
//! of the *task* is not looked at: it is a timer of the run, whose fact ends the call.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use definitions::Data;
use engine::{CallContext, Fault, FaultKind, Function, Outcome, Secrets};
use futures::FutureExt;
use serde_json::Value;

/// The properties of an authentication policy that hold credentials.
const CREDENTIALS: [&str; 4] = ["password", "token", "secret", "assertion"];

/// What stands where a secret stood.
const BLACKED_OUT: &str = "[secret]";

/// Secrets shorter than this are not looked for in outputs: they would be found in everything.
const SHORTEST_SECRET: usize = 4;

/// An attempt that is about to be made.
pub(crate) struct Attempt {
    pub(crate) function: Arc<dyn Function>,
    pub(crate) context: CallContext,
    /// The arguments, secrets still as markers.
    pub(crate) input: Data,
    /// The run's nonce, which tells its own markers from text that looks like them.
    pub(crate) nonce: String,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// The most bytes that an output may have as JSON.
    pub(crate) output_limit: usize,
}

impl Attempt {
    /// Makes the attempt. Dropping the future cancels it.
    pub(crate) async fn make(self) -> Outcome {
        let seen = Seen { secrets: self.secrets.as_ref(), values: Mutex::default() };
        let outcome = match (&seen as &dyn Secrets).fill_in(&self.nonce, &self.input) {
            Ok(input) => self.call(input).await,
            Err(fault) => Outcome::Fail(fault),
        };
        check(seen.black_out(outcome), self.output_limit)
    }

    async fn call(&self, input: Data) -> Outcome {
        let descriptor = self.function.descriptor();
        let (name, limit) = (&descriptor.name.name, descriptor.timeout);
        let call = AssertUnwindSafe(async { self.function.call(&self.context, input).await }).catch_unwind();
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => {
                tracing::error!(run.id = %self.context.run, step = %self.context.step, function = %name, "a function panicked");
                Outcome::Fail(Fault::new(FaultKind::Runtime, format!("the function `{name}` panicked")))
            }
            Err(_elapsed) => {
                let detail = format!("the function `{name}` did not return within {limit:?}");
                Outcome::Fail(Fault::new(FaultKind::Timeout, detail))
            }
        }
    }
}

/// An outcome that the history can hold: no NUL, which PostgreSQL's text cannot represent, and no more than `limit` bytes.
pub(crate) fn check(outcome: Outcome, limit: usize) -> Outcome {
    match outcome {
        Outcome::Done(output) => {
            let text = output.to_string();
            if text.len() > limit {
                let detail = format!("the output has {} bytes; the limit is {limit}", text.len());
                return Outcome::Fail(Fault::new(FaultKind::Validation, detail));
            }
            if has_nul(&text) {
                return Outcome::Fail(Fault::new(FaultKind::Validation, "the output contains the character U+0000"));
            }
            Outcome::Done(output)
        }
        Outcome::Retry { after, fault } => Outcome::Retry { after, fault: map_texts(fault, without_nul) },
        Outcome::Fail(fault) => Outcome::Fail(map_texts(fault, without_nul)),
    }
}

/// Whether JSON text has a NUL in one of its strings: the escape `\u0000` whose backslash is not itself escaped.
fn has_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let backslashes = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        backslashes % 2 == 0
    })
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn map_texts(fault: Fault, map: impl Fn(&str) -> String) -> Fault {
    Fault {
        kind: map(&fault.kind),
        title: fault.title.as_deref().map(&map),
        detail: fault.detail.as_deref().map(&map),
        ..fault
    }
}

/// Secrets that remembers which values it gave out, to find them in what the function hands back.
#[derive(Debug)]
struct Seen<'a> {
    secrets: &'a dyn Secrets,
    values: Mutex<Vec<String>>,
}

impl Secrets for Seen<'_> {
    fn resolve(&self, name: &str) -> Result<String, String> {
        let value = self.secrets.resolve(name)?;
        let mut seen = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = serde_json::from_str(&value).map_or_else(|_| Vec::new(), |policy| credentials(&policy));
        seen.extend([value.clone()].into_iter().chain(parts).filter(|text| text.len() >= SHORTEST_SECRET));
        drop(seen);
        Ok(value)
    }
}

/// What is secret in a secret that is an authentication policy; a name or an address is not.
fn credentials(policy: &Value) -> Vec<String> {
    let Value::Object(entries) = policy else { return Vec::new() };
    let found = entries.iter().flat_map(|(name, value)| match value {
        Value::String(text) if CREDENTIALS.contains(&name.as_str()) => vec![text.clone()],
        inner => credentials(inner),
    });
    found.collect()
}

impl Seen<'_> {
    fn black_out(self, outcome: Outcome) -> Outcome {
        let values = self.values.into_inner().unwrap_or_else(PoisonError::into_inner);
        if values.is_empty() {
            return outcome;
        }
        let hide = |text: &str| values.iter().fold(text.to_owned(), |text, value| text.replace(value, BLACKED_OUT));
        match outcome {
            Outcome::Done(output) => {
                let mut value = Value::from(&output);
                map_strings(&mut value, &hide);
                Outcome::Done(value.into())
            }
            Outcome::Retry { after, fault } => Outcome::Retry { after, fault: map_texts(fault, hide) },
            Outcome::Fail(fault) => Outcome::Fail(map_texts(fault, hide)),
        }
    }
}

fn map_strings(value: &mut Value, map: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = map(text),
        Value::Array(items) => items.iter_mut().for_each(|item| map_strings(item, map)),
        Value::Object(entries) => entries.values_mut().for_each(|value| map_strings(value, map)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use definitions::FunctionName;
    use engine::{CallFuture, Descriptor, Idempotency, OrgId, RunId, Step, Timestamp};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    struct Behave(Descriptor, fn(Data) -> CallFuture<'static>);

    impl Function for Behave {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }

        fn call<'a>(&'a self, _: &'a CallContext, input: Data) -> CallFuture<'a> {
            (self.1)(input)
        }
    }

    #[derive(Debug)]
    struct OneSecret;

    impl Secrets for OneSecret {
        fn resolve(&self, name: &str) -> Result<String, String> {
            match name {
                "token" => Ok("hunter22".to_owned()),
                "policy" => Ok(r#"{"authority": "https://x.example", "client": {"secret": "hunter23"}}"#.to_owned()),
                _ => Err("is not configured".to_owned()),
            }
        }
    }

    async fn attempt(input: serde_json::Value, behave: fn(Data) -> CallFuture<'static>) -> Outcome {
        let name = FunctionName { name: "f".into(), version: "1.0.0".into() };
        let descriptor = Descriptor { name, idempotency: Idempotency::Natural, timeout: Duration::from_secs(30) };
        let (run, step) = (RunId(Uuid::nil()), Step { pointer: "/do/0/f".into(), visit: 0 });
        let context = CallContext {
            org: OrgId(Uuid::nil()),
            run,
            idempotency_key: step.idempotency_key(run),
            step,
            attempt: 1,
            now: Timestamp::UNIX_EPOCH,
        };
        let function = Arc::new(Behave(descriptor, behave));
        let (secrets, nonce) = (Arc::new(OneSecret), "n0nce".to_owned());
        Attempt { function, context, input: input.into(), nonce, secrets, output_limit: 64 }.make().await
    }

    fn fault(outcome: Outcome) -> (u16, String) {
        let Outcome::Fail(fault) = outcome else { panic!("{outcome:?} should be a fault") };
        (fault.status, fault.to_string())
    }

    #[tokio::test]
    async fn a_panic_is_a_fault() {
        let (status, text) = fault(attempt(json!({}), |_| panic!("before the future")).await);
        assert_eq!(status, 500);
        assert!(text.contains("`f` panicked"), "{text}");
        let (_, text) = fault(attempt(json!({}), |_| Box::pin(async { panic!("within it") })).await);
        assert!(text.contains("`f` panicked"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_passed_time_limit_is_a_fault() {
        let (status, text) = fault(attempt(json!({}), |_| Box::pin(std::future::pending())).await);
        assert_eq!(status, 408);
        assert!(text.contains("30s"), "{text}");
    }

    #[tokio::test]
    async fn an_output_that_cannot_be_recorded_is_a_fault() {
        let (status, text) = fault(attempt(json!({}), |_| Box::pin(async { Outcome::Done("a\0b".into()) })).await);
        assert_eq!((status, text.contains("U+0000")), (400, true), "{text}");
        let long = |_| -> CallFuture<'static> { Box::pin(async { Outcome::Done("x".repeat(63).into()) }) };
        assert!(fault(attempt(json!({}), long).await).1.contains("the limit is 64"));
        let literal = |_| -> CallFuture<'static> { Box::pin(async { Outcome::Done("\\u0000".into()) }) };
        assert_eq!(
            attempt(json!({}), literal).await,
            Outcome::Done("\\u0000".into()),
            "six characters, none of them NUL"
        );
    }

    #[tokio::test]
    async fn a_secret_goes_in_and_does_not_come_out() {
        let input = json!({"auth": "Bearer \u{E000}n0nce:token\u{E001}", "forged": "\u{E000}guess:token\u{E001}"});
        let echo = |input: Data| -> CallFuture<'static> {
            Box::pin(async move {
                assert_eq!(input.get("auth"), Some("Bearer hunter22".into()));
                Outcome::Done(Data::array([input.get("auth").unwrap(), input.get("forged").unwrap()]))
            })
        };
        let forged = "\u{E000}guess:token\u{E001}";
        let expected = Data::array([Data::from("Bearer [secret]"), Data::from(forged)]);
        assert_eq!(attempt(input.clone(), echo).await, Outcome::Done(expected));
        let refuse = |input: Data| -> CallFuture<'static> {
            Box::pin(async move { Outcome::Fail(Fault::new(FaultKind::Communication, input.to_string())) })
        };
        let (_, text) = fault(attempt(input, refuse).await);
        assert!(text.contains("[secret]") && !text.contains("hunter22"), "{text}");
    }

    #[test]
    fn a_policy_in_a_secret_is_searched_for_its_credentials() {
        let seen = Seen { secrets: &OneSecret, values: Mutex::default() };
        seen.resolve("policy").unwrap();
        let answered = Outcome::Done("hunter23 at https://x.example".into());
        assert_eq!(seen.black_out(answered), Outcome::Done("[secret] at https://x.example".into()));
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_had_is_a_fault_and_nothing_is_called() {
        let input = json!("\u{E000}n0nce:other\u{E001}");
        let (status, text) = fault(attempt(input, |_| panic!("called")).await);
        assert_eq!((status, text.contains("`other`: is not configured")), (403, true), "{text}");
    }
}
