//! A `listen` that works on each event: its tasks any number of times, and then it ends.

use std::sync::Arc;

use definitions::{Task, TaskList};

use super::{Builder, Context, Exits};
use crate::flow::{NodeId, NodeKind, Why};

impl<'d> Builder<'d> {
    pub(super) fn each_event(
        &mut self,
        task: &Arc<Task>,
        enter: NodeId,
        body: Option<&TaskList>,
        context: &Context<'d>,
        inner: &Context<'d>,
        exits: &mut Exits,
    ) {
        let closing = self.close(task, context, inner, exits);
        let iterating = self.node(NodeKind::Iterating, Some(task), true);
        self.edge(enter, iterating, Why::Flow);
        self.edge(iterating, closing, Why::Flow);
        self.leap(iterating, &context.raise, Why::Error);
        self.interrupt(iterating, inner);
        if let Some(body) = body {
            let first = self.list(body, inner, iterating);
            self.edge(iterating, first, Why::Flow);
        }
    }
}
