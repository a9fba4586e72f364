//! The local artifact registry: contents by digest, and names that point to digests.
//!
//! ```text
//! <root>/sha256/<digest>                 the contents, never changed
//! <root>/index/<owner>/<name>/<tag>.json {name, tag, kind, file, digest, size}
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk;
use crate::forge::{Error, Repository};

/// The registry below one folder.
#[derive(Debug, Clone)]
pub struct Artifacts {
    root: PathBuf,
}

/// A pushed artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The repository that it was built from.
    pub name: Repository,
    /// The commit that it was built from.
    pub tag: String,
    /// What it is.
    pub kind: Kind,
    /// The file name that it was built under.
    pub file: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// The digest of the load test's report, where one was made.
    #[serde(default)]
    pub load_test: Option<String>,
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A Python wheel: what is built where no container engine answers.
    Wheel,
    /// A container image, as `docker save` writes it.
    Image,
}

impl Artifacts {
    /// The registry in `root`, which need not be there yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Stores the file at `path`; gives its digest and size.
    ///
    /// # Errors
    /// [`Error::Broken`] where this machine fails.
    pub async fn store(&self, path: &Path) -> Result<(String, u64), Error> {
        let missing = || Error::NotFound(path.display().to_string());
        let contents = disk::read(path).await?.ok_or_else(missing)?;
        let digest = hex::encode(Sha256::digest(&contents));
        let target = self.root.join("sha256").join(&digest);
        if !tokio::fs::try_exists(&target).await.unwrap_or(false) {
            disk::replace(&target, &contents).await?;
        }
        Ok((format!("sha256:{digest}"), contents.len() as u64))
    }

    /// Points the artifact's name and tag to it.
    ///
    /// # Errors
    /// [`Error::Broken`] where this machine fails.
    pub async fn publish(&self, artifact: &Artifact) -> Result<(), Error> {
        let text = format!("{:#}\n", serde_json::json!(artifact));
        disk::replace(&self.entry(&artifact.name, &artifact.tag)?, text.as_bytes()).await
    }

    /// What `tag` of `name` points to.
    ///
    /// # Errors
    /// [`Error::Input`] for a tag that is no plain word, [`Error::Broken`] for a damaged index.
    pub async fn find(&self, name: &Repository, tag: &str) -> Result<Option<Artifact>, Error> {
        let path = self.entry(name, tag)?;
        let Some(text) = disk::read(&path).await? else { return Ok(None) };
        let reason =
            |error: serde_json::Error| Error::Broken { what: path.display().to_string(), reason: error.to_string() };
        serde_json::from_slice(&text).map(Some).map_err(reason)
    }

    /// Whether the contents of `digest` are there and are what the digest says.
    ///
    /// # Errors
    /// [`Error::Input`] for something that is no digest.
    pub async fn holds(&self, digest: &str) -> Result<bool, Error> {
        let path = self.path(digest)?;
        let found = disk::read(&path).await?;
        Ok(found.is_some_and(|contents| format!("sha256:{}", hex::encode(Sha256::digest(contents))) == digest))
    }

    /// The file that holds the contents of `digest`.
    ///
    /// # Errors
    /// [`Error::Input`] for something that is no digest.
    pub fn path(&self, digest: &str) -> Result<PathBuf, Error> {
        match digest.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) => {
                Ok(self.root.join("sha256").join(hex))
            }
            _ => Err(Error::Input(format!("{digest:?} is no digest: `sha256:` and 64 hexadecimal digits"))),
        }
    }

    fn entry(&self, name: &Repository, tag: &str) -> Result<PathBuf, Error> {
        if tag.is_empty() || !tag.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(Error::Input(format!("the tag {tag:?} must be letters and digits")));
        }
        Ok(self.root.join("index").join(name.owner()).join(name.name()).join(format!("{tag}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_stored_is_found_and_checked() {
        let root = tempfile::tempdir().expect("dir");
        let artifacts = Artifacts::new(root.path().join("registry"));
        let file = root.path().join("a.whl");
        std::fs::write(&file, "contents").expect("write");
        let (digest, size) = artifacts.store(&file).await.expect("stored");
        assert_eq!(artifacts.store(&file).await.expect("again"), (digest.clone(), 8));
        let artifact = Artifact {
            name: Repository::try_from("acme/ada".to_owned()).expect("name"),
            tag: "abc".to_owned(),
            kind: Kind::Wheel,
            file: "a.whl".to_owned(),
            digest: digest.clone(),
            size,
            load_test: None,
        };
        assert_eq!(artifacts.find(&artifact.name, "abc").await.expect("read"), None);
        artifacts.publish(&artifact).await.expect("published");
        assert_eq!(artifacts.find(&artifact.name, "abc").await.expect("read").as_ref(), Some(&artifact));
        assert!(artifacts.holds(&digest).await.expect("checked"));
        std::fs::write(artifacts.path(&digest).expect("digest"), "damaged").expect("write");
        assert!(!artifacts.holds(&digest).await.expect("checked"));
        let other = digest.replace("sha256:", "sha256:../");
        assert!(matches!(artifacts.holds(&other).await, Err(Error::Input(_))));
        assert!(matches!(artifacts.find(&artifact.name, "../x").await, Err(Error::Input(_))));
    }
}
