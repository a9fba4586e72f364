//! `run.shell` and `run.script` of the DSL: a program of this machine, supervised, with limits.
//!
//! Off unless the operator allows it: the program runs as the user of the service, and that is no sandbox.
//!
//! The program has an empty directory of its own, and no variable of this process but `PATH`. It is killed with its whole
//! process group when its time is over, when nobody wants it any more, and when this process dies: a watcher in its group
//! reads a pipe that only we hold open.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// What a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take.
    pub time: Duration,
    /// How much memory each of its processes may map, in bytes.
    pub memory: u64,
    /// The most bytes that it may write to its standard output, and to its standard error.
    pub output: usize,
}

impl Default for Limits {
    /// Five minutes, 1 GiB, 1 MiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(300), memory: 1 << 30, output: 1 << 20 }
    }
}

/// Why a program gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It ended with an error, and the task wants its output.
    #[error("the program ended with {}{}", ended(*code), said(stderr))]
    Failed {
        /// Its exit code; none where a signal ended it.
        code: Option<i32>,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// It did not end in time.
    #[error("the program was not done in {} s", .0.as_secs())]
    Timeout(Duration),
    /// It wrote too much.
    #[error("the program wrote over {0} bytes")]
    TooMuch(usize),
    /// It could not be started, or not be watched.
    #[error("the program was not started: {0}")]
    Start(String),
}

