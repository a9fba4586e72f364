//! Secrets that a development service makes for itself: random, kept in the data directory, readable by their owner only.
//!
//! `serve` and `work` are given references instead and never make one.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The path of a generated secret.
pub(crate) fn path(data: &Path, name: &str) -> PathBuf {
    data.join("secrets").join(name)
}

/// The secret of this name; made at its first use. Two processes that make it at once end up with the same one.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn ensure(data: &Path, name: &str) -> io::Result<String> {
    let file = path(data, name);
    if let Ok(secret) = fs::read_to_string(&file) {
        return Ok(secret);
    }
    let directory = data.join("secrets");
    fs::create_dir_all(data)?; // not closed to others: the embedded server's account must pass through it
    match fs::DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let mut bytes = [0; 48];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut draft = tempfile::NamedTempFile::new_in(&directory)?; // readable by its owner only
    draft.write_all(secret.as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(&file) {
        Ok(_) => Ok(secret),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => fs::read_to_string(&file), // another was first
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let data = tempfile::tempdir().unwrap();
        let secret = ensure(data.path(), "jwt").unwrap();
        assert_eq!((secret.len(), &ensure(data.path(), "jwt").unwrap()), (96, &secret));
        assert_ne!(ensure(data.path(), "other").unwrap(), secret);
        let mode = fs::metadata(path(data.path(), "jwt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn processes_that_race_agree() {
        let data = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(8);
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        ensure(data.path(), "jwt").unwrap()
                    })
                })
                .collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }
}
