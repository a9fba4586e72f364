//! Webhooks: signed, with an id of their delivery, and not repeated by themselves.

use std::sync::Arc;

use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use super::{Hub, SECRET};

/// How often a storm sends each webhook; the last two as new deliveries.
const COPIES: u32 = 5;

/// A webhook: its event and its body.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) event: &'static str,
    pub(super) body: Value,
}

impl Hub {
    /// Sends a webhook and takes note of the answer; a receiver that is away misses it.
    pub(super) async fn send(&self, webhook: &Webhook, delivery: Uuid) {
        let Some(url) = self.look(|state| state.hook.clone()) else { return };
        let body = webhook.body.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "GitHub-Hookshot/044aadd")
            .header("x-github-hook-id", "1")
            .header("x-github-event", webhook.event)
            .header("x-github-delivery", delivery.to_string())
            .header("x-hub-signature-256", format!("sha256={}", hex::encode(mac.finalize().into_bytes())));
        if let Ok(answer) = request.body(body).send().await {
            self.change(|state| state.deliveries.push(answer.status().as_u16()));
        }
    }

    /// Sends all of them five times, at the same time, the last first.
    pub(super) async fn storm(self: &Arc<Self>, webhooks: Vec<Webhook>) {
        let mut deliveries = Vec::new();
        for webhook in webhooks.into_iter().rev() {
            let id = Uuid::new_v4();
            for copy in 0..COPIES {
                let (hub, webhook) = (Arc::clone(self), webhook.clone());
                let id = if copy < COPIES - 2 { id } else { Uuid::new_v4() };
                deliveries.push(tokio::spawn(async move { hub.send(&webhook, id).await }));
            }
        }
        join_all(deliveries).await;
    }
}
