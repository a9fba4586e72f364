//! Access tokens of OAuth 2 and OIDC: asked for once, kept until they expire or are refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::Error;
use super::authentication::{Authorization, basic_of};
use crate::egress::{Answer, Egress, shown};

/// A token is not used in its last moments: the request takes time.
const MARGIN: Duration = Duration::from_secs(30);

/// How long a token is kept that does not say when it expires.
const UNKNOWN: Duration = Duration::from_secs(60);

/// Tokens that are kept at the same time.
const KEPT: usize = 1024;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Access tokens by what they were asked for with.
#[derive(Default)]
pub struct Tokens(Mutex<BTreeMap<[u8; 32], Kept>>);

struct Kept {
    authorization: Authorization,
    until: Instant,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// The properties of `oauth2` and `oidc`, evaluated.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Properties {
    authority: String,
    grant: String,
    #[serde(default)]
    endpoints: Endpoints,
    #[serde(default)]
    client: Client,
    #[serde(default)]
    request: Request,
    #[serde(default)]
    issuers: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    audiences: Vec<String>,
    username: Option<String>,
    password: Option<String>,
    subject: Option<Party>,
    actor: Option<Party>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    token: Option<String>,
    revocation: Option<String>,
    introspection: Option<String>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Client {
    id: Option<String>,
    secret: Option<String>,
    assertion: Option<String>,
    authentication: Option<String>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Request {
    encoding: Option<String>,
}

/// A token of somebody else's, for an exchange.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Party {
    token: String,
    #[serde(rename = "type")]
    kind: String,
}

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Tokens {
    /// A token, kept or new. With `discover`, the authority is asked where tokens are given.
    pub(super) async fn get(
        &self,
        egress: &Egress,
        properties: &Properties,
        discover: bool,
    ) -> Result<Authorization, Error> {
        let key = key(properties)?;
        if let Some(kept) = self.kept().get(&key).filter(|kept| Instant::now() < kept.until) {
            return Ok(kept.authorization.clone());
        }
        let endpoint = endpoint(egress, properties, discover).await?;
        let granted = ask(egress, properties, &endpoint).await?;
        check_issuer(properties, &granted.access_token)?;
        let kind = granted.token_type.filter(|kind| !kind.eq_ignore_ascii_case("bearer"));
        let authorization = format!("{} {}", kind.as_deref().unwrap_or("Bearer"), granted.access_token);
        let lasts = granted.expires_in.map_or(UNKNOWN, Duration::from_secs).saturating_sub(MARGIN);
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        if let Some(until) = Instant::now().checked_add(lasts) {
            kept.insert(key, Kept { authorization: authorization.clone(), until });
        }
        Ok(authorization)
    }

    /// A new token instead of a kept one that was refused; none where there was none kept.
    pub(super) async fn renew(
        &self,
        egress: &Egress,
        properties: &Properties,
        discover: bool,
    ) -> Result<Option<Authorization>, Error> {
        let dropped = self.kept().remove(&key(properties)?);
        match dropped {
            Some(_) => self.get(egress, properties, discover).await.map(Some),
            None => Ok(None),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(properties: &Properties) -> Result<[u8; 32], Error> {
    let text = serde_json::to_vec(properties).map_err(|_| Error::Input("the properties are no JSON".to_owned()))?;
    Ok(Sha256::digest(text).into())
}

/// Where tokens are given.
async fn endpoint(egress: &Egress, properties: &Properties, discover: bool) -> Result<Url, Error> {
    const WELL_KNOWN: &str = "/.well-known/openid-configuration";
    let authority = properties.authority.trim_end_matches('/');
    if !discover {
        let token = properties.endpoints.token.as_deref().unwrap_or("/oauth2/token");
        let whole = if token.contains("://") {
            token.to_owned()
        } else {
            format!("{authority}/{}", token.trim_start_matches('/'))
        };
        return parse(&whole);
    }
    let place = if authority.ends_with(WELL_KNOWN) { authority.to_owned() } else { format!("{authority}{WELL_KNOWN}") };
    let url = parse(&place)?;
    let answer = egress.send(egress.request(Method::GET, &url)?, &url).await?;
    let found = body(&url, &answer)?;
    let token = found.get("token_endpoint").and_then(Value::as_str);
    parse(token.ok_or_else(|| refused(&url, "it names no `token_endpoint`"))?)
}

fn parse(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::Input(format!("the authority is no absolute URL: {error}")))
}

async fn ask(egress: &Egress, properties: &Properties, url: &Url) -> Result<Granted, Error> {
    let (fields, authorization) = fields(properties);
    let request = egress.request(Method::POST, url)?.header("accept", "application/json");
    let request = if properties.request.encoding.as_deref() == Some("application/json") {
        request.json(&fields.into_iter().collect::<BTreeMap<_, _>>())
    } else {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        request.header("content-type", "application/x-www-form-urlencoded").body(form.finish())
    };
    let request = authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
    let answer = egress.send(request, url).await?;
    serde_json::from_value(body(url, &answer)?).map_err(|_| refused(url, "it gave no `access_token`"))
}

/// The fields of a token request, and what its client says in the header.
fn fields(properties: &Properties) -> (Vec<(&'static str, String)>, Option<Authorization>) {
    let Properties { client, .. } = properties;
    let mut fields = vec![("grant_type", properties.grant.clone())];
    let mut put = |name, value: Option<&String>| fields.extend(value.map(|value| (name, value.clone())));
    put("username", properties.username.as_ref());
    put("password", properties.password.as_ref());
    for (party, token, kind) in [
        (&properties.subject, "subject_token", "subject_token_type"),
        (&properties.actor, "actor_token", "actor_token_type"),
    ] {
        put(token, party.as_ref().map(|party| &party.token));
        put(kind, party.as_ref().map(|party| &party.kind));
    }
    let joined = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(" "));
    put("scope", joined(&properties.scopes).as_ref());
    put("audience", joined(&properties.audiences).as_ref());
    match client.authentication.as_deref() {
        Some("client_secret_basic") => {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            return (fields, Some(basic_of(&text(&client.id), &text(&client.secret))));
        }
        Some("client_secret_jwt" | "private_key_jwt") => {
            put("client_id", client.id.as_ref());
            put("client_assertion_type", Some(&JWT_BEARER.to_owned()));
            put("client_assertion", client.assertion.as_ref());
        }
        Some("none") => put("client_id", client.id.as_ref()),
        _ => {
            put("client_id", client.id.as_ref());
            put("client_secret", client.secret.as_ref());
        }
    }
    (fields, None)
}

/// A good answer as JSON. Its text is not repeated in an error: it may hold a token.
fn body(url: &Url, answer: &Answer) -> Result<Value, Error> {
    if !answer.status.is_success() {
        return Err(refused(url, &format!("it answered {}", answer.status.as_u16())));
    }
    serde_json::from_slice(&answer.body).map_err(|_| refused(url, "its answer is not JSON"))
}

fn refused(url: &Url, reason: &str) -> Error {
    Error::Authentication(format!("no token from {}: {reason}", shown(url)))
}

/// Where issuers are listed, the token must be of one of them.
fn check_issuer(properties: &Properties, token: &str) -> Result<(), Error> {
    if properties.issuers.is_empty() {
        return Ok(());
    }
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    let issuer = claims.as_ref().and_then(|claims| claims.get("iss")).and_then(Value::as_str);
    if issuer.is_some_and(|issuer| properties.issuers.iter().any(|known| known == issuer)) {
        return Ok(());
    }
    Err(Error::Authentication("the token is of none of the `issuers`".to_owned()))
}
