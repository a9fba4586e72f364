//! `call: a2a`: a request to an agent, found by its card or by its address.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Line, only};
use crate::egress::Egress;
use crate::http::{self, Endpoint, Error, Output, Tokens};

/// The arguments of `call: a2a`, evaluated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    method: String,
    #[serde(default)]
    agent_card: Option<Card>,
    #[serde(default)]
    server: Option<Endpoint>,
    #[serde(default)]
    parameters: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    endpoint: Endpoint,
}

/// Makes the request; streams give the array of their results, everything else its result.
///
/// # Errors
/// See [`Error`]; what the agent refuses is [`Error::Remote`].
pub async fn call(egress: &Egress, tokens: &Tokens, input: Input, key: &str) -> Result<Value, Error> {
    let Input { method, agent_card, server, parameters } = input;
    let endpoint = match (agent_card, server) {
        (Some(card), _) => address(egress, tokens, card, key).await?,
        (None, Some(server)) => server,
        (None, None) => return Err(Error::Input("`server` or `agentCard` is needed".to_owned())),
    };
    let line = Line { egress, tokens, endpoint, headers: Map::new(), key };
    let mut parameters = parameters.unwrap_or_else(|| json!({}));
    if ["message/send", "message/stream"].contains(&&*method) {
        complete(&mut parameters, key);
    }
    let answer = line.request(&method, parameters).await?;
    if ["message/stream", "tasks/resubscribe"].contains(&&*method) {
        return Ok(Value::Array(answer.results));
    }
    only(&method, answer)
}

/// Where the card says that the agent is. Credentials for the card are not sent to the agent, which may be elsewhere.
async fn address(egress: &Egress, tokens: &Tokens, card: Card, key: &str) -> Result<Endpoint, Error> {
    let fetch = http::Input {
        method: "get".to_owned(),
        endpoint: card.endpoint,
        headers: Map::new(),
        query: Map::new(),
        body: None,
        output: Output::Content,
        redirect: false,
    };
    let card = http::call(egress, tokens, &fetch, key).await?;
    let url = card.get("url").and_then(Value::as_str);
    let url = url.ok_or_else(|| Error::Remote("the agent's card has no `url`".to_owned()))?;
    Ok(Endpoint::Uri(url.to_owned()))
}

/// A message has an identifier, the same for every attempt, and a role.
fn complete(parameters: &mut Value, key: &str) {
    let Some(parameters) = parameters.as_object_mut() else { return };
    let message = parameters.entry("message").or_insert_with(|| json!({}));
    let Some(message) = message.as_object_mut() else { return };
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes());
    message.entry("messageId").or_insert_with(|| id.to_string().into());
    message.entry("role").or_insert_with(|| "user".into());
    message.entry("kind").or_insert_with(|| "message".into());
}
