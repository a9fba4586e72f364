//! Locks of the operating system: one process of many on this folder does a thing, and a dead one holds nothing.
//!
//! A lock belongs to the open file, not to the process. Who is given a [`handle`](Lock::handle) keeps it held: that is how
//! a pipeline stays locked until the last of its programs is gone, even where the process that started them was killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::disk;
use crate::forge::Error;

/// How often a held lock is asked for.
const PAUSE: Duration = Duration::from_millis(10);

/// A held lock; dropping gives it up as soon as nobody else has a handle of it.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Waits until nobody else has the lock at `path`. By asking again and again, because a wait in the kernel could not be
    /// given up.
    pub(super) async fn wait(path: &Path) -> Result<Self, Error> {
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            ticks.tick().await;
            if let Some(lock) = Self::attempt(path)? {
                return Ok(lock);
            }
        }
    }

    /// Takes the lock at `path` if nobody has it.
    pub(super) fn attempt(path: &Path) -> Result<Option<Self>, Error> {
        let file = open(path).map_err(|error| failed(path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(path, &error)),
        }
    }

    /// Something that keeps the lock held for as long as it is open.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// Gives the lock up at once, whoever has a handle of it.
    pub(super) fn release(self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a lock is held until its last handle is closed");
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    disk::broken(&format!("lock {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_holds_it_and_a_handle_keeps_it() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("folder/lock");
        let held = Lock::wait(&path).await.expect("locked");
        assert!(Lock::attempt(&path).expect("asked").is_none());
        let handle = held.handle().expect("a handle");
        drop(held);
        assert!(Lock::attempt(&path).expect("asked").is_none(), "the handle keeps it");
        drop(handle);
        let held = Lock::attempt(&path).expect("asked").expect("free");
        let _handle = held.handle().expect("a handle");
        held.release();
        assert!(Lock::attempt(&path).expect("asked").is_some(), "released is released");
    }
}
