//! An inbound source: one file of `webhooks/`, read strictly when the service starts.

use std::collections::BTreeMap;

use axum::http::HeaderName;
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

use crate::events::is_extension_name;

use super::{
    Resolve,
    mapping::Mapping,
    signature::{Key, Scheme},
};

/// The largest body that any source may ask for.
const MAX_BODY: usize = 32 << 20;

/// A system that sends webhooks.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Its name, under which deliveries are remembered.
    pub name: String,
    /// Where it posts.
    pub paths: Vec<String>,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How it signs.
    pub signature: Scheme,
    /// The header with the delivery's id.
    #[serde(deserialize_with = "header_name")]
    pub delivery: HeaderName,
    /// Where the event's name stands.
    pub event: EventName,
    /// Names of events that only ask whether we listen.
    #[serde(default)]
    pub ping: Vec<String>,
    /// What becomes of each event, by its name.
    pub events: BTreeMap<String, Mapping>,
}

/// Where the name of an event stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum EventName {
    /// In a header.
    Header {
        /// The header.
        #[serde(deserialize_with = "header_name")]
        header: HeaderName,
    },
    /// In the body.
    Pointer {
        /// A JSON pointer.
        pointer: String,
    },
}

/// A source that cannot be used; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("webhook source {name}: {reason}")]
pub struct InvalidSource {
    name: String,
    reason: String,
}

impl Source {
    /// The sources that come with the product.
    ///
    /// # Errors
    /// None, unless a file of `webhooks/` is broken: the tests read them all.
    pub fn builtin() -> Result<Vec<Self>, InvalidSource> {
        [
            ("github.yaml", include_str!("../../../../webhooks/github.yaml")),
            ("genesis.yaml", include_str!("../../../../webhooks/genesis.yaml")),
        ]
        .into_iter()
        .map(|(name, text)| Self::parse(name, text))
        .collect()
    }

    /// Reads a source from the text of its file; `file` is for the error only.
    ///
    /// # Errors
    /// What is wrong in the file, with its line where the syntax is at fault.
    pub fn parse(file: &str, text: &str) -> Result<Self, InvalidSource> {
        let invalid = |reason: String| InvalidSource { name: file.to_owned(), reason };
        let source: Self = serde_saphyr::from_str(text).map_err(|error| invalid(error.to_string()))?;
        source.check().map_err(invalid)?;
        Ok(source)
    }

    fn check(&self) -> Result<(), String> {
        let name_is_plain = !self.name.is_empty() && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let path_is_plain = |path: &String| path.starts_with('/') && !path.contains(['{', '}', '*', '?', '#', ' ']);
        let rules = [
            (name_is_plain, "`name` must be letters, digits and hyphens"),
            (
                !self.paths.is_empty() && self.paths.iter().all(path_is_plain),
                "`paths` must be plain absolute paths, at least one",
            ),
            ((1..=MAX_BODY).contains(&self.body_limit), "`bodyLimit` must be between 1 and 33554432 bytes"),
            (!self.signature.secrets().is_empty(), "`signature.secrets` must name at least one secret"),
            (
                self.signature.secrets().iter().all(|s| is_reference(s)),
                "a secret is a reference, `env:NAME` or `file:/path`, never a value",
            ),
            (!self.events.is_empty(), "`events` must map at least one event"),
            (
                self.extension_names().all(is_extension_name),
                "names in `extensions` must be 1 to 20 lower-case letters and digits",
            ),
            (
                matches!(&self.event, EventName::Header { .. }) || self.pointer_is_absolute(),
                "`event.pointer` must begin with `/`",
            ),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule.to_owned()))
    }

    fn extension_names(&self) -> impl Iterator<Item = &str> {
        self.events.values().flat_map(|mapping| mapping.extensions.keys()).map(String::as_str)
    }

    fn pointer_is_absolute(&self) -> bool {
        matches!(&self.event, EventName::Pointer { pointer } if pointer.starts_with('/'))
    }

    /// The keys of those secrets that are configured.
    pub(super) fn keys(&self, resolve: &Resolve<'_>) -> Result<Vec<Key>, InvalidSource> {
        let secrets = self.signature.secrets();
        let found = secrets.iter().filter_map(|reference| resolve(reference).ok().map(|secret| (reference, secret)));
        found
            .map(|(reference, secret)| {
                self.signature.key(secret.trim()).ok_or_else(|| InvalidSource {
                    name: self.name.clone(),
                    reason: format!(
                        "the secret {reference} is too short (16 bytes at least) or not encoded as its scheme asks"
                    ),
                })
            })
            .collect()
    }
}

fn is_reference(text: &str) -> bool {
    text.strip_prefix("env:").is_some_and(|name| !name.is_empty())
        || text.strip_prefix("file:").is_some_and(|path| path.starts_with('/'))
}

/// Reads the name of a header.
pub(super) fn header_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not the name of a header")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
name: shop
paths: [/hooks/shop]
bodyLimit: 1000
signature: { scheme: hmac-sha256, header: x-signature, encoding: base64, secrets: ['env:SHOP'] }
delivery: x-delivery
event: { pointer: /kind }
events: { sold: { type: com.example.sold, source: /shop } }
";

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Source::parse("shop.yaml", &GOOD.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn the_sources_of_the_product_are_good() {
        let sources = Source::builtin().unwrap();
        assert_eq!(sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), ["github", "genesis"]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Source::parse("shop.yaml", GOOD).is_ok());
        assert!(refused("[/hooks/shop]", "['/hooks/{shop}']").contains("`paths`"));
        assert!(refused("bodyLimit: 1000", "bodyLimit: 0").contains("`bodyLimit`"));
        assert!(refused("'env:SHOP'", "'s3cr3t'").contains("is a reference"));
        assert!(refused("['env:SHOP']", "[]").contains("at least one secret"));
        assert!(refused("x-delivery", "'x delivery'").contains("not the name of a header"));
        assert!(refused("/kind", "kind").contains("`event.pointer`"));
        assert!(refused("name: shop", "nam: shop").contains("nam"));
        assert!(refused("source: /shop", "source: /shop, extensions: { run_id: x }").contains("`extensions`"));
        assert!(refused("com.example.sold", "'com.example.{sold'").contains("closing"));
        assert!(refused("source: /shop", "source: /shop, payload: { type: thing }").contains("thing"));
        assert!(refused("hmac-sha256", "md5").contains("md5"));
    }

    #[test]
    fn a_secret_that_is_no_key_stops_the_start() {
        let source = Source::parse("shop.yaml", GOOD).unwrap();
        assert!(source.keys(&|_| Err("not set".to_owned())).is_ok_and(|keys| keys.is_empty()));
        assert!(source.keys(&|_| Ok("0123456789abcdef\n".to_owned())).is_ok_and(|keys| keys.len() == 1));
        let error = source.keys(&|_| Ok("short".to_owned())).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains("env:SHOP") && !error.contains("short)"), "{error}");
    }
}
