//! A Mermaid flowchart: containers are subgraphs, everything else is a node.

use std::fmt::Write as _;

use definitions::Flow;

use super::{
    outline::{Body, Item, List},
    progress::{Progress, Standing},
};

/// Where the flow goes when a list has ended, by node.
#[derive(Clone, Copy)]
struct Ends<'e> {
    next: &'e str,
    run: &'e str,
}

struct Writer<'p> {
    text: String,
    arrows: String,
    progress: Option<&'p Progress>,
}

pub(super) fn write(outline: &List, progress: Option<&Progress>) -> String {
    let mut writer = Writer { text: "flowchart TD\n".to_owned(), arrows: String::new(), progress };
    writer.text.push_str("  start((start))\n  finish((end))\n");
    let first = writer.list(outline, Ends { next: "finish", run: "finish" }, 1);
    let Writer { mut text, arrows, .. } = writer;
    let _ = writeln!(text, "  start --> {first}");
    text.push_str(&arrows);
    if progress.is_some() {
        text.push_str("  classDef done fill:#d9f2e3,stroke:#2e8b57\n");
        text.push_str("  classDef active fill:#fff2cc,stroke:#d08a00,stroke-width:3px\n");
        text.push_str("  classDef failed fill:#fbdcdc,stroke:#c0392b\n");
    }
    text
}

/// A node's name in the chart.
fn id(item: &Item) -> String {
    item.pointer.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The node at which the flow enters a task.
fn entry(item: &Item) -> String {
    id(item)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "&#96;")
}

impl Writer<'_> {
    /// Writes the tasks of a list; gives the node at which the flow enters it.
    fn list(&mut self, list: &List, ends: Ends<'_>, depth: usize) -> String {
        let entries: Vec<_> = list.0.iter().map(entry).collect();
        for (index, item) in list.0.iter().enumerate() {
            let next = entries.get(index + 1).map_or(ends.next, String::as_str);
            let target = |flow: &Flow| match flow {
                Flow::Continue => next.to_owned(),
                Flow::Exit => ends.next.to_owned(),
                Flow::End => ends.run.to_owned(),
                Flow::Task(index) => entries.get(*index).cloned().unwrap_or_else(|| ends.next.to_owned()),
            };
            self.item(item, &target, ends, depth);
        }
        entries.first().cloned().unwrap_or_else(|| ends.next.to_owned())
    }

    fn item(&mut self, item: &Item, target: &dyn Fn(&Flow) -> String, ends: Ends<'_>, depth: usize) {
        let (id, pad) = (id(item), "  ".repeat(depth));
        let notes: String = item.notes.iter().map(|note| format!("<br/>{}", escape(note))).collect();
        let label = format!("{} <i>{}</i>{notes}", escape(&item.name), item.kind);
        let class = self.progress.map_or("", |progress| match progress.standing(&item.pointer) {
            Standing::Untouched => "",
            Standing::Done => ":::done",
            Standing::Active => ":::active",
            Standing::Failed => ":::failed",
        });
        match &item.body {
            Body::Leaf => {
                let _ = writeln!(self.text, "{pad}{id}[\"{label}\"]{class}");
            }
            Body::Cases(cases) => {
                let _ = writeln!(self.text, "{pad}{id}{{\"{label}\"}}{class}");
                for (case, flow) in cases {
                    let _ = writeln!(self.arrows, "  {id} -->|\"{}\"| {}", escape(case), target(flow));
                }
            }
            Body::Parts(parts) => {
                let _ = writeln!(self.text, "{pad}{id}[\"{label}\"]{class}");
                for (index, (title, list)) in parts.iter().enumerate() {
                    let part = format!("{id}_{index}");
                    let _ = writeln!(
                        self.text,
                        "{pad}subgraph {part} [\"{}\"]",
                        escape(if title.is_empty() { &item.name } else { title })
                    );
                    let end = format!("{part}_end");
                    let _ = writeln!(self.text, "{pad}  {end}(( ))");
                    let first = self.list(list, Ends { next: &end, run: ends.run }, depth + 1);
                    let _ = writeln!(self.text, "{pad}end");
                    let arrow = if title.starts_with("catch") { "-. error .->" } else { "-->" };
                    let _ = writeln!(self.arrows, "  {id} {arrow} {first}");
                    if let Some(then) = &item.then {
                        let _ = writeln!(self.arrows, "  {end} --> {}", target(then));
                    }
                }
                return;
            }
        }
        if let Some(then) = &item.then {
            let _ = writeln!(self.arrows, "  {id} --> {}", target(then));
        }
    }
}
