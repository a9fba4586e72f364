//! Endpoints and how one authenticates at them: basic, bearer, digest, OAuth 2 and OIDC, each in full or from a
//! secret (DSL A1).
//!
//! A secret stands in the arguments of the call as a reference; its text is the properties of the scheme as JSON, or, for
//! `bearer`, the token itself.

use super::{At, Parsed, Parser, Scope, fields::suggestion, value::both};
use crate::Template;

/// The schemes, and what each needs where it is written in full.
const SCHEMES: [(&str, &[&str]); 3] =
    [("basic", &["username", "password"]), ("bearer", &["token"]), ("digest", &["username", "password"])];

/// How a client says who it is; the first is the default.
const CLIENT_METHODS: [&str; 5] =
    ["client_secret_post", "client_secret_basic", "client_secret_jwt", "private_key_jwt", "none"];

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

const ENCODINGS: [&str; 2] = ["application/x-www-form-urlencoded", "application/json"];

type Entries = Vec<(String, Template)>;

impl<'a> Parser<'a> {
    /// `{uri, authentication?}`, also where only the URI is written.
    pub(super) fn endpoint(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        if at.text().is_some() {
            let uri = self.uri(at, scope, true)?;
            return Ok(Template::Object(vec![("uri".to_owned(), uri)]));
        }
        let mut fields = self.fields(at)?;
        let uri = fields.require(self, "uri").and_then(|at| self.uri(&at, scope, true));
        let authentication = fields.get("authentication").map(|at| self.authentication(&at, scope)).transpose();
        fields.finish(self)?;
        let (uri, authentication) = both(uri, authentication)?;
        let authentication = authentication.map(|value| ("authentication".to_owned(), value));
        Ok(Template::Object([("uri".to_owned(), uri)].into_iter().chain(authentication).collect()))
    }

    /// An authentication, given or named with `use`.
    pub(super) fn authentication(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        match fields.get("use") {
            Some(name) => {
                fields.finish(self)?;
                self.text(&name)?;
                let at = self.component(&name, "authentications")?;
                self.policy(&at, scope)
            }
            None => self.policy(at, scope),
        }
    }

    /// One scheme.
    pub(super) fn policy(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        if let Some(at) = fields.get("certificate") {
            return self.unsupported(&at, "`certificate` authentication", "the DSL does not say what it consists of");
        }
        let names = ["basic", "bearer", "digest", "oauth2", "oidc"];
        let mut present: Vec<_> = names.into_iter().filter_map(|name| Some((name, fields.get(name)?))).collect();
        fields.finish(self)?;
        let (Some((name, at)), None) = (present.pop(), present.pop()) else {
            let message = format!("one of {} is expected", names.join(", "));
            return self.refuse(at, "authentication", message, None);
        };
        let mut fields = self.fields(&at)?;
        let entries = match (fields.get("use"), SCHEMES.iter().find(|(scheme, _)| *scheme == name)) {
            (Some(secret), _) => {
                fields.finish(self)?;
                vec![("use".to_owned(), self.secret(&secret, scope)?)]
            }
            (None, Some((_, names))) => {
                let mut entries = Vec::new();
                for field in names.iter().copied() {
                    let value = fields.require(self, field).and_then(|at| self.text_template(&at, scope))?;
                    entries.push((field.to_owned(), value));
                }
                fields.finish(self)?;
                entries
            }
            (None, None) => self.tokens(&at, name == "oauth2", scope)?,
        };
        Ok(Template::Object(vec![(name.to_owned(), Template::Object(entries))]))
    }

    /// A secret, which `use.secrets` must name.
    fn secret(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let name = self.text(at)?;
        if !self.secrets.iter().any(|known| known == name) {
            let hint = suggestion(name, self.secrets.iter().map(String::as_str));
            return self.refuse(at, "unknown-reference", format!("`use.secrets` has no `{name}`"), hint);
        }
        let source = format!("$secrets[{}]", serde_json::Value::from(name));
        self.compile(at, &source, scope).map(Template::Expression)
    }

    /// The properties of `oauth2` and `oidc`.
    fn tokens(&mut self, at: &At<'_>, endpoints: bool, scope: &Scope) -> Parsed<Entries> {
        let mut fields = self.fields(at)?;
        let authority = fields.require(self, "authority").and_then(|at| self.uri(&at, scope, true));
        let grant = fields.require(self, "grant").and_then(|at| self.grant(&at));
        let mut entries = vec![("authority", authority.map(Some)), ("grant", grant.map(Some))];
        entries.push(("client", fields.get("client").map(|at| self.client(&at, scope)).transpose()));
        if endpoints {
            entries.push(("endpoints", fields.get("endpoints").map(|at| self.endpoints(&at, scope)).transpose()));
        }
        entries.push(("request", fields.get("request").map(|at| self.request(&at)).transpose()));
        for name in ["issuers", "scopes", "audiences"] {
            entries.push((name, fields.get(name).map(|at| self.texts(&at, scope)).transpose()));
        }
        for name in ["username", "password"] {
            entries.push((name, fields.get(name).map(|at| self.text_template(&at, scope)).transpose()));
        }
        for name in ["subject", "actor"] {
            entries.push((name, fields.get(name).map(|at| self.token(&at, scope)).transpose()));
        }
        fields.finish(self)?;
        let entries = collect(entries)?;
        self.check_grant(at, &entries)?;
        Ok(entries)
    }

