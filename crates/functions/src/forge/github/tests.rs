//! Against a fake of GitHub's API that keeps what it is given and answers in GitHub's shapes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;

use super::*;
use crate::generate::GeneratedFile;

/// One repository, `acme/ada`, as GitHub would keep it.
#[derive(Debug, Default)]
struct Fake {
    exists: bool,
    owner_is_user: bool,
    trees: Vec<Value>,
    /// SHA to `{message, tree, parents}`.
    commits: Vec<(String, Value)>,
    refs: BTreeMap<String, String>,
    /// SHA to what `POST git/tags` was given.
    tags: BTreeMap<String, Value>,
    /// Claims, by their names after `refs/tags/`.
    claims: BTreeMap<String, String>,
    offered: Vec<String>,
    runs: Vec<Value>,
    /// Looks at the list of runs that do not show the newest run yet.
    hidden: u32,
    writes: Vec<String>,
    /// Whether it knows `return_run_details`.
    names_runs: bool,
    /// What a dispatch is answered with, and whether it is taken nevertheless.
    dispatches: Option<(u16, bool)>,
    /// What is answered to everything.
    always: Option<Always>,
}

type Always = (u16, Vec<(&'static str, &'static str)>, Value);
type Shared = Arc<Mutex<Fake>>;
type Reply = (u16, Value);

fn none() -> Reply {
    (404, json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}))
}

