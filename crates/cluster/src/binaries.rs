//! Finds PostgreSQL's programs on this machine.
//!
//! Distributions keep the server's programs off `PATH` and several versions
//! side by side, so `pg_config`, `PATH` and the usual directories are asked in
//! turn. A data directory can only be served by the major version that made
//! it; a new one takes the first that is found.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The oldest major version that the product is made for.
pub(crate) const OLDEST_MAJOR: u32 = 14;

/// What a directory must hold to be taken.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// Directories whose children `<prefix><version>/bin` hold a version each.
const VERSIONED: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
];

/// The directories to look into, the preferred first.
#[derive(Debug, Clone)]
pub struct Search {
    directories: Vec<PathBuf>,
}

impl Search {
    /// The machine's own: what `pg_config` says, `PATH`, then the usual
    /// directories of distributions, the newest version first.
    #[must_use]
    pub fn machine() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = from_pg_config()
            .into_iter()
            .chain(std::env::split_paths(&path))
            .chain(VERSIONED.iter().flat_map(|(parent, prefix)| versions(Path::new(parent), prefix)))
            .collect();
        Self { directories }
    }

    /// Exactly these directories.
    #[must_use]
    pub fn only(directories: Vec<PathBuf>) -> Self {
        Self { directories }
    }

    /// The first installation found that is of major version `wanted`, or of
    /// any supported one.
    pub(crate) fn find(&self, wanted: Option<u32>) -> Result<Binaries, Error> {
        let mut others = Vec::new();
        for binaries in self.directories.iter().filter_map(|directory| Binaries::in_directory(directory)) {
            if wanted.map_or(binaries.major >= OLDEST_MAJOR, |wanted| binaries.major == wanted) {
                return Ok(binaries);
            }
            others.push(format!("{} in {}", binaries.major, binaries.directory.display()));
        }
        if others.is_empty() {
            return Err(Error::BinariesNotFound { searched: list(&self.directories) });
        }
        let wanted = match wanted {
            Some(major) => format!("{major} (which made the data directory)"),
            None => format!("{OLDEST_MAJOR} or newer"),
        };
        Err(Error::VersionNotFound { wanted, found: others.join(", ") })
    }
}

/// One installation.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    /// The installation whose `postgres` is in, or linked from, `directory`.
    fn in_directory(directory: &Path) -> Option<Self> {
        let directory = directory.join("postgres").canonicalize().ok()?.parent()?.to_owned();
        if !PROGRAMS.iter().all(|program| directory.join(program).is_file()) {
            return None;
        }
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { directory, major })
    }

    /// The path of `program`.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }
}

/// The major version in the output of `postgres --version`, such as
/// `postgres (PostgreSQL) 15.12 (Debian 15.12-1)` or `… 18beta1`.
fn major(version: &str) -> Option<u32> {
    let rest = version.split_once("(PostgreSQL) ")?.1;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// Where `pg_config` says that the programs are.
fn from_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let directory = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| directory.trim().into())
}

/// The directories `<parent>/<prefix><version>/bin`, highest version first.
fn versions(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let version = |name: &OsStr| name.to_str()?.strip_prefix(prefix)?.parse::<u32>().ok();
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Some((version(&entry.file_name())?, entry.path().join("bin"))))
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

fn list(directories: &[PathBuf]) -> String {
    let names: Vec<_> = directories.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(major("postgres (PostgreSQL) 15.12 (Debian 15.12-1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("bash 5"), None);
    }

    #[test]
    fn prefers_the_highest_version_by_number() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["9", "15", "100", "common"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versions(parent.path(), "");
        let expected = ["100", "15", "9"].map(|name| parent.path().join(name).join("bin"));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_machine_is_told_where_was_looked_and_what_to_do() {
        let search = Search::only(vec!["/nowhere/a".into(), "/nowhere/b".into()]);
        let message = search.find(None).unwrap_err().to_string();
        for part in ["/nowhere/a, /nowhere/b", "apt-get install postgresql", "DATABASE_URL"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_data_directory_of_another_version_is_named() {
        let message = Search::machine().find(Some(9)).unwrap_err().to_string();
        assert!(message.contains("PostgreSQL 9 (which made the data directory)"), "{message}");
    }
}
