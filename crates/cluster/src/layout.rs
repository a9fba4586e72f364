//! The cluster's directory on disk and the locks in it; the tree is drawn in
//! the crate's header.
//!
//! The directory and all files that this process opens for writing stay its
//! own: where root runs the server as another account, that account owns only
//! `data/` and `run/` and cannot redirect root's writes.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Error;
use crate::account::Account;

/// Between two looks at something that cannot be waited for.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The socket's file name; there is no TCP port, but PostgreSQL puts one into it.
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

/// A socket's path has at most 103 bytes on macOS (107 on Linux).
const LONGEST_SOCKET_DIRECTORY: usize = 103 - "/".len() - SOCKET.len();

/// A log that grew beyond this is emptied at the next start of the server.
const LONGEST_LOG_BYTES: u64 = 16 << 20;

/// How much of the log an error shows.
const TAIL_LINES: usize = 20;

/// See [`crate::data_home`]; the environment is an argument for the tests.
pub(crate) fn data_home(var: impl Fn(&str) -> Option<OsString>, root: bool) -> Result<PathBuf, Error> {
    let var = |name| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(home) = var("STATIONMASTER_DATA") {
        return Ok(home);
    }
    if root {
        return Ok("/var/lib/stationmaster".into());
    }
    var("XDG_DATA_HOME")
        .or_else(|| Some(var("HOME")?.join(".local/share")))
        .map(|home| home.join("stationmaster"))
        .ok_or(Error::NoDataHome)
}

/// The paths of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    directory: PathBuf,
}

