//! The operating-system account that the server runs as.
//!
//! PostgreSQL refuses to run as root, so root's server runs as `postgres`, or
//! as `nobody` where that is missing; everybody else's runs as themselves.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Tried in this order when root has to step down.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// Who runs the server.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether this process is root and has to step down.
    steps_down: bool,
}

impl Account {
    /// The account for a server started by this process.
    pub(crate) fn for_server() -> Result<Self, Error> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if !uid.is_root() {
            let name = format!("with id {}", uid.as_raw());
            return Ok(Self { name, uid: uid.as_raw(), gid: gid.as_raw(), steps_down: false });
        }
        CANDIDATES.iter().find_map(|name| Self::named(name)).ok_or(Error::NoServerAccount)
    }

    /// Looks `name` up the way the machine does (files, LDAP, …).
    fn named(name: &str) -> Option<Self> {
        let id = |flag| {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
        };
        Some(Self { name: name.into(), uid: id("-u")?, gid: id("-g")?, steps_down: true })
    }

    /// The account's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes `command` run as this account. The standard library drops root's
    /// supplementary groups with it.
    pub(crate) fn run(&self, command: &mut Command) {
        if self.steps_down {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Gives `path` to this account, closed to all others but root.
    pub(crate) fn take(&self, path: &Path) -> Result<(), Error> {
        let give = || {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
            if self.steps_down {
                std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))?;
            }
            Ok(())
        };
        give().map_err(Error::io(format!("give {} to {}", path.display(), self.name)))
    }

    /// Lets this account, and nobody who need not, through a new directory of
    /// the caller's, whatever the caller's umask.
    pub(crate) fn pass_through(&self, path: &Path) -> std::io::Result<()> {
        let mode = if self.steps_down { 0o711 } else { 0o700 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    }

    /// The first ancestor of `path` (itself included) that this account may
    /// not pass through. `path` is absolute and without symbolic links.
    pub(crate) fn obstacle(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        if !self.steps_down {
            return Ok(None);
        }
        let mut ancestors: Vec<_> = path.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            let action = || format!("read the permissions of {}", ancestor.display());
            let metadata = std::fs::metadata(ancestor).map_err(|source| Error::Io { action: action(), source })?;
            let search = match () {
                () if metadata.uid() == self.uid => 0o100,
                () if metadata.gid() == self.gid => 0o010,
                () => 0o001,
            };
            if metadata.mode() & search == 0 {
                return Ok(Some(ancestor.to_owned()));
            }
        }
        Ok(None)
    }
}