    fn grant(&mut self, at: &At<'_>) -> Parsed<Template> {
        let word =
            self.word(at, &["client_credentials", "password", TOKEN_EXCHANGE, "authorization_code", "refresh_token"])?;
        if ["authorization_code", "refresh_token"].contains(&word) {
            let hint = "nobody can give the code or the token that it exchanges; use `client_credentials`";
            return self.unsupported(at, &format!("the grant `{word}`"), hint);
        }
        Ok(Template::Literal(word.into()))
    }

    /// What a grant cannot do without.
    fn check_grant(&mut self, at: &At<'_>, entries: &Entries) -> Parsed<()> {
        let grant = entries.iter().find_map(|(name, value)| match value {
            Template::Literal(grant) if name == "grant" => grant.as_str().map(str::to_owned),
            _ => None,
        });
        let needed: &[&str] = match grant.as_deref() {
            Some("password") => &["username", "password"],
            Some(TOKEN_EXCHANGE) => &["subject"],
            _ => &["client"],
        };
        let missing = needed.iter().find(|needed| !entries.iter().any(|(name, _)| name == **needed));
        let Some(missing) = missing else { return Ok(()) };
        let message = format!("the grant `{}` needs `{missing}`", grant.unwrap_or_default());
        self.refuse(at, "authentication", message, None)
    }

    fn client(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let mut entries: Vec<_> = ["id", "secret", "assertion"]
            .into_iter()
            .map(|name| (name, fields.get(name).map(|at| self.text_template(&at, scope)).transpose()))
            .collect();
        let method = fields.get("authentication").map(|at| self.word(&at, &CLIENT_METHODS)).transpose();
        entries.push(("authentication", method.map(|word| word.map(|word| Template::Literal(word.into())))));
        fields.finish(self)?;
        let entries = collect(entries)?;
        let has = |wanted: &str| entries.iter().any(|(name, _)| name == wanted);
        let needed: &[&str] = match method? {
            None | Some("client_secret_post" | "client_secret_basic") => &["id", "secret"],
            Some("client_secret_jwt" | "private_key_jwt") => &["id", "assertion"],
            Some(_) => &[],
        };
        match needed.iter().find(|needed| !has(needed)) {
            Some(missing) => {
                let hint = "or choose another `authentication` of the client".to_owned();
                self.refuse(at, "authentication", format!("the client needs `{missing}`"), Some(hint))
            }
            None => Ok(Template::Object(entries)),
        }
    }

    fn endpoints(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let entries = ["token", "revocation", "introspection"]
            .map(|name| (name, fields.get(name).map(|at| self.text_template(&at, scope)).transpose()));
        fields.finish(self)?;
        collect(entries).map(Template::Object)
    }

    fn request(&mut self, at: &At<'_>) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let encoding = fields.get("encoding").map(|at| self.word(&at, &ENCODINGS)).transpose();
        fields.finish(self)?;
        collect([("encoding", encoding.map(|word| word.map(|word| Template::Literal(word.into()))))])
            .map(Template::Object)
    }

    /// A list of texts, each of which may be an expression.
    pub(super) fn texts(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let items = self.list(at)?;
        let items: Vec<_> = items.iter().map(|item| self.text_template(item, scope)).collect();
        Ok(Template::Array(items.into_iter().collect::<Parsed<_>>()?))
    }

    fn token(&mut self, at: &At<'_>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let token = fields.require(self, "token").and_then(|at| self.text_template(&at, scope));
        let kind = fields.require(self, "type").and_then(|at| self.text_template(&at, scope));
        fields.finish(self)?;
        collect([("token", token.map(Some)), ("type", kind.map(Some))]).map(Template::Object)
    }
}

/// The entries that are there, or the refusal of one, once all were read.
pub(super) fn collect(entries: impl IntoIterator<Item = (&'static str, Parsed<Option<Template>>)>) -> Parsed<Entries> {
    let mut collected = Vec::new();
    for (name, value) in entries {
        collected.extend(value?.map(|value| (name.to_owned(), value)));
    }
    Ok(collected)
}
