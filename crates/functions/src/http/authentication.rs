//! How a request says who it is from.
//!
//! The properties of a scheme come in full, or as the text of a secret (`{use: text}`): the properties as JSON or, for
//! `bearer`, the token itself. Nothing here is ever shown.

use serde::{Deserialize, de::DeserializeOwned};

use super::Error;
use super::request::Prepared;
use super::tokens::{Properties, Tokens};
use crate::egress::{Answer, Egress};

/// The value of a request's `Authorization`.
pub(super) type Authorization = String;

/// A scheme and its properties.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Authentication {
    Basic(Scheme<Credentials>),
    Bearer(Scheme<Token>),
    Digest(Scheme<Credentials>),
    Oauth2(Scheme<Properties>),
    Oidc(Scheme<Properties>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "the properties of the scheme, or `use`, are expected")]
pub(crate) enum Scheme<T> {
    Secret {
        #[serde(rename = "use")]
        text: String,
    },
    Inline(T),
}

#[derive(Clone, Deserialize)]
pub(crate) struct Credentials {
    username: String,
    password: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Token {
    token: String,
}

/// It may hold a password, so it prints nothing of it.
impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authentication(…)")
    }
}

impl<T: Clone + DeserializeOwned> Scheme<T> {
    fn read(&self, scheme: &str) -> Result<T, Error> {
        match self {
            Self::Inline(properties) => Ok(properties.clone()),
            // What is wrong with it is not said: that would quote it.
            Self::Secret { text } => serde_json::from_str(text)
                .map_err(|_| Error::Input(format!("the secret of `{scheme}` must be its properties in JSON"))),
        }
    }
}

impl Authentication {
    /// What the first request says; a digest needs a challenge first.
    pub(super) async fn first(&self, egress: &Egress, tokens: &Tokens) -> Result<Option<Authorization>, Error> {
        Ok(match self {
            Self::Basic(scheme) => Some(basic(&scheme.read("basic")?)),
            Self::Bearer(Scheme::Secret { text }) => {
                let token = serde_json::from_str::<Token>(text).map_or_else(|_| text.clone(), |token| token.token);
                Some(format!("Bearer {}", token.trim()))
            }
            Self::Bearer(Scheme::Inline(token)) => Some(format!("Bearer {}", token.token)),
            Self::Digest(_) => None,
            Self::Oauth2(scheme) => Some(tokens.get(egress, &scheme.read("oauth2")?, false).await?),
            Self::Oidc(scheme) => Some(tokens.get(egress, &scheme.read("oidc")?, true).await?),
        })
    }

    /// What to say instead after the answer was 401; none where saying it again would change nothing.
    pub(super) async fn again(
        &self,
        egress: &Egress,
        tokens: &Tokens,
        prepared: &Prepared,
        answer: &Answer,
    ) -> Result<Option<Authorization>, Error> {
        match self {
            Self::Digest(scheme) => digest(&scheme.read("digest")?, prepared, answer).map(Some),
            Self::Oauth2(scheme) => tokens.renew(egress, &scheme.read("oauth2")?, false).await,
            Self::Oidc(scheme) => tokens.renew(egress, &scheme.read("oidc")?, true).await,
            Self::Basic(_) | Self::Bearer(_) => Ok(None),
        }
    }
}

/// `Basic` of a name and a password.
pub(super) fn basic_of(username: &str, password: &str) -> Authorization {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}")))
}

fn basic(credentials: &Credentials) -> Authorization {
    basic_of(&credentials.username, &credentials.password)
}

/// The answer to a digest challenge (RFC 7616).
fn digest(credentials: &Credentials, prepared: &Prepared, answer: &Answer) -> Result<Authorization, Error> {
    let refuse = |reason: &str| Error::Authentication(format!("the server's challenge cannot be answered: {reason}"));
    let challenges = answer.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
    let challenge = challenges.into_iter().find(|text| text.trim_start().to_ascii_lowercase().starts_with("digest"));
    let challenge = challenge.ok_or_else(|| refuse("it is no digest challenge"))?;
    let mut prompt = digest_auth::parse(challenge).map_err(|error| refuse(&error.to_string()))?;
    let target = &prepared.url[url::Position::BeforePath..url::Position::AfterQuery];
    let method = digest_auth::HttpMethod::from(prepared.method.as_str());
    let (name, password) = (&*credentials.username, &*credentials.password);
    let context = digest_auth::AuthContext::new_with_method(name, password, target, None::<&[u8]>, method);
    let header = prompt.respond(&context).map_err(|error| refuse(&error.to_string()))?;
    Ok(header.to_header_string())
}
