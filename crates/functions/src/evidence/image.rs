//! Whether a container image is in its registry, by the OCI distribution API.
//!
//! An image's name is input, so the registry that it names gets no credentials of ours unless it is the one that they are
//! for; and they go to that registry's own origin only, wherever else it says that tokens are to be had.

use std::fmt;

use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::{Error, Finding};
use crate::egress::{self, Answer, Egress};
use crate::secrets::Reference;

/// All kinds of manifests: a registry that holds another kind than it is asked for answers with 404.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

/// An image by its full name, `registry/name[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    registry: Url,
    name: String,
    reference: String,
}

/// The credentials for one registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// The registry's host as images name it, with its port if it has one: `ghcr.io`.
    pub host: String,
    /// The user; any name does for GitHub, where the token says whose it is.
    pub user: String,
    /// The password or token.
    pub password: Reference,
}

impl Image {
    /// Reads a full name. A registry is reached by https; one on this machine by http.
    ///
    /// # Errors
    /// What is wrong, in words: without a registry, say, nobody knows where to look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("the image {text:?} must be `registry/name:tag` or `registry/name@digest`");
        let (host, path) = text.split_once('/').ok_or_else(wrong)?;
        let (path, digest) = path.split_once('@').map_or((path, None), |(path, digest)| (path, Some(digest)));
        let (name, tag) = path.rsplit_once(':').map_or((path, None), |(name, tag)| (name, Some(tag)));
        let reference = digest.or(tag).unwrap_or("latest");
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let named = name.split('/').all(|part| plain(part, "._-") && !part.starts_with('.'));
        let names_host = host == "localhost" || host.contains(['.', ':']);
        if !(names_host && plain(host, ".-:") && named && plain(reference, "._-:") && !reference.starts_with('.')) {
            return Err(wrong());
        }
        let here = ["localhost", "127.0.0.1"].contains(&host.split(':').next().unwrap_or_default());
        let registry =
            Url::parse(&format!("{}://{host}/", if here { "http" } else { "https" })).map_err(|_| wrong())?;
        Ok(Self { registry, name: name.to_owned(), reference: reference.to_owned() })
    }

    fn manifest(&self) -> Url {
        let mut url = self.registry.clone();
        url.set_path(&format!("/v2/{}/manifests/{}", self.name, self.reference));
        url
    }

    fn host(&self) -> &str {
        &self.registry[url::Position::BeforeHost..url::Position::AfterPort]
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.reference.contains(':') { '@' } else { ':' };
        write!(f, "{}/{}{mark}{}", self.host(), self.name, self.reference)
    }
}

/// Whether the registry that `image` names has its manifest. Where it asks for a token, one is fetched, with `login` if that
/// is for this registry and else as anybody.
///
/// # Errors
/// [`Error::Egress`] where the registry may not be asked, [`Error::Secret`] where the password cannot be read. A registry that
/// does not answer is a finding.
pub async fn image_exists(egress: &Egress, image: &Image, login: Option<&Login>) -> Result<Finding, Error> {
    match look(egress, image, login).await {
        Ok(StatusCode::OK) => Ok(Finding::new(true, format!("{image} is in its registry"))),
        Ok(StatusCode::NOT_FOUND) => Ok(Finding::new(false, format!("{image} is not in its registry"))),
        Ok(status) => Ok(Finding::new(false, format!("the registry of {image} answered {}", status.as_u16()))),
        Err(Error::Egress(error)) if error.is_transient() => Ok(Finding::new(false, error.to_string())),
        Err(error) => Err(error),
    }
}

async fn look(egress: &Egress, image: &Image, login: Option<&Login>) -> Result<StatusCode, Error> {
    let answer = head(egress, image, None).await?;
    let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| Challenge::parse(value.to_str().ok()?));
    match challenge {
        Some(challenge) if answer.status == StatusCode::UNAUTHORIZED => {
            let login = login.filter(|login| login.host == image.host());
            match token(egress, image, &challenge, login).await? {
                Some(token) => Ok(head(egress, image, Some(&token)).await?.status),
                None => Ok(answer.status),
            }
        }
        _ => Ok(answer.status),
    }
}

async fn head(egress: &Egress, image: &Image, token: Option<&str>) -> Result<Answer, egress::Error> {
    let url = image.manifest();
    let mut request = egress.request(Method::HEAD, &url)?.header(ACCEPT, MANIFESTS);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    egress.send(request, &url).await
}

/// Where a registry gives out tokens, as it says itself.
struct Challenge {
    realm: Url,
    service: Option<String>,
}

impl Challenge {
    /// Reads `Bearer realm="…",service="…",scope="…"`.
    fn parse(text: &str) -> Option<Self> {
        let (mut realm, mut service) = (None, None);
        let mut rest = text.strip_prefix("Bearer ")?;
        while let Some((key, (value, after))) =
            rest.split_once("=\"").and_then(|(key, rest)| Some((key, rest.split_once('"')?)))
        {
            match key.trim_start_matches([',', ' ']) {
                "realm" => realm = value.parse().ok(),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = after;
        }
        Some(Self { realm: realm?, service })
    }
}

/// A token to read the image with, if the registry gives one.
async fn token(
    egress: &Egress,
    image: &Image,
    challenge: &Challenge,
    login: Option<&Login>,
) -> Result<Option<String>, Error> {
    let mut url = challenge.realm.clone();
    url.query_pairs_mut().append_pair("scope", &format!("repository:{}:pull", image.name));
    if let Some(service) = &challenge.service {
        url.query_pairs_mut().append_pair("service", service);
    }
    let mut request = egress.request(Method::GET, &url)?;
    if let Some(login) = login.filter(|_| url.origin() == image.registry.origin()) {
        request = request.basic_auth(&login.user, Some(login.password.resolve()?.expose()));
    }
    let answer = egress.send(request, &url).await?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = body.get("token").or_else(|| body.get("access_token")).and_then(serde_json::Value::as_str);
    Ok(token.filter(|_| answer.status == StatusCode::OK).map(str::to_owned))
}

#[cfg(test)]
mod tests;