impl Layout {
    /// Makes what is missing in `directory` and checks that `account` can get
    /// to it.
    pub(crate) fn prepare(directory: &Path, account: &Account) -> Result<Self, Error> {
        let create = || {
            let directory = std::path::absolute(directory)?;
            let missing: Vec<_> = directory.ancestors().take_while(|path| !path.exists()).collect();
            std::fs::create_dir_all(&directory)?;
            for path in missing {
                account.pass_through(path)?;
            }
            directory.canonicalize()
        };
        let directory = create().map_err(Error::io(format!("create {}", directory.display())))?;
        if let Some(obstacle) = account.obstacle(&directory)? {
            let account = account.name().into();
            return Err(Error::Unreachable { directory, account, obstacle });
        }
        Ok(Self { directory })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// The major version that made the data, `None` if there is no data yet.
    pub(crate) fn data_version(&self) -> Result<Option<u32>, Error> {
        let path = self.data().join("PG_VERSION");
        match std::fs::read_to_string(&path) {
            Ok(version) => Ok(version.trim().parse().ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { action: format!("read {}", path.display()), source }),
        }
    }

    /// An empty directory of `account`'s for `initdb`, freed of what an
    /// interrupted one left; [`Layout::adopt_data`] makes it the data.
    pub(crate) fn new_data(&self, account: &Account) -> Result<PathBuf, Error> {
        let path = self.directory.join("data.new");
        let create = || {
            if path.exists() {
                std::fs::remove_dir_all(&path)?;
            }
            std::fs::create_dir(&path)
        };
        create().map_err(Error::io(format!("create {}", path.display())))?;
        account.take(&path)?;
        Ok(path)
    }

    /// Makes a complete `new` the cluster's data, in one step.
    pub(crate) fn adopt_data(&self, new: &Path) -> Result<(), Error> {
        std::fs::rename(new, self.data()).map_err(Error::io(format!(
            "rename {} to {}",
            new.display(),
            self.data().display()
        )))
    }

    /// A directory of `account`'s for the socket: `run/`, or a fresh one with
    /// a short name where that path is too long for a socket. Users find it
    /// through the server's `postmaster.pid`.
    pub(crate) fn socket_directory(&self, account: &Account) -> Result<PathBuf, Error> {
        let mut path = self.run();
        if path.as_os_str().len() > LONGEST_SOCKET_DIRECTORY {
            path = tempfile::Builder::new()
                .prefix("stationmaster-")
                .tempdir_in("/tmp")
                .map_err(Error::io("create a directory for the socket in /tmp"))?
                .keep();
        } else if !path.exists() {
            std::fs::create_dir(&path).map_err(Error::io(format!("create {}", path.display())))?;
        }
        account.take(&path)?;
        Ok(path)
    }

    /// Removes a socket directory that is not `run/`, after the server's end.
    pub(crate) fn remove_socket_directory(&self, path: &Path) {
        if path != self.run()
            && let Err(error) = std::fs::remove_dir(path)
        {
            tracing::debug!(path = %path.display(), %error, "the socket's directory stays");
        }
    }

    fn run(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// Removes the pids that a dead server left. PostgreSQL takes whatever process has such a pid now for its predecessor:
    /// the killed one itself while nobody has reaped it, or, after a power cut, anybody. Called with the log locked, so
    /// that no server of ours lives, and while nobody listens, as one that was started by hand on our data would.
    pub(crate) fn remove_pids(&self) -> Result<(), Error> {
        for path in [self.data().join("postmaster.pid"), self.run().join(format!("{SOCKET}.lock"))] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Io { action: format!("remove {}", path.display()), source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The log, locked for the server that is about to write it: it inherits
    /// the lock with the descriptor and holds it as long as one of its
    /// processes lives. `None` if a server lives already.
    pub(crate) fn lock_log(&self) -> Result<Option<File>, Error> {
        try_lock(&self.log())
    }

    /// Empties a log that has grown too long.
    pub(crate) fn trim_log(log: &File) -> Result<(), Error> {
        let trim = || {
            if log.metadata()?.len() > LONGEST_LOG_BYTES {
                log.set_len(0)?;
            }
            Ok(())
        };
        trim().map_err(Error::io("trim the server's log"))
    }

    /// The log's last lines, for an error.
    pub(crate) fn log_tail(&self) -> String {
        let bytes = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Waits until nobody else starts or stops the server. The lock ends with
    /// the file.
    pub(crate) async fn begin_transition(&self, deadline: Instant) -> Result<File, Error> {
        loop {
            if let Some(file) = self.try_begin_transition()? {
                return Ok(file);
            }
            if Instant::now() >= deadline {
                return Err(Error::Busy { directory: self.directory.clone() });
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// The same on a thread that may block.
    pub(crate) fn begin_transition_blocking(&self) -> Result<File, Error> {
        let path = self.transition();
        let file = open(&path)?;
        file.lock().map_err(Error::io(format!("lock {}", path.display())))?;
        Ok(file)
    }

    /// The same, if it needs no waiting.
    pub(crate) fn try_begin_transition(&self) -> Result<Option<File>, Error> {
        try_lock(&self.transition())
    }

    fn transition(&self) -> PathBuf {
        self.directory.join("transition.lock")
    }

    /// Enters this process as a user of the server. Called in a transition.
    pub(crate) fn claim(&self) -> Result<Claim, Error> {
        let path = self.directory.join("users.lock");
        let file = open(&path)?;
        file.lock_shared().map_err(Error::io(format!("lock {}", path.display())))?;
        Ok(Claim(file))
    }
}

/// One user of a server; it ends with the process at the latest.
#[derive(Debug)]
pub(crate) struct Claim(File);

impl Claim {
    /// Gives the claim back; true if it was the last. Called in a transition,
    /// so that no claim can be made in between.
    pub(crate) fn give_back(self) -> Result<bool, Error> {
        self.0.unlock().map_err(Error::io("unlock users.lock"))?;
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(Error::Io { action: "lock users.lock".into(), source }),
        }
    }
}

fn open(path: &Path) -> Result<File, Error> {
    File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::io(format!("open {}", path.display())))
}

fn try_lock(path: &Path) -> Result<Option<File>, Error> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::Io { action: format!("lock {}", path.display()), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(vars: &[(&str, &str)], root: bool) -> Option<PathBuf> {
        let var = |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        data_home(var, root).ok()
    }

    #[test]
    fn new_directories_let_the_server_through_whatever_the_umask() {
        let parent = crate::tests::directory();
        let account = Account::for_server().unwrap();
        let layout = Layout::prepare(&parent.path().join("a/b"), &account).unwrap();
        let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
        for path in [layout.directory(), layout.directory().parent().unwrap()] {
            let metadata = std::fs::metadata(path).unwrap();
            assert_eq!(std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777, mode);
        }
    }

    #[test]
    fn the_data_home_follows_the_environment() {
        let all = [("STATIONMASTER_DATA", "/d"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(home(&all, true), Some("/d".into()));
        assert_eq!(home(&all[1..], false), Some("/x/stationmaster".into()));
        assert_eq!(home(&all[2..], false), Some("/h/.local/share/stationmaster".into()));
        assert_eq!(home(&all[1..], true), Some("/var/lib/stationmaster".into()));
        assert_eq!(home(&[("HOME", "")], false), None);
    }
}
