//! Where everything stands: lists downwards, parts beside each other, jumps in lanes beside their list.
//!
//! A list keeps a gutter on its right for jumps forward and one on its left for jumps back. Jumps that overlap get lanes of
//! their own, the shorter one nearer to the boxes, so that arrows cross little and never run through a box.

use definitions::{Flow, Pointer};

use super::outline::{Body, Item, List};

pub(super) const LINE: f64 = 16.0;
const GAP: f64 = 26.0;
const PAD: f64 = 14.0;
const LANE: f64 = 12.0;
const LETTER: f64 = 6.7;
const PILL: f64 = 64.0;

/// A picture: everything with its absolute place.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<Drawn>,
    pub(super) arrows: Vec<Arrow>,
}

/// A box.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shape: Shape,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// A task, or the frame around what is within it.
    Task { pointer: Pointer, name: String, kind: &'static str, notes: Vec<String>, frame: bool },
    /// A case of a `switch`.
    Case(String),
    /// A list within a task.
    Part(String),
    /// The start or the end of the run.
    Terminal(&'static str),
    /// Where the flow leaves the list or the run.
    Pill(&'static str),
}

/// An arrow through some points.
#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub(super) points: Vec<(f64, f64)>,
    pub(super) head: bool,
}

impl Picture {
    fn shift(&mut self, x: f64, y: f64) {
        for drawn in &mut self.boxes {
            drawn.x += x;
            drawn.y += y;
        }
        for arrow in &mut self.arrows {
            arrow.points.iter_mut().for_each(|(px, py)| (*px, *py) = (*px + x, *py + y));
        }
    }

    fn take(&mut self, mut other: Self, x: f64, y: f64) {
        other.shift(x, y);
        self.boxes.append(&mut other.boxes);
        self.arrows.append(&mut other.arrows);
    }
}

/// A task that has been laid out: its picture, and from where the flow leaves it to where.
struct Placed {
    picture: Picture,
    /// Heights, within the picture, at which cases leave, with their directives.
    cases: Vec<(f64, Flow)>,
    then: Option<Flow>,
}

/// Lays out a whole definition.
pub(super) fn lay_out(outline: &List) -> Picture {
    let body = list(outline);
    let mut picture = Picture { width: body.width + 2.0 * PAD, ..Picture::default() };
    let terminal = |name, y| Drawn { x: 0.0, y, width: 60.0, height: 24.0, shape: Shape::Terminal(name) };
    let axis = PAD + body.axis();
    let (top, height) = (PAD + 24.0 + GAP, body.height);
    picture.boxes.push(Drawn { x: axis - 30.0, ..terminal("start", PAD) });
    picture.boxes.push(Drawn { x: axis - 30.0, ..terminal("end", top + height + GAP) });
    picture.arrows.push(down(axis, PAD + 24.0, top));
    picture.arrows.push(down(axis, top + height, top + height + GAP));
    picture.height = top + height + GAP + 24.0 + PAD;
    picture.take(body, PAD, top);
    picture
}

fn down(x: f64, from: f64, to: f64) -> Arrow {
    Arrow { points: vec![(x, from), (x, to)], head: true }
}

fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

impl Picture {
    /// Where arrows enter and leave a list: the middle of its column, which its first box is centred on.
    fn axis(&self) -> f64 {
        self.boxes.first().map_or(self.width / 2.0, |first| first.x + first.width / 2.0)
    }
}

/// A jump between two items of a list, from a height to a height.
struct Jump {
    from: (f64, f64),
    to: (f64, f64),
    back: bool,
    lane: usize,
}

fn list(list: &List) -> Picture {
    let placed: Vec<_> = list.0.iter().map(item).collect();
    let column = placed.iter().map(|item| item.picture.width).fold(40.0, f64::max);
    let mut tops = Vec::new();
    let mut y = 0.0;
    for item in &placed {
        tops.push(y);
        y += item.picture.height + GAP;
    }
    let height = (y - GAP).max(0.0);
    let mut jumps = jumps(&placed, &tops, column, height);
    let lanes = |back: bool| jumps.iter().filter(|jump| jump.back == back).map(|jump| jump.lane + 1).max().unwrap_or(0);
    let (left, right) = (lanes(true) as f64 * LANE, lanes(false) as f64 * LANE);
    let pills = placed.iter().any(|item| item.exits().any(|(_, flow)| matches!(flow, Flow::End | Flow::Exit)));
    let gutter_left = if left > 0.0 { left + LANE } else { 0.0 };
    let gutter_right = right + if pills { PILL } else { 0.0 } + if right > 0.0 || pills { LANE } else { 0.0 };
    let middle = gutter_left + column / 2.0;
    let mut picture = Picture { width: gutter_left + column + gutter_right, height, ..Picture::default() };
    let last = placed.len().saturating_sub(1);
    for (index, item) in placed.into_iter().enumerate() {
        let (top, bottom) = (tops[index], tops[index] + item.picture.height);
        let right_side = middle + item.picture.width / 2.0;
        for (y, flow) in item.exits() {
            let name = match flow {
                Flow::End => "end of run",
                Flow::Exit => "out",
                Flow::Continue | Flow::Task(_) => continue,
            };
            let pill = right_side + LANE;
            picture.arrows.push(Arrow { points: vec![(right_side, top + y), (pill, top + y)], head: true });
            let shape = Shape::Pill(name);
            picture.boxes.push(Drawn { x: pill, y: top + y - 8.0, width: PILL - 4.0, height: 16.0, shape });
        }
        if index < last && item.goes_on() {
            picture.arrows.push(down(middle, bottom, tops[index + 1]));
        }
        let x = middle - item.picture.width / 2.0;
        picture.take(item.picture, x, top);
    }
    for jump in &mut jumps {
        picture.arrows.push(route(jump, gutter_left, column));
    }
    // The first box gives the list its axis.
    if let Some(first) = picture.boxes.iter().position(|drawn| matches!(drawn.shape, Shape::Task { .. })) {
        picture.boxes.swap(0, first);
    }
    picture
}

impl Placed {
    /// Every way out, with the height at which it leaves on the side.
    fn exits(&self) -> impl Iterator<Item = (f64, &Flow)> {
        let side = (LINE + 2.0).min(self.picture.height / 2.0);
        let cases = self.cases.iter().map(|(y, flow)| (*y, flow));
        cases.chain(self.then.iter().map(move |flow| (side, flow)))
    }

    /// Whether the flow may go to the next box.
    fn goes_on(&self) -> bool {
        self.exits().any(|(_, flow)| *flow == Flow::Continue)
    }
}

fn jumps(placed: &[Placed], tops: &[f64], column: f64, height: f64) -> Vec<Jump> {
    let mut jumps = Vec::new();
    for (index, item) in placed.iter().enumerate() {
        for (y, flow) in item.exits() {
            let Flow::Task(target) = flow else { continue };
            let (Some(to), back) = (tops.get(*target), *target <= index) else { continue };
            let half = |width: f64| if back { -width / 2.0 } else { width / 2.0 };
            let from = (half(item.picture.width) + column / 2.0, tops[index] + y);
            let to = (half(placed[*target].picture.width) + column / 2.0, (to + 8.0).min(height));
            jumps.push(Jump { from, to, back, lane: 0 });
        }
    }
    // Shorter jumps first: they get the lanes near the boxes.
    jumps.sort_by(|a, b| (a.to.1 - a.from.1).abs().total_cmp(&(b.to.1 - b.from.1).abs()));
    for index in 0..jumps.len() {
        let (done, rest) = jumps.split_at_mut(index);
        let jump = &mut rest[0];
        let span = |jump: &Jump| (jump.from.1.min(jump.to.1), jump.from.1.max(jump.to.1));
        let (low, high) = span(jump);
        let taken = |lane: usize| {
            done.iter().any(|other| {
                let (other_low, other_high) = span(other);
                other.back == jump.back && other.lane == lane && low < other_high && other_low < high
            })
        };
        jump.lane = (0..).find(|lane| !taken(*lane)).unwrap_or(0);
    }
    jumps
}

fn route(jump: &Jump, left: f64, column: f64) -> Arrow {
    let lane = LANE * (jump.lane + 1) as f64;
    let x = if jump.back { left - lane } else { left + column + lane };
    let (from, to) = ((left + jump.from.0, jump.from.1), (left + jump.to.0, jump.to.1));
    Arrow { points: vec![from, (x, from.1), (x, to.1), to], head: true }
}

fn item(item: &Item) -> Placed {
    let heading = text_width(&item.name) + text_width(item.kind) + 36.0;
    let widest = item.notes.iter().map(|note| text_width(note) + 20.0).fold(heading, f64::max);
    let top = 10.0 + LINE * (1 + item.notes.len()) as f64;
    let mut picture = Picture { width: widest.max(120.0), height: top, ..Picture::default() };
    let mut cases = Vec::new();
    let mut inner = Picture::default();
    match &item.body {
        Body::Leaf => {}
        Body::Cases(all) => {
            picture.width = all.iter().map(|(case, _)| text_width(case) + 28.0).fold(picture.width, f64::max);
            for (index, (case, flow)) in all.iter().enumerate() {
                let y = top + 20.0 * index as f64;
                cases.push((y + 9.0, flow.clone()));
                inner.boxes.push(Drawn { x: 0.0, y, width: 0.0, height: 18.0, shape: Shape::Case(case.clone()) });
            }
            picture.height = top + 20.0 * all.len() as f64 + 4.0;
            inner.boxes.iter_mut().for_each(|drawn| (drawn.x, drawn.width) = (6.0, picture.width - 12.0));
        }
        Body::Parts(all) => {
            inner = parts(all, top);
            picture.width = picture.width.max(inner.width);
            let shift = (picture.width - inner.width) / 2.0;
            inner.shift(shift, 0.0);
            picture.height = inner.height;
        }
    }
    let frame = matches!(item.body, Body::Parts(_));
    let (pointer, name, notes) = (item.pointer.clone(), item.name.clone(), item.notes.clone());
    let shape = Shape::Task { pointer, name, kind: item.kind, notes, frame };
    picture.boxes.push(Drawn { x: 0.0, y: 0.0, width: picture.width, height: picture.height, shape });
    picture.boxes.append(&mut inner.boxes);
    picture.arrows.append(&mut inner.arrows);
    Placed { picture, cases, then: item.then.clone() }
}

/// Lists beside each other, below a heading that ends at `top`.
fn parts(all: &[(String, List)], top: f64) -> Picture {
    let mut picture = Picture::default();
    let mut x = PAD;
    for (title, tasks) in all {
        let body = list(tasks);
        let heading = if title.is_empty() { 0.0 } else { LINE + 4.0 };
        let (width, height) = (body.width.max(text_width(title) + 16.0), body.height + heading);
        if !title.is_empty() {
            let shape = Shape::Part(title.clone());
            let (width, height) = (width + 12.0, height + 10.0);
            picture.boxes.push(Drawn { x: x - 6.0, y: top, width, height, shape });
        }
        picture.height = picture.height.max(top + heading + body.height + PAD);
        picture.take(body, x, top + heading);
        x += width + 2.0 * PAD;
    }
    picture.width = x - PAD;
    picture
}
