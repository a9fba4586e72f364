//! Where the flow goes: `then` and `switch`.

use super::{At, Parsed, Parser, Scope, fields::suggestion, value::both};
use crate::{Flow, SwitchCase};

impl Parser<'_> {
    /// A directive, or the name of a task of the same list.
    pub(super) fn flow(&mut self, at: &At<'_>, siblings: &[&str]) -> Parsed<Flow> {
        let text = self.text(at)?;
        match text {
            "continue" => Ok(Flow::Continue),
            "exit" => Ok(Flow::Exit),
            "end" => Ok(Flow::End),
            name => match siblings.iter().position(|sibling| *sibling == name) {
                Some(index) => Ok(Flow::Task(index)),
                None => {
                    let hint = suggestion(name, siblings.iter().copied().chain(["continue", "exit", "end"]))
                        .or_else(|| Some("`then` reaches the tasks of its own list only".to_owned()));
                    self.refuse(at, "unknown-task", format!("there is no task `{name}` in this list"), hint)
                }
            },
        }
    }

    pub(super) fn switch(&mut self, at: &At<'_>, siblings: &[&str], scope: &Scope) -> Parsed<Vec<SwitchCase>> {
        let items = self.list(at)?;
        if items.is_empty() {
            return self.refuse(at, "value", "a `switch` needs a case", None);
        }
        let cases: Vec<_> = items.iter().map(|item| self.case(item, siblings, scope)).collect();
        let cases = cases.into_iter().collect::<Parsed<Vec<_>>>()?;
        let mut defaults = cases.iter().zip(&items).filter(|(case, _)| case.when.is_none());
        if let (Some((first, _)), Some((second, item))) = (defaults.next(), defaults.next()) {
            let message = format!("both `{}` and `{}` are the default", first.name, second.name);
            return self.refuse(item, "two-defaults", message, Some("give one of them a `when`".to_owned()));
        }
        Ok(cases)
    }

    fn case(&mut self, at: &At<'_>, siblings: &[&str], scope: &Scope) -> Parsed<SwitchCase> {
        let (name, at) = self.named(at, "case")?;
        let mut fields = self.fields(&at)?;
        let when = fields.get("when").map(|at| self.expression(&at, scope)).transpose();
        let then = fields.require(self, "then").and_then(|at| self.flow(&at, siblings));
        fields.finish(self)?;
        let (when, then) = both(when, then)?;
        Ok(SwitchCase { name: name.into(), when, then })
    }
}
