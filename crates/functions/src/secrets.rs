//! Secrets by reference: what is configured and recorded is where a value is, never the value.
//!
//! A reference is `env:NAME` or `file:/absolute/path`, and is resolved at each use, so that a
//! rotated secret counts at once. A definition names secrets only by the names that the operator
//! put into [`Secrets`]: it cannot reach any other variable or file of this machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a secret's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// In an environment variable of this process.
    Env(String),
    /// In a file, whose trailing line end is not part of it.
    File(PathBuf),
}

/// A resolved value; printing it shows nothing.
#[derive(Clone)]
pub struct Secret(String);

/// The secrets that definitions may name.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<String, Reference>);

/// Why a secret has no value. The text never holds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither `env:NAME` nor `file:/path`. The text itself may be a secret put there by
    /// mistake, so it is not repeated.
    #[error("a secret must be given as `env:NAME` or `file:/absolute/path`")]
    Reference,
    /// Not among the configured secrets.
    #[error("no secret is configured under the name {0:?}")]
    Unknown(String),
    /// The variable is not set, or not text.
    #[error("the environment variable {0} of a secret is not set")]
    Variable(String),
    /// The file cannot be read.
    #[error("the file {path} of a secret cannot be read: {reason}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.into())),
            _ => Err(Error::Reference),
        }
    }
}

impl Reference {
    /// Reads the value now.
    ///
    /// # Errors
    /// [`Error::Variable`] or [`Error::File`].
    pub fn resolve(&self) -> Result<Secret, Error> {
        match self {
            Self::Env(name) => std::env::var(name).map(Secret).map_err(|_| Error::Variable(name.clone())),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
                .map_err(|error| Error::File { path: path.clone(), reason: error.to_string() }),
        }
    }
}

impl Secrets {
    /// The secrets that the operator configured: name to reference.
    ///
    /// # Errors
    /// [`Error::Reference`] for a text that is no reference.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let parse = |(name, text): (&str, &str)| Ok((name.to_owned(), text.parse()?));
        pairs.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Reads the value of the secret called `name`.
    ///
    /// # Errors
    /// [`Error::Unknown`], or what [`Reference::resolve`] says.
    pub fn resolve(&self, name: &str) -> Result<Secret, Error> {
        let reference = self.0.get(name).ok_or_else(|| Error::Unknown(name.to_owned()))?;
        reference.resolve()
    }
}

impl engine::Secrets for Secrets {
    fn resolve(&self, name: &str) -> Result<String, String> {
        Self::resolve(self, name).map(|secret| secret.0).map_err(|error| error.to_string())
    }
}

impl Secret {
    /// Wraps a value that was obtained otherwise (a generated one, say).
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_at_each_use() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let reference = format!("file:{}", file.path().display());
        let secrets = Secrets::new([("token", reference.as_str())]).expect("reference");
        for value in ["first", "second"] {
            std::fs::write(file.path(), format!("{value}\n")).expect("write");
            assert_eq!(secrets.resolve("token").expect("value").expose(), value);
        }
    }

    #[test]
    fn a_variable_is_read() {
        let found = "env:PATH".parse::<Reference>().expect("reference").resolve();
        assert_eq!(found.expect("PATH is set").expose(), std::env::var("PATH").unwrap());
        let missing = Reference::Env("NO_SUCH_VARIABLE".to_owned()).resolve();
        assert_eq!(missing.unwrap_err(), Error::Variable("NO_SUCH_VARIABLE".to_owned()));
    }

    #[test]
    fn only_configured_names_resolve() {
        let secrets = Secrets::new([("path", "env:PATH")]).expect("reference");
        assert_eq!(secrets.resolve("env:PATH").unwrap_err(), Error::Unknown("env:PATH".into()));
    }

    #[test]
    fn nothing_prints_a_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
        for text in ["hunter2", "file:relative", "env:", ""] {
            let error = text.parse::<Reference>().expect_err("no reference");
            assert_eq!(error, Error::Reference);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
