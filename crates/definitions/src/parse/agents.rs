//! Calls of agents and their tools: A2A and MCP, both JSON-RPC over HTTP.

use super::{At, Moment, Parsed, Parser, Scope};
use crate::{Call, Delay, Template};

const A2A_METHODS: [&str; 11] = [
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
];

const MCP_METHODS: [&str; 7] = [
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
];

fn literal(word: &str) -> Option<Template> {
    Some(Template::Literal(word.into()))
}

impl<'a> Parser<'a> {
    pub(super) fn a2a(&mut self, task: &At<'a>, with: Option<At<'a>>, locals: &[String]) -> Parsed<Call> {
        let scope = Scope::task(locals).at(Moment::HostCall);
        let Some(with) = with else { return self.refuse(task, "missing-property", "`with` is missing", None) };
        let mut fields = self.fields(&with)?;
        let method = fields.require(self, "method").and_then(|at| self.word(&at, &A2A_METHODS));
        let (card, server) = (fields.get("agentCard"), fields.get("server"));
        if card.is_none() && server.is_none() {
            let hint = Some("say where the agent is".to_owned());
            return self.refuse(&with, "missing-property", "`server` or `agentCard` is missing", hint);
        }
        let parameters = fields.get("parameters").map(|at| self.parameters(&at, &scope));
        let entries = vec![
            ("method", method.map(literal)),
            ("agentCard", card.map(|at| self.resource(&at, &scope)).transpose()),
            ("server", server.map(|at| self.endpoint(&at, &scope)).transpose()),
            ("parameters", parameters.transpose()),
        ];
        fields.finish(self)?;
        self.built_in("a2a", entries)
    }

    pub(super) fn mcp(&mut self, task: &At<'a>, with: Option<At<'a>>, locals: &[String]) -> Parsed<Call> {
        let scope = Scope::task(locals).at(Moment::HostCall);
        let Some(with) = with else { return self.refuse(task, "missing-property", "`with` is missing", None) };
        let mut fields = self.fields(&with)?;
        let version = fields.get("protocolVersion").map(|at| self.text_template(&at, &scope));
        let method = fields.require(self, "method").and_then(|at| self.word(&at, &MCP_METHODS));
        let parameters = fields.get("parameters").map(|at| self.parameters(&at, &scope));
        let timeout = fields.get("timeout").map(|at| self.milliseconds(&at));
        let transport = fields.require(self, "transport").and_then(|at| self.transport(&at, &scope));
        let client = fields.get("client").map(|at| self.mcp_client(&at, &scope));
        let entries = vec![
            ("protocolVersion", version.transpose()),
            ("method", method.map(literal)),
            ("parameters", parameters.transpose()),
            ("timeoutMs", timeout.transpose()),
            ("transport", transport.map(Some)),
            ("client", client.transpose()),
        ];
        fields.finish(self)?;
        self.built_in("mcp", entries)
    }

    /// A duration that is known now, as the host takes it.
    fn milliseconds(&mut self, at: &At<'_>) -> Parsed<Template> {
        match Delay::from_data(&at.node.to_data()) {
            Ok(span) => Ok(Template::Literal(span.num_milliseconds().into())),
            Err(error) => self.refuse(at, "duration", error.to_string(), None),
        }
    }

    fn transport(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        if let Some(stdio) = fields.get("stdio") {
            let hint = "run the server where it can be reached by `http`";
            return self.unsupported(&stdio, "MCP over the standard input of a process", hint);
        }
        if let Some(options) = fields.get("options") {
            return self.unsupported(&options, "`options` of an MCP transport", "there are none for `http`");
        }
        let http = fields.require(self, "http")?;
        fields.finish(self)?;
        let mut fields = self.fields(&http)?;
        let endpoint = fields.require(self, "endpoint").and_then(|at| self.endpoint(&at, scope));
        let headers = fields.get("headers").map(|at| self.pairs(&at, scope)).transpose();
        fields.finish(self)?;
        let headers = headers?.map(|headers| ("headers".to_owned(), headers));
        Ok(Template::Object([("endpoint".to_owned(), endpoint?)].into_iter().chain(headers).collect()))
    }

    fn mcp_client(&mut self, at: &At<'a>, scope: &Scope) -> Parsed<Template> {
        let mut fields = self.fields(at)?;
        let name = fields.require(self, "name").and_then(|at| self.text_template(&at, scope));
        let version = fields.require(self, "version").and_then(|at| self.text_template(&at, scope));
        fields.finish(self)?;
        Ok(Template::Object(vec![("name".to_owned(), name?), ("version".to_owned(), version?)]))
    }
}