fn ended(code: Option<i32>) -> String {
    match code {
        Some(127) => "code 127: it, or its interpreter, is not installed".to_owned(),
        Some(code) => format!("code {code}"),
        None => "a signal".to_owned(),
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// The arguments of `run.shell` and `run.script`, evaluated.
#[derive(Debug, Deserialize)]
pub struct Input {
    #[serde(flatten)]
    program: Program,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
    #[serde(default, rename = "return")]
    result: Return,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Program {
    Shell { command: String },
    Script { language: Language, code: String },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    #[serde(alias = "js")]
    Javascript,
    Python,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Return {
    #[default]
    Stdout,
    Stderr,
    Code,
    All,
    None,
}

/// Runs the program beside a watcher that waits for the end of our pipe; `$1` is the memory in KiB, or `-`.
const SUPERVISOR: &str = r#"
exec 3<&0
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 &
ulimit -c 0
[ "$1" = - ] || ulimit -v "$1"
stdin=$2
shift 2
"$@" 3<&- <"$stdin"
"#;

/// Kills the group when dropped, whoever of it is left.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // Fails only when the whole group is gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs a program and gives what the task wants to have of it. Dropping the future kills it.
///
/// # Errors
/// See [`Error`]. An exit code other than 0 is none where the task returns the code.
pub async fn run(limits: Limits, input: &Input) -> Result<Value, Error> {
    let directory = tempfile::tempdir().map_err(start)?;
    // Outside the program's directory, which is all its own.
    let given = tempfile::NamedTempFile::new().map_err(start)?;
    std::fs::write(given.path(), &input.stdin).map_err(start)?;
    let mut command = prepare(limits, input, directory.path(), given.path())?;
    let (code, stdout, stderr) = tokio::time::timeout(limits.time, supervise(limits, &mut command))
        .await
        .unwrap_or(Err(Error::Timeout(limits.time)))?;
    if code != Some(0) && !matches!(input.result, Return::Code | Return::All) {
        let start = stderr.char_indices().rev().nth(500).map_or(0, |(index, _)| index);
        return Err(Error::Failed { code, stderr: stderr[start..].trim().to_owned() });
    }
    Ok(match input.result {
        Return::Stdout => stdout.into(),
        Return::Stderr => stderr.into(),
        Return::Code => json!(code),
        Return::All => json!({"code": code, "stdout": stdout, "stderr": stderr}),
        Return::None => Value::Null,
    })
}

fn start(error: impl std::fmt::Display) -> Error {
    Error::Start(error.to_string())
}

fn prepare(limits: Limits, input: &Input, directory: &Path, stdin: &Path) -> Result<Command, Error> {
    let kib = (limits.memory / 1024).to_string();
    let write = |name: &str, code: &str| std::fs::write(directory.join(name), code).map_err(start);
    let (memory, program): (&str, Vec<String>) = match &input.program {
        Program::Shell { command } => (&kib, ["/bin/sh", "-c", command, "sh"].map(str::to_owned).to_vec()),
        Program::Script { language: Language::Python, code } => {
            write("script.py", code)?;
            (&kib, ["python3", "script.py"].map(str::to_owned).to_vec())
        }
        // Its engine maps far more than it uses, so that it is told itself.
        Program::Script { language: Language::Javascript, code } => {
            write("script.js", code)?;
            let heap = format!("--max-old-space-size={}", limits.memory >> 20);
            ("-", vec!["node".to_owned(), heap, "script.js".to_owned()])
        }
    };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SUPERVISOR, "supervisor", memory]).arg(stdin).args(program).args(&input.arguments);
    command.env_clear().current_dir(directory);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
    for (name, value) in &input.environment {
        command.env(name, crate::http::plain(value).unwrap_or_else(|| value.to_string()));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    Ok(command)
}

/// Runs to the end: the exit code, and what was written.
async fn supervise(limits: Limits, command: &mut Command) -> Result<(Option<i32>, String, String), Error> {
    let mut child = command.spawn().map_err(start)?;
    let alive = child.stdin.take();
    let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        let status = child.wait().await.map_err(start)?;
        drop(alive);
        drop(group); // whoever is left would keep the pipes open
        Ok(status.code())
    };
    let (code, stdout, stderr) = tokio::try_join!(ended, read(stdout, limits.output), read(stderr, limits.output))?;
    Ok((code, stdout, stderr))
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> Result<String, Error> {
    let Some(pipe) = pipe else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    pipe.take(most).read_to_end(&mut bytes).await.map_err(start)?;
    if bytes.len() > limit {
        return Err(Error::TooMuch(limit));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(limits: Limits, input: Value) -> Result<Value, Error> {
        run(limits, &serde_json::from_value(input).unwrap()).await
    }

    #[tokio::test]
    async fn a_command_gets_its_input_arguments_and_environment_and_nothing_else() {
        let command = r#"cat; echo "$1-$2 $A $B"; [ -z "$HOME$USER" ] && ls | wc -l; echo oops >&2; exit 3"#;
        let input = json!({
            "command": command, "stdin": "given\n", "arguments": ["x", "y z"], "environment": {"A": "a", "B": 7},
            "return": "all",
        });
        let got = of(Limits::default(), input).await.unwrap();
        let stdout: Vec<_> = got["stdout"].as_str().unwrap().lines().map(str::trim).collect();
        assert_eq!(
            (stdout, &got["stderr"], &got["code"]),
            (vec!["given", "x-y z a 7", "0"], &json!("oops\n"), &json!(3))
        );
    }

    #[tokio::test]
    async fn what_is_returned_is_chosen_and_an_error_is_one_unless_its_code_is_wanted() {
        let of = |result: &str, command: &str| {
            let input = json!({"command": command, "return": result});
            async move { of(Limits::default(), input).await }
        };
        assert_eq!(of("stdout", "printf out").await, Ok(json!("out")));
        assert_eq!(of("stderr", "printf err >&2").await, Ok(json!("err")));
        assert_eq!(of("none", "printf out").await, Ok(json!(null)));
        assert_eq!(of("code", "exit 9").await, Ok(json!(9)));
        let failed = of("stdout", "echo why >&2; exit 9").await.unwrap_err();
        assert_eq!(failed.to_string(), "the program ended with code 9: why");
    }

    #[tokio::test]
    async fn a_script_is_run_by_its_interpreter() {
        let code = "import sys\nprint(sys.argv[1], sys.stdin.read())";
        let input = json!({"language": "python", "code": code, "arguments": ["a"], "stdin": "b"});
        assert_eq!(of(Limits::default(), input).await, Ok(json!("a b\n")));
    }

    #[tokio::test]
    async fn limits_end_a_program_and_whatever_it_left_behind() {
        let few = Limits { time: Duration::from_millis(300), output: 1000, ..Limits::default() };
        let late = of(few, json!({"command": "sleep 600 & sleep 600"})).await;
        assert_eq!(late, Err(Error::Timeout(few.time)));
        let few = Limits { output: 1000, ..Limits::default() };
        assert_eq!(of(few, json!({"command": "yes"})).await, Err(Error::TooMuch(1000)));
        let behind = of(few, json!({"command": "sleep 600 & echo done"})).await;
        assert_eq!(behind, Ok(json!("done\n")), "nobody waits for what is left");
        let small = Limits { memory: 64 << 20, ..Limits::default() };
        let greedy = json!({"language": "python", "code": "x = bytearray(1 << 30)"});
        assert!(matches!(of(small, greedy).await, Err(Error::Failed { .. })));
    }
}
