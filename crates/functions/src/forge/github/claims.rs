//! Claims: who may dispatch. GitHub keeps no idempotency keys, but of two who make a ref of one name only one succeeds.
//!
//! Whoever is about to dispatch first makes the tag `dispatch/<mark>/<number>` on the commit. It stays, and says when, so that
//! one who comes later, after whatever crash, knows that a run may be on its way, and how long already.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::client::Client;
use super::{strange, text};
use crate::forge::{Dispatch, Error};

/// A claim's ref, after `refs/`.
pub(super) fn name(mark: &str, number: u32) -> String {
    format!("tags/dispatch/{mark}/{number}")
}

/// When a claim was made; none if it was not.
pub(super) async fn made(client: &Client, base: &str, name: &str) -> Result<Option<DateTime<Utc>>, Error> {
    let found = match client.get(&format!("{base}/git/ref/{name}")).await {
        Err(Error::NotFound(_)) => return Ok(None),
        other => text(&other?, "/object/sha")?,
    };
    let tag = client.get(&format!("{base}/git/tags/{found}")).await?;
    text(&tag, "/tagger/date")?.parse().map(Some).map_err(|_| strange("/tagger/date as a time"))
}

/// Makes a claim; false if somebody else just has.
pub(super) async fn make(client: &Client, base: &str, name: &str, dispatch: &Dispatch) -> Result<bool, Error> {
    let tag = name.trim_start_matches("tags/");
    let body = json!({
        "tag": tag,
        "message": format!("Dispatch {} for {}", dispatch.workflow, dispatch.creation_id),
        "object": dispatch.sha,
        "type": "commit",
        "tagger": {
            "name": "Stationmaster",
            "email": "stationmaster@users.noreply.github.com",
            "date": dispatch.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        },
    });
    let tag = text(&client.post(&format!("{base}/git/tags"), &body).await?, "/sha")?;
    let made = client.post(&format!("{base}/git/refs"), &json!({"ref": format!("refs/{name}"), "sha": tag})).await;
    match made {
        Err(Error::Input(why)) if why.contains("already exists") => Ok(false),
        other => other.map(|_| true),
    }
}

/// Gives a claim back whose dispatch GitHub has refused.
pub(super) async fn give_back(client: &Client, base: &str, name: &str) -> Result<(), Error> {
    match client.delete(&format!("{base}/git/refs/{name}")).await {
        // It is gone: 422 is how GitHub says so.
        Err(Error::NotFound(_) | Error::Input(_)) => Ok(()),
        other => other.map(drop),
    }
}
