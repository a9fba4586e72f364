//! The only way out by HTTP: a client that goes to public addresses and nowhere else, unless the
//! operator allows more.
//!
//! A definition is written by one person and run by another's server, so a URL is input. Every
//! address that a name resolves to is checked, and the checked addresses are the ones connected
//! to (the check *is* the resolver: there is no second look-up to win a race against). Literal
//! addresses are checked before the request. Redirects are never followed, proxies of the
//! environment never used.

mod address;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HOST, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use url::{Host, Url};

/// What is allowed beside public addresses, and how the client behaves.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Networks that may be reached although they are not public (`127.0.0.0/8`, say).
    pub allow_networks: Vec<IpNet>,
    /// Names that may resolve to any address.
    pub allow_hosts: BTreeSet<String>,
    /// For tests only: origin (`https://host[:port]`) to where it is really served, in plain
    /// HTTP. The request is otherwise as authored, its `Host` included.
    pub host_map: BTreeMap<String, SocketAddr>,
    /// The time for a whole request.
    pub timeout: Duration,
    /// The most bytes of an answer.
    pub max_body_bytes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            allow_hosts: BTreeSet::new(),
            host_map: BTreeMap::new(),
            timeout: Duration::from_secs(30),
            max_body_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Policy {
    /// Also reaches this machine itself: for the local forge, the demo and tests.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.allow_networks.extend([
            IpNet::new_assert([127, 0, 0, 0].into(), 8),
            IpNet::new_assert(IpAddr::from(std::net::Ipv6Addr::LOCALHOST), 128),
        ]);
        self
    }

    fn permits(&self, address: IpAddr) -> bool {
        address::is_public(address) || self.allow_networks.iter().any(|network| network.contains(&address))
    }
}

/// Why a request did not end in a response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one that this client may go to.
    #[error("{url}: {reason}")]
    Denied {
        /// Where to, without credentials or query.
        url: String,
        /// The rule, and what to do about it.
        reason: String,
    },
    /// The other side cannot be reached, or the connection broke.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// Where to.
        url: String,
        /// What failed.
        reason: String,
    },
    /// The time is over.
    #[error("no complete answer from {url} in {}", humantime(*.after))]
    Timeout {
        /// Where to.
        url: String,
        /// The limit.
        after: Duration,
    },
    /// The answer is larger than allowed.
    #[error("the answer of {url} has over {limit} bytes")]
    TooLarge {
        /// Where to.
        url: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

fn humantime(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

impl Error {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. })
    }
}

/// A guarded HTTP client; cheap to clone.
#[derive(Debug, Clone)]
pub struct Egress {
    client: reqwest::Client,
    policy: Arc<Policy>,
}

impl Egress {
    /// Makes the client.
    ///
    /// # Errors
    /// [`Error::Unreachable`] where the TLS roots of this machine cannot be loaded.
    pub fn new(policy: Policy) -> Result<Self, Error> {
        let policy = Arc::new(policy);
        let client = reqwest::Client::builder()
            .user_agent(concat!("stationmaster/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guard(Arc::clone(&policy))))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10).min(policy.timeout))
            .timeout(policy.timeout)
            .build()
            .map_err(|error| Error::Unreachable { url: "anything".to_owned(), reason: chain(&error) })?;
        Ok(Self { client, policy })
    }

    /// Starts a request to `url`, which must be allowed.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, Error> {
        self.check(url)?;
        let Some(target) = self.policy.host_map.get(&url.origin().ascii_serialization()) else {
            return Ok(self.client.request(method, url.clone()));
        };
        let mut mapped = url.clone();
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let host = HeaderValue::from_str(authority).ok();
        let renamed = mapped.set_scheme("http").is_ok()
            && mapped.set_ip_host(target.ip()).is_ok()
            && mapped.set_port(Some(target.port())).is_ok();
        match host {
            Some(host) if renamed => Ok(self.client.request(method, mapped).header(HOST, host)),
            _ => Err(denied(url, "it cannot be mapped to the test host")),
        }
    }

    /// Sends `request` and reads its answer up to the limit of the policy.
    ///
    /// # Errors
    /// See [`Error`]; an HTTP status is never one.
    pub async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Answer, Error> {
        let response = request.send().await.map_err(|error| self.failure(url, &error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response, url).await?;
        Ok(Answer { status, headers, body })
    }

    async fn body(&self, mut response: Response, url: &Url) -> Result<Vec<u8>, Error> {
        let limit = self.policy.max_body_bytes;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|e| self.failure(url, &e))? {
            if body.len() + part.len() > limit {
                return Err(Error::TooLarge { url: shown(url), limit });
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    fn check(&self, url: &Url) -> Result<(), Error> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(denied(url, "only http and https are allowed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(denied(url, "credentials belong into `authentication`, not into the URL"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.policy.permits(address) || self.is_mapped(url) {
            return Ok(());
        }
        Err(denied(url, &refusal(address)))
    }

    fn is_mapped(&self, url: &Url) -> bool {
        self.policy.host_map.contains_key(&url.origin().ascii_serialization())
    }

    fn failure(&self, url: &Url, error: &reqwest::Error) -> Error {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = cause {
            if let Some(refused) = inner.downcast_ref::<Refused>() {
                return denied(url, &refused.0);
            }
            cause = inner.source();
        }
        let url = shown(url);
        if error.is_timeout() {
            return Error::Timeout { url, after: self.policy.timeout };
        }
        Error::Unreachable { url, reason: chain(error) }
    }
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: reqwest::StatusCode,
    /// The header fields.
    pub headers: reqwest::header::HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// What `Retry-After` says, where it is given in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
        text.trim().parse().ok().map(Duration::from_secs)
    }
}

/// The resolver of the client: it gives permitted addresses or fails.
#[derive(Debug)]
struct Guard(Arc<Policy>);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let free = policy.allow_hosts.contains(name.as_str());
            if let Some(bad) = found.iter().find(|a| !free && !policy.permits(a.ip())) {
                return Err(Refused(refusal(bad.ip())).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn refusal(address: IpAddr) -> String {
    format!("{address} is not a public address; the operator may allow its network or name")
}

fn denied(url: &Url, reason: &str) -> Error {
    Error::Denied { url: shown(url), reason: reason.to_owned() }
}

/// The URL without what may be secret: credentials, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    url[..url::Position::AfterPath].replacen(&url[url::Position::BeforeUsername..url::Position::BeforeHost], "", 1)
}

/// An error with its causes; reqwest's own text would repeat the whole URL.
fn chain(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        parts.push(inner.to_string());
        cause = inner.source();
    }
    if parts.is_empty() { "the request failed".to_owned() } else { parts.join(": ") }
}

#[cfg(test)]
mod tests;
