//! What a person or a program reads: text lines, or one JSON document; and how a verb fails.

use std::{fmt, io::Write};

use serde_json::Value;

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Text, or JSON where `--json` was given.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for a person; nothing in JSON mode.
    pub(crate) fn line(self, text: impl FnOnce() -> String) {
        if !self.json {
            write_line(&text());
        }
    }

    /// The document for a program; nothing in text mode.
    pub(crate) fn document(self, document: impl FnOnce() -> Value) {
        if self.json {
            write_line(&format!("{:#}", document()));
        }
    }
}

impl Output {
    /// A document on a line of its own, for a program that follows a verb which goes on.
    pub(crate) fn event(self, document: &Value) {
        if self.json {
            write_line(&document.to_string());
        }
    }
}

/// Writes a line to standard output. A reader that has gone away (`| head`) is no error.
fn write_line(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Why a verb failed: a message for the person, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: Option<String>,
    code: u8,
}

impl Failure {
    /// Failed with a message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), code: 1 }
    }

    /// Failed with an error's own words and those of its causes.
    pub(crate) fn from_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self::new(message)
    }

    /// Failed with something's own words.
    pub(crate) fn from_display(error: impl fmt::Display) -> Self {
        Self::new(error.to_string())
    }

    /// Failed, and everything that there is to say has been printed.
    pub(crate) fn silent() -> Self {
        Self { message: None, code: 1 }
    }

    /// Prints the message and gives the exit code.
    pub(crate) fn report(self) -> std::process::ExitCode {
        if let Some(message) = self.message {
            drop(writeln!(std::io::stderr(), "stationmaster: {message}"));
        }
        self.code.into()
    }
}

impl Failure {
    /// The message, for where a failure is only a finding.
    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or("failed")
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::from_error(&error)
    }
}
