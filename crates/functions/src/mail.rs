//! Sends mail by SMTP.
//!
//! A mail is sent at least once; its Message-ID follows from the idempotency key, so that mail
//! servers and readers can drop the second copy of a repeated attempt.

use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::secrets::{self, Reference};

/// Where mail goes out.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User name and reference to the password, where the server wants them.
    pub login: Option<(String, Reference)>,
    /// The sender, `Name <address>`.
    pub from: String,
    /// The time for one command.
    pub timeout: Duration,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// STARTTLS, required (port 587).
    StartTls,
    /// None: for a server on this machine only; no password is ever sent over it.
    Plain,
}

/// A mail to send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The receivers, at least one; a single one may be written without a list.
    #[serde(deserialize_with = "one_or_more")]
    pub to: Vec<String>,
    /// The subject, on one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML, where wanted.
    #[serde(default)]
    pub html: Option<String>,
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings cannot work.
    #[error("mail settings: {0}")]
    Config(String),
    /// The mail itself is wrong.
    #[error("mail: {0}")]
    Mail(String),
    /// The password cannot be read.
    #[error(transparent)]
    Secret(#[from] secrets::Error),
    /// The server refuses for good (a reply of 5xx).
    #[error("the mail server refuses: {0}")]
    Permanent(String),
    /// The server refuses for now (4xx) or cannot be reached.
    #[error("the mail server is not available: {0}")]
    Transient(String),
}

/// Sends mail; keeps its connections.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Prepares sending; connects at the first mail.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Secret`].
    pub fn new(config: &Config) -> Result<Self, Error> {
        let from = mailbox(&config.from).map_err(|e| Error::Config(format!("the sender {:?}: {e}", config.from)))?;
        if config.security == Security::Plain && config.login.is_some() {
            let why = "a login needs TLS: use `tls` or `starttls`";
            return Err(Error::Config(why.to_owned()));
        }
        let tls = || TlsParameters::new(config.host.clone()).map_err(|error| Error::Config(format!("TLS: {error}")));
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .timeout(Some(config.timeout))
            .tls(match config.security {
                Security::Tls => Tls::Wrapper(tls()?),
                Security::StartTls => Tls::Required(tls()?),
                Security::Plain => Tls::None,
            });
        if let Some((user, password)) = &config.login {
            let password = password.resolve()?.expose().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends `mail`; gives its Message-ID, which is the same for the same `key`.
    ///
    /// # Errors
    /// Only [`Error::Transient`] is worth another attempt.
    pub async fn send(&self, mail: &Mail, key: &str) -> Result<String, Error> {
        let id = self.message_id(key);
        let message = self.message(mail, &id)?;
        self.transport.send(message).await.map_err(|error| {
            let text = error.to_string();
            if error.is_permanent() { Error::Permanent(text) } else { Error::Transient(text) }
        })?;
        Ok(id)
    }

    fn message_id(&self, key: &str) -> String {
        let digest = hex::encode(&Sha256::digest(key.as_bytes())[..16]);
        format!("<{digest}@{}>", self.from.email.domain())
    }

    fn message(&self, mail: &Mail, id: &str) -> Result<Message, Error> {
        if mail.to.is_empty() {
            return Err(Error::Mail("`to` must name at least one receiver".to_owned()));
        }
        if mail.subject.contains(['\r', '\n']) {
            return Err(Error::Mail("`subject` must be one line".to_owned()));
        }
        let mut builder =
            Message::builder().from(self.from.clone()).message_id(Some(id.to_owned())).subject(mail.subject.as_str());
        for receiver in &mail.to {
            let to = mailbox(receiver).map_err(|e| Error::Mail(format!("`to` {receiver:?}: {e}")))?;
            builder = builder.to(to);
        }
        let text = SinglePart::plain(mail.text.clone());
        let built = match &mail.html {
            None => builder.singlepart(text),
            Some(html) => {
                builder.multipart(MultiPart::alternative().singlepart(text).singlepart(SinglePart::html(html.clone())))
            }
        };
        built.map_err(|error| Error::Mail(error.to_string()))
    }
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "`to` must be an address or a list of addresses")]
    enum Form {
        One(String),
        More(Vec<String>),
    }
    Ok(match Form::deserialize(input)? {
        Form::One(one) => vec![one],
        Form::More(all) => all,
    })
}

fn mailbox(text: &str) -> Result<Mailbox, AddressError> {
    text.parse()
}

#[cfg(test)]
mod tests;
