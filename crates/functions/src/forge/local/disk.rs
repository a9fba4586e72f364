//! Files of the local forge: each is replaced as a whole and synced, so that a crash leaves the
//! old or the new one, never a part.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::forge::Error;
use crate::generate::GeneratedFile;

/// An error of this machine.
pub(super) fn broken(what: &str, error: &io::Error) -> Error {
    Error::Broken { what: what.to_owned(), reason: error.to_string() }
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|error| broken(&path.display().to_string(), &error))
}

pub(super) async fn create_dir(path: &Path) -> Result<(), Error> {
    at(path, tokio::fs::create_dir_all(path).await)
}

/// Removes a directory that may not be there.
pub(super) async fn remove_dir(path: &Path) -> Result<(), Error> {
    match tokio::fs::remove_dir_all(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => at(path, Err(error)),
        _ => Ok(()),
    }
}

/// A directory that is gone when the value is; on the same file system as `near`.
pub(super) fn scratch(near: &Path) -> Result<tempfile::TempDir, Error> {
    at(near, tempfile::Builder::new().prefix(".scratch-").tempdir_in(near))
}

/// Writes a generated file below `root`.
pub(super) async fn write_file(root: &Path, file: &GeneratedFile) -> Result<(), Error> {
    let path = root.join(&file.path);
    if let Some(parent) = path.parent() {
        create_dir(parent).await?;
    }
    at(&path, tokio::fs::write(&path, &file.contents).await)?;
    let mode = if file.executable { 0o755 } else { 0o644 };
    at(&path, tokio::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).await)
}

/// Moves the finished directory `from` to `to`, where nothing is, durably and at once.
pub(super) async fn place(from: &Path, to: &Path) -> Result<(), Error> {
    let parent = to.parent().unwrap_or_else(|| Path::new("."));
    create_dir(parent).await?;
    let place = async {
        tokio::fs::rename(from, to).await?;
        tokio::fs::File::open(parent).await?.sync_all().await
    };
    at(to, place.await)
}

/// Removes a file that may not be there.
pub(super) async fn remove_file(path: &Path) -> Result<(), Error> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => at(path, Err(error)),
        _ => Ok(()),
    }
}

/// The numbers that are names in `root`.
pub(super) async fn numbers(root: &Path) -> Result<Vec<u64>, Error> {
    let mut entries = at(root, tokio::fs::read_dir(root).await)?;
    let mut numbers = Vec::new();
    while let Some(entry) = at(root, entries.next_entry().await)? {
        numbers.extend(entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// Replaces `path` by `contents`, durably and at once.
pub(super) async fn replace(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    create_dir(parent).await?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let next = parent.join(format!(".{name}.{}", uuid::Uuid::now_v7()));
    let write = async {
        let mut file = tokio::fs::File::create(&next).await?;
        file.write_all(contents).await?;
        file.sync_all().await?;
        tokio::fs::rename(&next, path).await?;
        tokio::fs::File::open(parent).await?.sync_all().await
    };
    at(path, write.await)
}

/// A file's bytes, if it is there.
pub(super) async fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => at(path, Err(error)),
    }
}

/// A name for `parts` that any file system takes.
pub(super) fn digest(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(parts.join("\0")))
}

/// Makes a directory in `root` whose name is a number above all others, at least `least`.
pub(super) async fn next_number(root: &Path, least: u64) -> Result<u64, Error> {
    let above = numbers(root).await?.into_iter().max().map_or(1, |last| last + 1);
    let next = least.max(above);
    at(root, tokio::fs::create_dir(root.join(next.to_string())).await)?;
    Ok(next)
}
