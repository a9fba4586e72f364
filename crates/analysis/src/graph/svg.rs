//! The picture as SVG, with its own colours for light and dark.

use std::fmt::Write as _;

use super::{
    layout::{Arrow, Drawn, LINE, Picture, Shape},
    progress::{Progress, Standing},
};

const STYLE: &str = "
svg { font: 12px ui-sans-serif, system-ui, sans-serif; background: #fff; color: #1d2733 }
.task { fill: #f5f8fc; stroke: #7890ab } .frame { fill: #00306008; stroke: #9fb1c5; stroke-dasharray: none }
.part { fill: none; stroke: #b9a06a; stroke-dasharray: 4 3 } .case { fill: #fff; stroke: #b9c6d4 }
.pill { fill: #eceff3; stroke: none } .terminal { fill: #1d2733; stroke: none }
.arrow { fill: none; stroke: #52657a; stroke-width: 1.2 } .tip { fill: #52657a }
text { fill: currentColor } .kind { fill: #5c7188; font-style: italic } .note { fill: #44566a; font-size: 11px }
.inverse { fill: #fff } .small { font-size: 10.5px }
.done { fill: #d9f2e3; stroke: #2e8b57 } .active { fill: #fff2cc; stroke: #d08a00; stroke-width: 2.5 }
.failed { fill: #fbdcdc; stroke: #c0392b } .frame.done, .frame.active, .frame.failed { fill-opacity: .35 }
.count { fill: #2e8b57; font-size: 11px; font-weight: 600 }
";

/// Draws it.
pub(super) fn draw(picture: &Picture, title: &str, progress: Option<&Progress>) -> String {
    let (width, height) = (picture.width.ceil(), picture.height.ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escape(title)
    );
    // Frames first, so that what is within them stands on them.
    let mut boxes: Vec<_> = picture.boxes.iter().collect();
    boxes.sort_by(|a, b| (b.width * b.height).total_cmp(&(a.width * a.height)));
    boxes.iter().for_each(|drawn| shape(&mut svg, drawn, progress));
    picture.arrows.iter().for_each(|drawn| arrow(&mut svg, drawn));
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn rect(svg: &mut String, drawn: &Drawn, class: &str, round: u32) {
    let Drawn { x, y, width, height, .. } = drawn;
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round}\"/>"
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, words: &str) {
    let words = escape(words);
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn shape(svg: &mut String, drawn: &Drawn, progress: Option<&Progress>) {
    let Drawn { x, y, width, height, shape } = drawn;
    let middle = (x + width / 2.0, y + height / 2.0 + 4.0);
    match shape {
        Shape::Task { pointer, name, kind, notes, frame } => {
            let standing = progress.map_or("", |progress| match progress.standing(pointer) {
                Standing::Untouched => "",
                Standing::Done => " done",
                Standing::Active => " active",
                Standing::Failed => " failed",
            });
            rect(svg, drawn, &format!("{}{standing}", if *frame { "frame" } else { "task" }), 6);
            text(svg, (x + 10.0, y + LINE + 2.0), "", "start", name);
            text(svg, (x + width - 10.0, y + LINE + 2.0), "kind", "end", kind);
            for (index, note) in notes.iter().enumerate() {
                text(svg, (x + 10.0, y + 2.0 + LINE * (index + 2) as f64), "note", "start", note);
            }
            if let Some(visits) = progress.map(|progress| progress.visits(pointer)).filter(|visits| *visits > 1) {
                text(svg, (x + width + 4.0, y + 10.0), "count", "start", &format!("×{visits}"));
            }
        }
        Shape::Case(case) => {
            rect(svg, drawn, "case", 3);
            text(svg, (x + 6.0, y + 13.0), "note", "start", case);
        }
        Shape::Part(title) => {
            rect(svg, drawn, "part", 6);
            text(svg, (x + 8.0, y + 14.0), "kind small", "start", title);
        }
        Shape::Terminal(name) => {
            rect(svg, drawn, "terminal", 12);
            text(svg, middle, "inverse", "middle", name);
        }
        Shape::Pill(name) => {
            rect(svg, drawn, "pill", 8);
            text(svg, (middle.0, middle.1 - 0.5), "small", "middle", name);
        }
    }
}

fn arrow(svg: &mut String, arrow: &Arrow) {
    let mut path = String::new();
    for (index, (x, y)) in arrow.points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { " L" });
    }
    let tip = if arrow.head { " marker-end=\"url(#tip)\"" } else { "" };
    let _ = writeln!(svg, "<path class=\"arrow\" d=\"{path}\"{tip}/>");
}
