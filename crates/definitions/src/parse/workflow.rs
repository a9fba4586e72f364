//! The whole of a workflow, and the whole of a function.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{At, Moment, Parsed, Parser, Scope, value::both};
use crate::{
    Catalog, Data, DefinitionId, Diagnostic, Diagnostics, FunctionName, Pointer, Severity, Task, Workflow,
    document::Node,
};

/// What a text parses into.
pub(crate) struct Parts {
    pub(crate) id: DefinitionId,
    pub(crate) document: Data,
    pub(crate) workflow: Workflow,
    pub(crate) tasks: BTreeMap<Pointer, Arc<Task>>,
    pub(crate) needs: BTreeSet<FunctionName>,
    pub(crate) workflows: BTreeSet<DefinitionId>,
    pub(crate) functions: BTreeMap<String, String>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Parses a workflow.
pub(crate) fn parse_workflow(source: &str, catalog: &dyn Catalog) -> Result<Parts, Diagnostics> {
    let node = Node::parse(source).map_err(|finding| Diagnostics(vec![finding]))?;
    let mut parser = Parser::new(catalog, Vec::new(), 0);
    let parsed = parser.workflow(&At { node: &node, pointer: Pointer::root() });
    let findings = sorted(parser.findings);
    let Ok((id, workflow)) = parsed else { return Err(Diagnostics(findings)) };
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Diagnostics(findings));
    }
    let Parser { tasks, needs, workflows, functions, .. } = parser;
    Ok(Parts { id, document: node.to_data(), workflow, tasks, needs, workflows, functions, warnings: findings })
}

/// Parses a function.
pub(crate) fn parse_function(source: &str, catalog: &dyn Catalog) -> Result<Arc<Task>, Diagnostics> {
    let node = Node::parse(source).map_err(|finding| Diagnostics(vec![finding]))?;
    let mut parser = Parser::new(catalog, Vec::new(), 0);
    let at = At { node: &node, pointer: Pointer::root() };
    let parsed = parser.task(&at, "function", &[], &[]).and_then(|task| {
        parser.check_root(&at, &task)?;
        Ok(task)
    });
    parsed.map_err(|_| Diagnostics(sorted(parser.findings)))
}

/// In the order of the text.
fn sorted(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.sort_by_key(|finding| finding.location);
    findings
}

impl<'a> Parser<'a> {
    fn workflow(&mut self, at: &At<'a>) -> Parsed<(DefinitionId, Workflow)> {
        let mut fields = self.fields(at)?;
        let document = fields.require(self, "document");
        let header = document.as_ref().map_err(|refused| *refused).and_then(|at| self.header(at));
        let evaluated = fields.get("evaluate").map_or(Ok(()), |at| self.evaluate(&at));
        let reused = fields.get("use").map_or(Ok(()), |at| self.reuse(&at));
        let scope = Scope { moment: Moment::WorkflowInput, locals: Vec::new() };
        let input = self.input(fields.get("input"), &scope);
        let output = self.output(fields.get("output"), &scope.at(Moment::WorkflowOutput));
        let timeout = fields.get("timeout").map(|at| self.timeout(&at, &scope)).transpose();
        let schedule = fields.get("schedule").map(|at| self.schedule(&at, document.as_ref().ok())).transpose();
        let body = fields.require(self, "do").and_then(|at| self.tasks(&at, &[]));
        let unused = self.check_unused();
        fields.finish(self)?;
        let (((id, metadata), input), (output, timeout)) = both(both(header, input), both(output, timeout))?;
        let ((schedule, body), _) = both(both(schedule, body), both(unused, both(evaluated, reused)))?;
        let secrets = self.secrets.clone();
        Ok((id, Workflow { input, output, timeout, schedule, secrets, body, metadata }))
    }
}
