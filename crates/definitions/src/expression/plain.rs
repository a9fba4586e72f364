//! Which expressions are plain: shown, before they are ever evaluated, to take time and memory that is linear in what they
//! are given. Only they are evaluated in the process that runs everybody's workflows.
//!
//! The syntax tree is interpreted over [`Linear`] bounds instead of values. What has no rule here is not plain: loops,
//! `reduce`, definitions, regular expressions, products of two inputs, the repetition of a text.

mod calls;

use jaq_core::{
    load::{
        lex::StrPart,
        parse::{BinaryOp, Pattern, Term},
    },
    ops::{Cmp, Math},
    path::{Part, Path},
};

use super::bound::{Bound, Kind, Linear, NODE};

/// Most outputs of a term that stands where the outputs of several are combined.
const COMBINED: f64 = 16.0;

/// Most digits of a number that is written out: work with long numbers is more than linear.
const DIGITS: usize = 40;

/// The bound of a whole expression, or nothing where it is not plain.
pub(super) fn bound(term: &Term<&str>) -> Option<Bound> {
    let mut plain = Plain { here: Linear::ALL, bound: Vec::new() };
    plain.term(term).filter(Bound::is_finite)
}

/// Where a term stands.
struct Plain<'s> {
    /// The size of one `.`, in terms of what the whole expression is given.
    here: Linear,
    /// Variables that the expression binds itself; the innermost is the last.
    bound: Vec<(&'s str, Linear)>,
}

