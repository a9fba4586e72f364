//! What is kept of a repository: refs, tags, commits and trees, as GitHub's git data API takes and gives them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Hub, OWNER, Reply, State, rest::missing, shapes};

/// A repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(super) id: u64,
    /// By their full names, `refs/heads/main`.
    pub(crate) refs: BTreeMap<String, String>,
    /// What `POST git/commits` was given, by the hash that it got.
    pub(crate) commits: BTreeMap<String, Value>,
    trees: BTreeMap<String, Value>,
    tags: BTreeMap<String, Value>,
    /// The files of the default branch.
    main: BTreeMap<String, String>,
}

/// Makes a repository with a first commit.
pub(super) fn create(state: &mut State, name: &str) -> Reply {
    if state.repositories.contains_key(name) {
        let error = json!({"resource": "Repository", "code": "custom", "field": "name",
                           "message": "name already exists on this account"});
        return (422, json!({"message": "Repository creation failed.", "errors": [error], "status": "422"}));
    }
    let (id, first) = (state.next(), state.sha());
    let refs = BTreeMap::from([("refs/heads/main".to_owned(), first)]);
    let made = Repository { id, refs, ..Repository::default() };
    state.repositories.insert(name.to_owned(), made);
    (201, shapes::repository(name, id))
}

/// Answers a request about the git data of one repository.
pub(super) fn answer(hub: &Hub, method: &str, name: &str, rest: &[&str], query: &str, body: &Value) -> Reply {
    hub.change(|state| {
        let (sha, Some(repository)) = (state.sha(), state.repositories.get_mut(name)) else { return missing() };
        let url = format!("https://api.github.com/repos/{OWNER}/{name}");
        match (method, rest) {
            ("GET", []) => (200, shapes::repository(name, repository.id)),
            ("GET", ["git", "ref", reference @ ..]) => {
                repository.find_ref(&url, &format!("refs/{}", reference.join("/")))
            }
            ("POST", ["git", "refs"]) => repository.make_ref(&url, body),
            ("PATCH", ["git", "refs", reference @ ..]) => {
                repository.move_ref(&url, &format!("refs/{}", reference.join("/")), body)
            }
            ("DELETE", ["git", "refs", reference @ ..]) => {
                match repository.refs.remove(&format!("refs/{}", reference.join("/"))) {
                    Some(_) => (204, Value::Null),
                    None => refused("Reference does not exist"),
                }
            }
            ("POST", ["git", "trees"]) => {
                repository.trees.insert(sha.clone(), body["tree"].clone());
                (201, json!({"sha": sha, "url": format!("{url}/git/trees/{sha}"), "tree": [], "truncated": false}))
            }
            ("POST", ["git", "commits"]) => repository.commit(&url, sha, body),
            ("POST", ["git", "tags"]) => repository.tag(&url, sha, body),
            ("GET", ["git", "tags", sha]) => repository.tags.get(*sha).map_or_else(missing, |tag| (200, tag.clone())),
            ("GET", ["commits"]) => (200, repository.log(query)),
            ("GET", ["contents", path @ ..]) => repository.content(&path.join("/"), query),
            ("PUT", ["contents", path @ ..]) => {
                let content = body["content"].as_str().unwrap().to_owned();
                repository.main.insert(path.join("/"), content);
                repository.refs.insert("refs/heads/main".to_owned(), sha.clone());
                (201, json!({"content": {"path": path.join("/"), "type": "file"}, "commit": {"sha": sha}}))
            }
            other => panic!("GitHub is asked {other:?}"),
        }
    })
}

impl Repository {
    /// The files of a commit.
    fn files(&self, sha: &str) -> Option<&Value> {
        self.trees.get(self.commits.get(sha)?["tree"].as_str()?)
    }

    fn find_ref(&self, url: &str, name: &str) -> Reply {
        self.refs.get(name).map_or_else(missing, |sha| (200, self.shown(url, name, sha)))
    }

    fn shown(&self, url: &str, name: &str, sha: &str) -> Value {
        let kind = if self.tags.contains_key(sha) { "tag" } else { "commit" };
        let object = json!({"type": kind, "sha": sha, "url": format!("{url}/git/{kind}s/{sha}")});
        json!({"ref": name, "node_id": "REF_x", "url": format!("{url}/git/{name}"), "object": object})
    }

    fn make_ref(&mut self, url: &str, body: &Value) -> Reply {
        let (name, sha) = (body["ref"].as_str().unwrap(), body["sha"].as_str().unwrap());
        if self.refs.contains_key(name) {
            return refused("Reference already exists");
        }
        if !self.commits.contains_key(sha) && !self.tags.contains_key(sha) {
            return refused("Object does not exist");
        }
        self.refs.insert(name.to_owned(), sha.to_owned());
        (201, self.shown(url, name, sha))
    }

    fn move_ref(&mut self, url: &str, name: &str, body: &Value) -> Reply {
        let sha = body["sha"].as_str().unwrap();
        let (Some(old), Some(commit)) = (self.refs.get(name), self.commits.get(sha)) else {
            return refused("Reference does not exist");
        };
        if !commit["parents"].as_array().unwrap().contains(&json!(old)) {
            return refused("Update is not a fast forward");
        }
        self.refs.insert(name.to_owned(), sha.to_owned());
        (200, self.shown(url, name, sha))
    }

    fn commit(&mut self, url: &str, sha: String, body: &Value) -> Reply {
        assert!(self.trees.contains_key(body["tree"].as_str().unwrap()), "a commit of a tree that is not there");
        let made = json!({"sha": sha, "url": format!("{url}/git/commits/{sha}"), "message": body["message"],
                          "tree": {"sha": body["tree"]}, "parents": body["parents"]});
        self.commits.insert(sha, body.clone());
        (201, made)
    }

    fn tag(&mut self, url: &str, sha: String, body: &Value) -> Reply {
        let object = json!({"type": body["type"], "sha": body["object"], "url": format!("{url}/git/commits/x")});
        let made = json!({"node_id": "TA_x", "tag": body["tag"], "sha": sha, "url": format!("{url}/git/tags/{sha}"),
                          "message": body["message"], "tagger": body["tagger"], "object": object});
        self.tags.insert(sha, made.clone());
        (201, made)
    }

    fn log(&self, query: &str) -> Value {
        let branch = query.split('&').find_map(|part| part.strip_prefix("sha=")).unwrap();
        let mut next = self.refs.get(&format!("refs/heads/{branch}")).cloned();
        let mut log = Vec::new();
        while let Some((sha, commit)) = next.take().and_then(|sha| Some((sha.clone(), self.commits.get(&sha)?))) {
            log.push(json!({"sha": sha, "commit": {"message": commit["message"], "tree": {"sha": commit["tree"]}}}));
            next = commit["parents"][0].as_str().map(str::to_owned);
        }
        log.into()
    }

    fn content(&self, path: &str, query: &str) -> Reply {
        let at = query.strip_prefix("ref=").unwrap_or("main");
        let content = match self.files(at) {
            _ if at == "main" => self.main.get(path).cloned(),
            None => None,
            Some(files) => {
                let file = files.as_array().unwrap().iter().find(|file| file["path"] == path);
                file.map(|file| STANDARD.encode(file["content"].as_str().unwrap()))
            }
        };
        let Some(content) = content else { return missing() };
        (200, json!({"type": "file", "encoding": "base64", "path": path, "content": format!("{content}\n")}))
    }
}

fn refused(why: &str) -> Reply {
    (422, json!({"message": why, "documentation_url": "https://docs.github.com/rest/git/refs", "status": "422"}))
}
