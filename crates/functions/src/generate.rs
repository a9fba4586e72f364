//! Makes an agent's repository from its manifest.
//!
//! Two generators give the same thing, a list of files: the built-in templates (always there,
//! deterministic) and a model behind an OpenAI-compatible endpoint (where one is configured).
//! Whatever made them, the files pass the same [`files::check`] before anybody commits them.

pub mod files;
pub mod manifest;
mod model;
mod templates;
mod vocabulary;

pub use files::GeneratedFile;
pub use manifest::Manifest;
pub use model::Model;

use std::time::Duration;

/// Makes repositories.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodeGenerator {
    /// The templates compiled into this binary.
    Templates,
    /// A language model.
    Model(Box<Model>),
}

/// A generated repository.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Generated {
    /// What made it: `templates`, or the model's name.
    pub generator: String,
    /// The files, sorted by path.
    pub files: Vec<GeneratedFile>,
}

/// Why no repository was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest breaks a rule.
    #[error("manifest: {0}")]
    Manifest(String),
    /// The generator's files break a rule of [`files::check`].
    #[error("the generated files were refused: {0}")]
    Files(String),
    /// A template could not be filled.
    #[error("a built-in template failed: {0}")]
    Template(#[from] askama::Error),
    /// The model refused the request for good (its HTTP status is given where there is one).
    #[error("the model refused: {detail}")]
    Refused {
        /// The HTTP status of the answer.
        status: Option<u16>,
        /// What to do about it.
        detail: String,
    },
    /// The model cannot be reached or is busy: worth another attempt.
    #[error("the model is not available: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// How long the model asked us to wait.
        after: Option<Duration>,
    },
}

impl CodeGenerator {
    /// Makes the repository of `manifest`.
    ///
    /// # Errors
    /// See [`Error`]; only [`Error::Unavailable`], and [`Error::Files`] from a model, can go
    /// away by asking again.
    pub async fn generate(&self, manifest: &Manifest) -> Result<Generated, Error> {
        manifest.check()?;
        let (generator, mut files) = match self {
            Self::Templates => ("templates".to_owned(), templates::render(manifest)?),
            Self::Model(model) => (model.name().to_owned(), model.write(manifest).await?),
        };
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files::check(&files)?;
        Ok(Generated { generator, files })
    }
}

#[cfg(test)]
mod tests;