impl Fake {
    fn answer(&mut self, method: &Method, path: &str, query: &str, body: &Value) -> Reply {
        if *method != Method::GET {
            self.writes.push(format!("{method} {path}"));
        }
        let Some(rest) = path.strip_prefix("/repos/acme/ada") else { return self.create(path) };
        let parts: Vec<_> = rest.trim_start_matches('/').split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            _ if !self.exists => none(),
            ("GET", [""]) => (200, json!({"full_name": "acme/ada", "default_branch": "main"})),
            ("GET", ["git", "ref", "heads", branch @ ..]) => match self.refs.get(&branch.join("/")) {
                Some(sha) => (200, json!({"object": {"sha": sha, "type": "commit"}})),
                None => none(),
            },
            (_, ["git", "ref" | "refs", "tags", ..]) | ("POST", ["git", "tags"]) | ("GET", ["git", "tags", _]) => {
                self.tags(method, &parts, body)
            }
            ("POST", ["git", "refs"]) if body["ref"].as_str().is_some_and(|name| name.starts_with("refs/tags/")) => {
                self.tags(method, &parts, body)
            }
            ("POST", ["git", "trees"]) => {
                self.trees.push(body["tree"].clone());
                (201, json!({"sha": format!("tree{}", self.trees.len())}))
            }
            ("POST", ["git", "commits"]) => {
                let sha = format!("commit{}", self.commits.len());
                self.commits.push((sha.clone(), body.clone()));
                (201, json!({"sha": sha}))
            }
            ("POST", ["git", "refs"]) => {
                let name = body["ref"].as_str().expect("ref").trim_start_matches("refs/heads/").to_owned();
                if self.refs.contains_key(&name) {
                    return (422, json!({"message": "Reference already exists"}));
                }
                self.refs.insert(name, body["sha"].as_str().expect("sha").to_owned());
                (201, json!({}))
            }
            ("PATCH", ["git", "refs", "heads", branch @ ..]) => {
                self.refs.insert(branch.join("/"), body["sha"].as_str().expect("sha").to_owned());
                (200, json!({}))
            }
            ("GET", ["commits"]) => self.log(query),
            ("GET", ["contents", file @ ..]) => self.content(&file.join("/"), query),
            ("PUT", ["contents", file @ ..]) => {
                self.offered.push(file.join("/"));
                (201, json!({}))
            }
            ("GET" | "POST", ["actions", rest @ ..]) => self.actions(method, rest, query, body),
            _ => panic!("{method} {path}"),
        }
    }

    fn tags(&mut self, method: &Method, parts: &[&str], body: &Value) -> Reply {
        match (method.as_str(), parts) {
            ("POST", ["git", "tags"]) => {
                let sha = format!("tag{}", self.tags.len());
                self.tags.insert(sha.clone(), body.clone());
                (201, json!({"sha": sha}))
            }
            ("GET", ["git", "tags", sha]) => (200, self.tags[*sha].clone()),
            ("POST", _) => {
                let name = body["ref"].as_str().expect("ref").trim_start_matches("refs/tags/").to_owned();
                if self.claims.contains_key(&name) {
                    return (422, json!({"message": "Reference already exists"}));
                }
                self.claims.insert(name, body["sha"].as_str().expect("sha").to_owned());
                (201, json!({}))
            }
            ("GET", [_, _, _, name @ ..]) => match self.claims.get(&name.join("/")) {
                Some(sha) => (200, json!({"object": {"sha": sha, "type": "tag"}})),
                None => none(),
            },
            ("DELETE", [_, _, _, name @ ..]) => {
                self.claims.remove(&name.join("/"));
                (204, Value::Null)
            }
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, path: &str) -> Reply {
        if path == "/orgs/acme/repos" && self.owner_is_user {
            return none();
        }
        assert!(["/orgs/acme/repos", "/user/repos"].contains(&path), "{path}");
        self.exists = true;
        self.refs.insert("main".to_owned(), "first".to_owned());
        (201, json!({"full_name": "acme/ada"}))
    }

    fn log(&self, query: &str) -> Reply {
        assert!(query.contains("sha=agent/c1"), "{query}");
        let all = self.commits.iter().rev();
        (200, all.map(|(sha, c)| json!({"sha": sha, "commit": {"message": c["message"]}})).collect())
    }

    fn content(&self, path: &str, query: &str) -> Reply {
        if query == "ref=main" {
            return if self.offered.contains(&path.to_owned()) { (200, json!({})) } else { none() };
        }
        let found = self.trees.last().and_then(|tree| tree.as_array()?.iter().find(|file| file["path"] == path));
        let Some(file) = found else { return none() };
        let mut content = STANDARD.encode(file["content"].as_str().expect("text"));
        content.push('\n');
        (200, json!({"type": "file", "encoding": "base64", "content": content}))
    }

    fn actions(&mut self, method: &Method, rest: &[&str], query: &str, body: &Value) -> Reply {
        match (method.as_str(), rest) {
            ("GET", ["runs"]) => {
                assert!(query.contains("branch=agent/c1"), "{query}");
                let shown = if self.hidden > 0 { 0 } else { self.runs.len() };
                self.hidden = self.hidden.saturating_sub(u32::from(!self.runs.is_empty()));
                (200, json!({"total_count": shown, "workflow_runs": self.runs[..shown]}))
            }
            ("POST", ["workflows", "ci.yml", "dispatches"]) => {
                assert_eq!(body["ref"], "agent/c1");
                if !self.names_runs && body["return_run_details"] == true {
                    return (400, json!({"message": "\"return_run_details\" is not a permitted key."}));
                }
                if let Some((status, false)) = self.dispatches {
                    return (status, json!({"message": "No"}));
                }
                let title = format!("ci c1 {}", body["inputs"]["dispatch_key"].as_str().expect("key"));
                let run = json!({
                    "id": 30_433_642, "display_title": title, "run_attempt": 1, "status": "in_progress",
                    "conclusion": null, "head_branch": "agent/c1",
                });
                self.runs.push(run);
                match self.dispatches {
                    Some((status, _)) => (status, json!({"message": "No"})),
                    None if self.names_runs => (200, json!({"workflow_run_id": 30_433_642})),
                    None => (204, Value::Null),
                }
            }
            ("GET", ["runs", _]) => (200, self.runs[0].clone()),
            ("POST", ["runs", _, "rerun"]) => {
                self.runs[0]["run_attempt"] = json!(2);
                self.runs[0]["status"] = json!("queued");
                (201, json!({}))
            }
            ("POST", ["runs", _, "cancel"]) if self.runs[0]["status"] == "completed" => {
                (409, json!({"message": "Cannot cancel a workflow run that is completed."}))
            }
            ("POST", ["runs", _, "cancel"]) => (202, json!({})),
            ("GET", ["runs", _, "attempts", "1", "jobs"]) => {
                (200, json!({"total_count": 1, "jobs": [{"name": "lint", "status": "completed"}]}))
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn serve(State(fake): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["authorization"], "Bearer t0ken");
    let mut fake = fake.lock().expect("not poisoned");
    if let Some((status, extra, body)) = &fake.always {
        let mut all = HeaderMap::new();
        for (name, value) in extra {
            all.insert(*name, value.parse().expect("value"));
        }
        return (StatusCode::from_u16(*status).expect("status"), all, axum::Json(body.clone())).into_response();
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, value) = fake.answer(&method, uri.path(), uri.query().unwrap_or_default(), &body);
    let status = StatusCode::from_u16(status).expect("status");
    if value.is_null() { status.into_response() } else { (status, axum::Json(value)).into_response() }
}

async fn github() -> (GitHub, Shared, NamedTempFile) {
    let fake = Shared::default();
    let address = crate::testing::serve(Router::new().fallback(serve).with_state(Arc::clone(&fake))).await;
    let token = NamedTempFile::new().expect("file");
    std::fs::write(token.path(), "t0ken\n").expect("write");
    let api = format!("http://{address}").parse().expect("url");
    let config = Config { api, token: Reference::File(token.path().to_owned()), pause: Duration::ZERO };
    (GitHub::new(config), fake, token)
}

fn ada() -> Repository {
    Repository::try_from("acme/ada".to_owned()).expect("name")
}

fn request(key: &str, text: &str) -> Commit {
    let file = |path: &str| GeneratedFile { path: path.into(), contents: text.into(), executable: false };
    Commit {
        branch: "agent/c1".to_owned(),
        message: "Make Ada".to_owned(),
        files: vec![file("a"), file(".github/workflows/ci.yml")],
        idempotency_key: key.to_owned(),
    }
}

#[tokio::test]
async fn a_repository_is_made_once() {
    let (github, fake, _token) = github().await;
    fake.lock().expect("fake").owner_is_user = true;
    github.create_repository(&ada()).await.expect("created");
    github.create_repository(&ada()).await.expect("there");
    assert_eq!(fake.lock().expect("fake").writes, ["POST /orgs/acme/repos", "POST /user/repos"]);
}

#[tokio::test]
async fn the_same_key_is_the_same_commit() {
    let (github, fake, _token) = github().await;
    github.create_repository(&ada()).await.expect("created");
    let one = github.commit(&ada(), &request("k1", "1")).await.expect("committed");
    assert_eq!(github.commit(&ada(), &request("k1", "1")).await.expect("found"), one);
    let two = github.commit(&ada(), &request("k2", "2")).await.expect("committed");
    let other = github.commit(&ada(), &request("k1", "3")).await;
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
    {
        let fake = fake.lock().expect("fake");
        assert_eq!(fake.commits[0].1["parents"], json!(["first"]));
        assert_eq!(fake.commits[1].1["parents"], json!([one]));
        assert_eq!(fake.refs["agent/c1"], two);
        assert_eq!(fake.offered, [".github/workflows/ci.yml"]);
        assert_eq!(fake.trees[0][0], json!({"path": "a", "mode": "100644", "type": "blob", "content": "1"}));
    }
    assert_eq!(github.read(&ada(), &two, "a").await.expect("read").as_deref(), Some(&b"2"[..]));
    assert_eq!(github.read(&ada(), &two, "none").await.expect("read"), None);
}

/// A repository with a commit, and its dispatch at a time.
async fn committed() -> (GitHub, Shared, NamedTempFile, Dispatch) {
    let (github, fake, token) = github().await;
    github.create_repository(&ada()).await.expect("created");
    let sha = github.commit(&ada(), &request("k", "1")).await.expect("committed");
    let dispatch = Dispatch {
        workflow: "ci.yml".to_owned(),
        branch: "agent/c1".to_owned(),
        sha,
        creation_id: "c1".to_owned(),
        idempotency_key: "c1/commit".to_owned(),
        at: "2026-03-01T09:00:00Z".parse().expect("time"),
    };
    (github, fake, token, dispatch)
}

fn later(dispatch: &Dispatch, minutes: i64) -> Dispatch {
    Dispatch { at: dispatch.at + chrono::TimeDelta::minutes(minutes), ..dispatch.clone() }
}

#[tokio::test]
async fn the_same_files_at_the_tip_are_the_same_commit() {
    let (github, _fake, _token, dispatch) = committed().await;
    assert_eq!(github.commit(&ada(), &request("another try", "1")).await.expect("found"), dispatch.sha);
}

#[tokio::test]
async fn the_same_key_is_the_same_run() {
    let (github, fake, _token, dispatch) = committed().await;
    fake.lock().expect("fake").hidden = 2;
    let run = github.dispatch(&ada(), &dispatch).await.expect("dispatched");
    assert_eq!(github.dispatch(&ada(), &dispatch).await.expect("found"), run);
    assert_eq!((run, fake.lock().expect("fake").runs.len()), (30_433_642, 1));
    assert_eq!(github.running(&ada(), "agent/c1").await.expect("listed"), [run]);
    let status = github.status(&ada(), run).await.expect("known");
    assert_eq!((status.attempt, status.status.as_str(), status.conclusion), (1, "in_progress", None));
    assert_eq!(status.jobs[0]["name"], "lint");
    github.cancel(&ada(), run).await.expect("asked");
    fake.lock().expect("fake").runs[0]["status"] = json!("completed");
    github.cancel(&ada(), run).await.expect("has ended");
    assert_eq!(github.running(&ada(), "agent/c1").await.expect("listed"), [0; 0]);
    assert_eq!(github.rerun(&ada(), run, "k").await.expect("begun"), 2);
    assert_eq!(github.rerun(&ada(), run, "k").await.expect("on its way"), 2);
    fake.lock().expect("fake").refs.insert("agent/c1".to_owned(), "moved".to_owned());
    let moved = Dispatch { idempotency_key: "other".to_owned(), ..dispatch };
    assert!(matches!(github.dispatch(&ada(), &moved).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_server_that_names_its_runs_is_not_asked_for_them() {
    let (github, fake, _token, dispatch) = committed().await;
    {
        let mut fake = fake.lock().expect("fake");
        (fake.names_runs, fake.hidden) = (true, u32::MAX);
    }
    assert_eq!(github.dispatch(&ada(), &dispatch).await.expect("named"), 30_433_642);
}

#[tokio::test]
async fn what_may_have_been_taken_is_not_dispatched_again_for_half_an_hour() {
    for taken in [true, false] {
        let (github, fake, _token, dispatch) = committed().await;
        {
            let mut fake = fake.lock().expect("fake");
            (fake.names_runs, fake.dispatches, fake.hidden) = (true, Some((502, taken)), u32::MAX);
        }
        let dispatches = || {
            let path = "POST /repos/acme/ada/actions/workflows/ci.yml/dispatches";
            fake.lock().expect("fake").writes.iter().filter(|write| *write == path).count()
        };
        let lost = github.dispatch(&ada(), &dispatch).await.expect_err("lost");
        assert!(matches!(lost, Error::Underway { .. }), "{lost:?}");
        fake.lock().expect("fake").dispatches = None;
        for minutes in [0, 1, 29] {
            let error = github.dispatch(&ada(), &later(&dispatch, minutes)).await.expect_err("unseen");
            let after = Duration::from_secs(if minutes == 0 { 5 } else { 60 });
            assert_eq!((error.retry(), dispatches()), (Some(after), 1), "{error:?}");
        }
        fake.lock().expect("fake").hidden = if taken { 0 } else { u32::MAX };
        let run = github.dispatch(&ada(), &later(&dispatch, 30)).await.expect("seen at last, or dispatched again");
        assert_eq!((run, dispatches()), (30_433_642, if taken { 1 } else { 2 }));
    }
}

#[tokio::test]
async fn what_was_refused_may_be_dispatched_again_at_once() {
    let (github, fake, _token, dispatch) = committed().await;
    {
        let mut fake = fake.lock().expect("fake");
        (fake.names_runs, fake.dispatches) = (true, Some((404, false)));
    }
    let refused = github.dispatch(&ada(), &dispatch).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound(_)), "{refused:?}");
    fake.lock().expect("fake").dispatches = None;
    assert_eq!(github.dispatch(&ada(), &dispatch).await.expect("dispatched"), 30_433_642);
}

#[tokio::test]
async fn errors_say_whether_to_try_again_and_when() {
    let (github, fake, token) = github().await;
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let spent = vec![date, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111807")];
    for (status, headers, message, expected) in [
        (401, vec![], "Bad credentials", None),
        (403, vec![], "Resource not accessible by personal access token", None),
        (403, spent, "API rate limit exceeded", Some(30)),
        (403, vec![("retry-after", "7")], "You have exceeded a secondary rate limit", Some(7)),
        (429, vec![("retry-after", "8")], "Too many requests", Some(8)),
        (404, vec![], "Not Found", None),
        (422, vec![], "Validation Failed", None),
        (500, vec![], "Server Error", Some(5)),
        (503, vec![], "Unavailable", Some(5)),
    ] {
        fake.lock().expect("fake").always = Some((status, headers, json!({"message": message})));
        let error = github.status(&ada(), 1).await.expect_err(message);
        assert_eq!(error.retry(), expected.map(Duration::from_secs), "{status}: {error:?}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!format!("{error:?}").contains("t0ken"), "{error:?}");
    }
    drop(token);
    let error = github.status(&ada(), 1).await.expect_err("no token");
    assert!(matches!(error, Error::Denied(_)), "{error}");
}
