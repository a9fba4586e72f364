//! A site (what outlives a service: data, definitions), the service on it, and its API as a client sees it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// How long anything may take before a test gives up; generous, because nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);

/// A directory that outlives restarts of the service.
pub(crate) struct Site {
    directory: TempDir,
}

/// A running service.
pub(crate) struct Service {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The address of its API.
    pub(crate) api: String,
}

/// Somebody who talks to a service's API.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    token: String,
    pub(crate) api: String,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

/// The workspace's root: the home of the shipped definitions.
pub(crate) fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Site {
    /// A site with the shipped definitions.
    pub(crate) fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = TempDir::new().unwrap();
        // The embedded server may run as another user, who must be able to pass through.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    /// A site with these definitions only, by their names, and the shipped webhooks.
    pub(crate) fn with_workflows(workflows: &[(&str, String)]) -> Self {
        let site = Self::new();
        std::fs::create_dir_all(site.path("home/workflows")).unwrap();
        for (name, tasks) in workflows {
            let document = format!("{{dsl: '1.0.3', namespace: tests, name: {name}, version: '1.0.0'}}");
            let text = format!("document: {document}\ndo:\n{tasks}\n");
            std::fs::write(site.path(&format!("home/workflows/{name}.yaml")), text).unwrap();
        }
        std::os::unix::fs::symlink(shipped().join("webhooks"), site.path("home/webhooks")).unwrap();
        site
    }

    /// A path of the site.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The service's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The binary, set up for this site.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let home = self.path("home");
        let home = if home.exists() { home } else { shipped() };
        let mut command = Command::new(env!("CARGO_BIN_EXE_stationmaster"));
        command.args(arguments).env_remove("DATABASE_URL").env("STATIONMASTER_DATA", self.data());
        command.env("STATIONMASTER_HOME", home).env("STATIONMASTER_LISTEN", "127.0.0.1:0");
        command.env("STATIONMASTER_STAGE_SECONDS", "3600"); // no test is about how fast a machine builds
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a verb to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        finish(self.command(arguments)).await
    }

    /// Starts `dev` and waits until it says where it listens.
    pub(crate) async fn start(&self) -> Service {
        Service::start(self.command(&["--json", "dev"])).await
    }

    /// Somebody with these roles.
    pub(crate) async fn caller(&self, service: &Service, user: &str, roles: &str) -> Caller {
        let output = self.run(&["token", "--user", user, "--roles", roles]).await;
        assert!(output.status.success(), "{output:?}");
        let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Caller { http: reqwest::Client::new(), token, api: service.api.clone() }
    }

    /// What `audit verify` says.
    pub(crate) async fn audit(&self) -> Value {
        let output = self.run(&["--json", "audit", "verify"]).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The commands of all processes that name this site.
    pub(crate) fn processes(&self) -> Vec<String> {
        self.named().into_iter().map(|(_, command)| command).collect()
    }

    /// All processes that name this site, with their commands.
    fn named(&self) -> Vec<(i32, String)> {
        let mine = self.directory.path().to_str().unwrap();
        let command = |(pid, _)| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            Some((pid, String::from_utf8_lossy(&command).replace('\0', " ")))
        };
        parents().into_iter().filter_map(command).filter(|(_, command)| command.contains(mine)).collect()
    }

    /// The server of the embedded database, by its own file.
    pub(crate) fn postmaster(&self) -> i32 {
        let file = std::fs::read_to_string(self.data().join("postgres/data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// Kills everything at once: the service, the database with all its processes, and what the forge runs.
    pub(crate) async fn cut_power(&self, service: Service) {
        let mut dead: BTreeSet<_> = self.named().into_iter().map(|(pid, _)| pid).collect();
        dead.extend(service.process.id().map(|pid| i32::try_from(pid).unwrap()));
        let all = parents();
        loop {
            let known = dead.len();
            dead.extend(
                all.iter().filter(|(_, parent)| dead.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
            );
            if dead.len() == known {
                break;
            }
        }
        for pid in dead {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL); // it may have ended by itself
        }
        service.kill().await;
    }
}

/// Runs a command to its end.
pub(crate) async fn finish(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the verb ends").unwrap()
}

/// Kills a process without a word.
pub(crate) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// The parent of every process that there is.
fn parents() -> Vec<(i32, i32)> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parent = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        Some((pid, line.trim().parse().ok()?))
    };
    pids.filter_map(parent).collect()
}