impl<'s> Plain<'s> {
    fn term(&mut self, term: &Term<&'s str>) -> Option<Bound> {
        match term {
            Term::Id => Some(Bound::one(Linear::INPUT, Linear::fixed(0.0), Kind::Any)),
            Term::Num(digits) if digits.len() > DIGITS => None,
            Term::Num(digits) => {
                let size = Linear::fixed(NODE + digits.len() as f64);
                Some(Bound::one(size, size, Kind::Number))
            }
            Term::Str(format, parts) => self.text(*format, parts),
            Term::Arr(None) => Some(Bound::small(Linear::fixed(0.0), Kind::Array)),
            Term::Arr(Some(items)) => {
                let items = self.term(items)?;
                let cost = items.cost.plus(items.count.scaled(NODE));
                Some(Bound::one(items.size.plus(Linear::fixed(NODE)), cost, Kind::Array))
            }
            Term::Obj(entries) => self.object(entries),
            Term::Neg(number) => Some(Bound { kind: Kind::Number, ..self.term(number)? }),
            Term::BinOp(left, operator, right) => self.operation(left, operator, right),
            Term::TryCatch(attempt, None) => self.term(attempt),
            Term::TryCatch(attempt, Some(handler)) => {
                let (attempt, handler) = (self.term(attempt)?, self.term(handler)?);
                let blind = handler.size.input == 0.0 && handler.cost.input == 0.0 && handler.count.input == 0.0;
                blind.then(|| either(&attempt, &handler)) // the handler's input is the error, of any size
            }
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref()),
            Term::Var(name) => {
                let local = self.bound.iter().rev().find(|(local, _)| local == name);
                let size = local.map_or(Linear::ALL, |(_, size)| *size);
                Some(Bound::one(size, Linear::fixed(0.0), Kind::Any))
            }
            Term::Call(name, arguments) => self.call(name, arguments),
            Term::Path(start, path) => self.path(start, path),
            Term::Recurse | Term::Label(..) | Term::Break(_) | Term::Fold(..) | Term::Def(..) => None,
        }
    }

    /// A term where the outputs of several are combined: only few of it.
    fn single(&mut self, term: &Term<&'s str>) -> Option<Bound> {
        self.term(term).filter(|bound| bound.count.is_fixed() && bound.count.fixed <= COMBINED)
    }

    /// `left | right`.
    fn pipe(&mut self, left: &Bound, right: &Term<&'s str>) -> Option<Bound> {
        let inside = left.size.at(self.here);
        let outside = std::mem::replace(&mut self.here, inside);
        let next = self.term(right);
        self.here = outside;
        left.then(&next?)
    }

    fn text(&mut self, format: Option<&str>, parts: &[StrPart<&'s str, Term<&'s str>>]) -> Option<Bound> {
        let escaping = format.map_or(Some(calls::AS_TEXT), calls::format)?;
        let (mut count, mut size, mut cost) = (1.0, Linear::fixed(NODE), Linear::fixed(NODE));
        for part in parts {
            match part {
                StrPart::Str(text) => size.fixed += text.len() as f64,
                StrPart::Char(_) => size.fixed += 4.0,
                StrPart::Term(term) => {
                    let part = self.single(term)?;
                    count *= part.count.fixed;
                    size = size.plus(part.size.scaled(escaping));
                    cost = cost.plus(part.cost);
                }
            }
        }
        let copied = size.scaled(parts.len() as f64).plus(cost).scaled(count.max(1.0)); // each part copies those behind it
        Some(Bound { count: Linear::fixed(count), size: size.scaled(count.max(1.0)), cost: copied, kind: Kind::Text })
    }

    fn object(&mut self, entries: &[(Term<&'s str>, Option<Term<&'s str>>)]) -> Option<Bound> {
        let (mut count, mut size, mut cost) = (1.0, Linear::fixed(NODE), Linear::fixed(NODE));
        for (key, value) in entries {
            let name = self.single(key)?;
            let value = match (key, value) {
                (_, Some(value)) => self.single(value)?,
                (Term::Var(_), None) => name, // `{$x}`
                (_, None) if name.kind == Kind::Text => Bound::one(Linear::INPUT, name.cost, Kind::Any), // `{a}`
                (_, None) => return None,
            };
            count *= name.count.fixed * value.count.fixed;
            size = size.plus(name.size).plus(value.size);
            cost = cost.plus(name.cost).plus(value.cost).plus(name.size);
        }
        let cost = cost.scaled(count.max(1.0) * (entries.len() as f64 + 1.0)); // each entry is merged with those behind it
        Some(Bound { count: Linear::fixed(count), size: size.scaled(count.max(1.0)), cost, kind: Kind::Object })
    }

    fn branches(
        &mut self,
        branches: &[(Term<&'s str>, Term<&'s str>)],
        otherwise: Option<&Term<&'s str>>,
    ) -> Option<Bound> {
        let mut result = match otherwise {
            Some(term) => self.term(term)?,
            None => Bound::one(Linear::INPUT, Linear::fixed(0.0), Kind::Any),
        };
        for (when, then) in branches.iter().rev() {
            let (when, then) = (self.single(when)?, self.term(then)?);
            let taken = either(&then, &result);
            let times = when.count.fixed.max(1.0);
            result = Bound {
                count: taken.count.scaled(times),
                size: taken.size.scaled(times),
                cost: taken.cost.scaled(times).plus(when.cost).plus(Linear::fixed(NODE)),
                kind: taken.kind,
            };
        }
        Some(result)
    }

    fn operation(
        &mut self,
        left: &Term<&'s str>,
        operator: &BinaryOp<&'s str>,
        right: &Term<&'s str>,
    ) -> Option<Bound> {
        match operator {
            BinaryOp::Pipe(None) => {
                let left = self.term(left)?;
                self.pipe(&left, right)
            }
            BinaryOp::Pipe(Some(pattern)) => self.binding(left, pattern, right),
            BinaryOp::Comma => {
                let (left, right) = (self.term(left)?, self.term(right)?);
                Some(Bound {
                    count: left.count.plus(right.count),
                    size: left.size.plus(right.size),
                    ..either(&left, &right)
                })
            }
            BinaryOp::Alt => {
                let (left, right) = (self.term(left)?, self.term(right)?);
                Some(either(&left, &right).costing(left.cost)) // where it is a path, the left side is evaluated twice
            }
            BinaryOp::Or | BinaryOp::And => {
                let (left, right) = (self.single(left)?, self.single(right)?);
                Some(combined(&left, &right, Linear::fixed(NODE), Kind::Flag))
            }
            BinaryOp::Cmp(comparison) => self.comparison(left, *comparison, right),
            BinaryOp::Math(operator) => {
                let factor = literal(left).or_else(|| literal(right));
                let (left, right) = (self.single(left)?, self.single(right)?);
                arithmetic(&left, *operator, &right, factor)
            }
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                self.update(left, operator, right)
            }
        }
    }

    /// `left as pattern | right`.
    fn binding(&mut self, left: &Term<&'s str>, pattern: &Pattern<&'s str>, right: &Term<&'s str>) -> Option<Bound> {
        let value = self.single(left)?;
        let outside = self.bound.len();
        let bound = self.bind(pattern, value.size.at(self.here));
        let result = bound.and_then(|()| self.term(right));
        self.bound.truncate(outside);
        let result = result?;
        let times = value.count.fixed;
        Some(Bound {
            count: result.count.scaled(times),
            size: result.size.scaled(times),
            cost: result.cost.scaled(times).plus(value.cost).plus(Linear::fixed(NODE)),
            kind: result.kind,
        })
    }

    fn bind(&mut self, pattern: &Pattern<&'s str>, size: Linear) -> Option<()> {
        match pattern {
            Pattern::Var(name) => self.bound.push((name, size)),
            Pattern::Arr(items) => items.iter().try_for_each(|item| self.bind(item, size))?,
            Pattern::Obj(entries) => {
                for (key, value) in entries {
                    let written = matches!(key, Term::Str(None, parts) if matches!(&parts[..], [] | [StrPart::Str(_)]));
                    written.then(|| self.bind(value, size))??;
                }
            }
        }
        Some(())
    }

    fn comparison(&mut self, left: &Term<&'s str>, comparison: Cmp, right: &Term<&'s str>) -> Option<Bound> {
        let (left, right) = (self.single(left)?, self.single(right)?);
        // To compare with a scalar takes no more than to read it. Two objects are equal when each field of the left one is
        // found in the right one; to order them takes both.
        let read = match comparison {
            _ if right.kind.is_scalar() => right.size,
            _ if left.kind.is_scalar() => left.size,
            Cmp::Eq | Cmp::Ne => left.size,
            Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge => left.size.plus(right.size).scaled(calls::SORTED),
        };
        Some(combined(&left, &right, Linear::fixed(NODE), Kind::Flag).costing(read.scaled(COMBINED)))
    }

    /// `start` followed by `.a`, `[0]`, `[]`, `[1:2]` …
    fn path(&mut self, start: &Term<&'s str>, path: &Path<Term<&'s str>>) -> Option<Bound> {
        let mut result = self.term(start)?;
        for (part, _) in &path.0 {
            result = match part {
                Part::Range(None, None) => result.then(&calls::items())?,
                Part::Range(from, to) => {
                    for end in from.iter().chain(to) {
                        let end = self.single(end).filter(|end| end.count.fixed <= 1.0)?;
                        result.cost = result.cost.plus(end.cost);
                    }
                    let cost = result.cost.plus(result.size);
                    Bound { size: result.size.plus(result.count.scaled(NODE)), cost, kind: Kind::Any, ..result }
                }
                Part::Index(index) => {
                    let index = self.single(index).filter(|index| index.count.fixed <= 1.0)?;
                    let found = match (index.kind, result.kind) {
                        (Kind::Number, _) => Linear::fixed(0.0),
                        (Kind::Text, _) | (_, Kind::Object) => result.count.times(index.size)?,
                        _ => return None, // the places of one array in another
                    };
                    let cost = result.cost.plus(index.cost).plus(found).plus(result.count.scaled(NODE));
                    Bound { cost, kind: Kind::Any, ..result }
                }
            };
        }
        Some(result)
    }

    /// The places on the left of an update: a path of names, numbers and `[]` only.
    fn places(&mut self, term: &Term<&'s str>) -> Option<Bound> {
        let written = |part: &Part<Term<&'s str>>| match part {
            Part::Range(None, None) | Part::Index(Term::Str(None, _) | Term::Num(_)) => true,
            Part::Range(..) | Part::Index(_) => false,
        };
        match term {
            Term::Id => self.term(term),
            Term::Path(start, path) if path.0.iter().all(|(part, _)| written(part)) => {
                self.places(start)?;
                self.term(term)
            }
            _ => None,
        }
    }

    fn update(&mut self, left: &Term<&'s str>, operator: &BinaryOp<&'s str>, right: &Term<&'s str>) -> Option<Bound> {
        let places = self.places(left)?;
        let copied = Linear::INPUT.scaled(4.0);
        if matches!(operator, BinaryOp::Update) {
            let put = self.pipe(&places, right)?;
            return Some(Bound::one(Linear::INPUT.plus(put.size), copied.plus(put.cost), Kind::Any));
        }
        let adds = matches!(operator, BinaryOp::Assign | BinaryOp::UpdateAlt | BinaryOp::UpdateMath(Math::Add));
        let value = self.single(right).filter(|value| adds && value.count.fixed <= 1.0)?;
        let put = places.count.times(value.size)?;
        let cost = copied.plus(places.cost).plus(value.cost).plus(put);
        Some(Bound::one(Linear::INPUT.plus(put), cost, Kind::Any))
    }
}

