//! Posts webhooks as GitHub does: signed, each with an id of its own that a repeat keeps.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sha2::Sha256;
use url::Url;

use super::record::Delivery;
use crate::egress::Egress;
use crate::secrets::Reference;

/// Where webhooks go.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The URL that takes them.
    pub url: Url,
    /// The secret that signs them.
    pub secret: Reference,
}

/// How often one delivery is tried before it waits for the next sweep.
const TRIES: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What became of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was taken, or refused for good: it is not sent again.
    Done,
    /// Nobody could take it.
    Later,
}

/// Sends `delivery`, patiently while the other side is down.
pub(super) async fn send(egress: &Egress, webhook: &Webhook, delivery: &Delivery) -> Sent {
    let mut pause = FIRST_PAUSE;
    for attempt in 1..=TRIES {
        match once(egress, webhook, delivery).await {
            Ok(status) if (200..300).contains(&status) => return Sent::Done,
            // A wrong address or secret, which somebody mends.
            Ok(status @ (401 | 403 | 404)) => {
                let (id, url) = (&delivery.id, &webhook.url);
                tracing::error!(delivery.id = %id, status, %url, "the webhook is refused: are address and secret right?");
            }
            Ok(status) if status < 500 && status != 429 && status != 408 => {
                tracing::error!(delivery.id = %delivery.id, status, "the webhook was refused");
                return Sent::Done;
            }
            Ok(status) => tracing::debug!(delivery.id = %delivery.id, status, attempt, "the webhook failed"),
            Err(error) => tracing::debug!(delivery.id = %delivery.id, error, attempt, "the webhook failed"),
        }
        if attempt < TRIES {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    tracing::warn!(delivery.id = %delivery.id, "the webhook waits for the next sweep");
    Sent::Later
}

async fn once(egress: &Egress, webhook: &Webhook, delivery: &Delivery) -> Result<u16, String> {
    let secret = webhook.secret.resolve().map_err(|error| error.to_string())?;
    let request = egress.request(Method::POST, &webhook.url).map_err(|error| error.to_string())?;
    let request = request
        .header("Content-Type", "application/json")
        .header("User-Agent", "GitHub-Hookshot/stationmaster")
        .header("X-GitHub-Event", &delivery.event)
        .header("X-GitHub-Delivery", delivery.id.to_string())
        .header("X-Hub-Signature-256", signature(secret.expose(), delivery.body.as_bytes()))
        .body(delivery.body.clone());
    egress.send(request, &webhook.url).await.map(|answer| answer.status.as_u16()).map_err(|error| error.to_string())
}

/// GitHub's signature of a body.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_githubs_documentation() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
