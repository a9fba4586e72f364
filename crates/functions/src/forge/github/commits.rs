//! Commits by GitHub's git data API: one tree, one commit, one move of the branch.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::Client;
use super::{strange, text};
use crate::forge::{Commit, Error, Repository, check_branch, trailer};
use crate::generate::GeneratedFile;

/// Makes the commit, or finds the one that an earlier attempt made.
pub(super) async fn commit(client: &Client, repository: &Repository, commit: &Commit) -> Result<String, Error> {
    check_branch(&commit.branch)?;
    let message = trailer::message(commit)?;
    let base = format!("/repos/{repository}");
    let tip = tip(client, &base, &commit.branch).await?;
    if tip.is_some()
        && let Some(sha) = find(client, &base, commit).await?
    {
        return Ok(sha);
    }
    let main = text(&client.get(&base).await?, "/default_branch")?;
    offer_workflows(client, &base, &main, &commit.files).await?;
    let parent = match &tip {
        Some(sha) => Some(sha.clone()),
        None => self::tip(client, &base, &main).await?,
    };
    let entries: Vec<_> = commit.files.iter().map(entry).collect();
    let tree = client.post(&format!("{base}/git/trees"), &json!({"tree": entries})).await?;
    let parents: Vec<_> = parent.into_iter().collect();
    let body = json!({"message": message, "tree": text(&tree, "/sha")?, "parents": parents});
    let sha = text(&client.post(&format!("{base}/git/commits"), &body).await?, "/sha")?;
    let moved = if tip.is_some() {
        let path = format!("{base}/git/refs/heads/{}", commit.branch);
        client.patch(&path, &json!({"sha": sha, "force": false})).await
    } else {
        let reference = format!("refs/heads/{}", commit.branch);
        client.post(&format!("{base}/git/refs"), &json!({"ref": reference, "sha": sha})).await
    };
    match moved {
        Ok(_) => Ok(sha),
        // Somebody moved the branch meanwhile: the next attempt looks again.
        Err(Error::Input(detail)) => Err(Error::Unavailable { detail, after: None }),
        Err(error) => Err(error),
    }
}

fn entry(file: &GeneratedFile) -> Value {
    let mode = if file.executable { "100755" } else { "100644" };
    json!({"path": file.path, "mode": mode, "type": "blob", "content": file.contents})
}

/// The commit that a branch points to.
pub(super) async fn tip(client: &Client, base: &str, branch: &str) -> Result<Option<String>, Error> {
    match client.get(&format!("{base}/git/ref/heads/{branch}")).await {
        Ok(found) => text(&found, "/object/sha").map(Some),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An earlier commit of the same request among the last hundred of the branch, or the tip if it holds the same files: a step
/// that is tried again with them is not another commit.
async fn find(client: &Client, base: &str, commit: &Commit) -> Result<Option<String>, Error> {
    let path = format!("{base}/commits?sha={}&per_page=100", commit.branch);
    let all = client.get(&path).await?;
    for (place, one) in all.as_array().ok_or_else(|| strange("the list of commits"))?.iter().enumerate() {
        let message = text(one, "/commit/message")?;
        if trailer::is_same(&message, commit)? || (place == 0 && trailer::is_same_content(&message, commit)) {
            return text(one, "/sha").map(Some);
        }
    }
    Ok(None)
}

/// GitHub dispatches only workflows that the default branch has too.
async fn offer_workflows(client: &Client, base: &str, main: &str, files: &[GeneratedFile]) -> Result<(), Error> {
    for file in files.iter().filter(|file| file.path.starts_with(".github/workflows/")) {
        let path = format!("{base}/contents/{}", file.path);
        match client.get(&format!("{path}?ref={main}")).await {
            Ok(_) => continue,
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let content = STANDARD.encode(&file.contents);
        let body = json!({"message": "Offer the workflow for dispatch", "content": content, "branch": main});
        match client.put(&path, &body).await {
            // Another creation has put it there meanwhile.
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file's contents at a commit.
pub(super) async fn read(
    client: &Client,
    repository: &Repository,
    commit: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let found = match client.get(&format!("/repos/{repository}/contents/{path}?ref={commit}")).await {
        Ok(found) => found,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let encoded: String = text(&found, "/content")?.split_whitespace().collect();
    STANDARD.decode(encoded).map(Some).map_err(|_| strange("/content in base64"))
}