/// What is at most what either of them is; the cost is that of both.
fn either(left: &Bound, right: &Bound) -> Bound {
    Bound {
        count: left.count.max(right.count),
        size: left.size.max(right.size),
        cost: left.cost.plus(right.cost).plus(Linear::fixed(NODE)),
        kind: if left.kind == right.kind { left.kind } else { Kind::Any },
    }
}

/// Every output of one with every output of the other, of which there are few; each pair gives one of `size`.
fn combined(left: &Bound, right: &Bound, size: Linear, kind: Kind) -> Bound {
    let pairs = left.count.fixed * right.count.fixed;
    let again = left.count.fixed.max(1.0);
    Bound {
        count: Linear::fixed(pairs),
        size: size.scaled(pairs.max(1.0)),
        cost: left.cost.plus(right.cost.scaled(again)).plus(Linear::fixed(NODE * pairs)),
        kind,
    }
}

fn arithmetic(left: &Bound, operator: Math, right: &Bound, factor: Option<f64>) -> Option<Bound> {
    let both = left.size.plus(right.size);
    let numbers = left.kind == Kind::Number && right.kind == Kind::Number;
    let number = left.kind == Kind::Number || right.kind == Kind::Number;
    let (size, kind) = match operator {
        Math::Add if left.kind == right.kind => (both, left.kind),
        Math::Add => (both, Kind::Any),
        Math::Sub | Math::Div if number => (both, Kind::Number),
        Math::Sub => return None, // of arrays: each item is looked for among the others
        Math::Mul if numbers => (both.scaled(8.0), Kind::Number), // of long numbers, more than linear: not many in a row
        Math::Mul if left.kind == Kind::Object || right.kind == Kind::Object => (both, Kind::Object),
        Math::Mul => (both.scaled(factor?.max(1.0)), Kind::Any), // of a text: its repetition
        Math::Div => (both.scaled(calls::PARSED), Kind::Any),    // of texts: the pieces
        Math::Rem => (both, Kind::Number),
    };
    Some(combined(left, right, size, kind).costing(size.scaled(COMBINED)))
}

/// A small number that is written out, as what a text may be repeated.
fn literal(term: &Term<&str>) -> Option<f64> {
    let Term::Num(digits) = term else { return None };
    digits.parse().ok().filter(|number| (0.0..=64.0).contains(number))
}

#[cfg(test)]
mod tests;