impl Service {
    /// Starts a verb that serves and waits until it says that it is up.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(api) = line["listening"].as_str() {
                    return api.to_owned();
                }
            }
            panic!("the service ended before it was up");
        };
        let api = tokio::time::timeout(PATIENCE, ready).await.expect("the service comes up");
        Self { process, lines, api }
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Asks the service to stop, and waits until it has; it must end well.
    pub(crate) async fn stop(mut self) {
        let pid = i32::try_from(self.process.id().expect("the service runs")).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        let drain = async {
            while let Ok(Some(_)) = self.lines.next_line().await {}
            self.process.wait().await.unwrap()
        };
        let status = tokio::time::timeout(PATIENCE, drain).await.expect("the service stops");
        assert!(status.success(), "{status}");
    }
}

impl Caller {
    /// The same caller, at another service.
    pub(crate) fn at(&self, service: &Service) -> Self {
        Self { api: service.api.clone(), ..self.clone() }
    }

    /// Somebody who changed what the token says and could not sign it.
    pub(crate) fn forged(&self) -> Self {
        let [header, claims, signature]: [&str; 3] = self.token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let last = if claims.ends_with('A') { "B" } else { "A" };
        let token = format!("{header}.{}{last}.{signature}", &claims[..claims.len() - 1]);
        Self { token, ..self.clone() }
    }

    /// A request of this caller, to be completed.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api)).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = send(self.request(reqwest::Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = send(self.request(reqwest::Method::POST, path).json(body)).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.body
    }

    /// Starts a run of a definition of the tests; gives its id.
    pub(crate) async fn run(&self, name: &str, input: Value) -> String {
        let started = json!({ "definition": { "namespace": "tests", "name": name }, "input": input });
        self.post("/runs", &started).await["id"].as_str().unwrap().to_owned()
    }

    /// Asks again and again until the answer is as wanted; the API is made to be polled.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let (mut ticks, mut last) = (tokio::time::interval(Duration::from_millis(100)), Value::Null);
        let asking = async {
            loop {
                ticks.tick().await;
                last = self.get(path).await;
                if wanted(&last) {
                    return;
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, asking).await.is_ok();
        assert!(done, "{path} never became as wanted: {last:#}");
        last
    }

    /// The facts of a run: without a gap, and none of its steps recorded twice.
    pub(crate) async fn facts(&self, run: &str) -> Vec<Value> {
        let mut facts = Vec::new();
        loop {
            let page = self.get(&format!("/runs/{run}/history?limit=200&from={}", facts.len())).await;
            facts.extend(page["facts"].as_array().unwrap().iter().cloned());
            if page["next"].is_null() {
                break;
            }
        }
        let places: Vec<_> = facts.iter().map(|fact| fact["seq"].as_u64().unwrap()).collect();
        assert_eq!(places, (0..facts.len() as u64).collect::<Vec<_>>(), "the history of {run} has a gap");
        let results = facts.iter().filter(|fact| fact["fact"] == "call_completed" || fact["fact"] == "call_faulted");
        let steps: Vec<_> = results.map(|fact| fact["step"].to_string()).collect();
        let distinct: BTreeSet<_> = steps.iter().collect();
        assert_eq!(distinct.len(), steps.len(), "a step of {run} was recorded twice: {steps:?}");
        facts
    }
}

/// Sends a request, whatever comes of it.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        content_type: content_type.unwrap_or_default(),
        body: serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
    }
}
