//! Linear bounds: how much an evaluation can give and cost, as a function of what it is given.
//!
//! Sizes are counted in units: [`NODE`] for each value, and one for each byte of a text; a cost of one unit is about what
//! copying a byte takes, [`NODE`] about what a step of the interpreter takes. Only what is linear can be expressed, which is
//! the point: a product of two sizes that both grow has no bound here.

use jaq_json::{Num, Val};

/// The size of a value besides its text, and the cost of a step.
pub(super) const NODE: f64 = 64.0;

/// `input` times the size of `.`, plus `all` times the size of everything that is given, plus `fixed`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Linear {
    pub(super) input: f64,
    pub(super) all: f64,
    pub(super) fixed: f64,
}

impl Linear {
    pub(super) const INPUT: Self = Self { input: 1.0, all: 0.0, fixed: 0.0 };
    pub(super) const ALL: Self = Self { input: 0.0, all: 1.0, fixed: 0.0 };

    pub(super) const fn fixed(fixed: f64) -> Self {
        Self { input: 0.0, all: 0.0, fixed }
    }

    pub(super) fn is_fixed(self) -> bool {
        self.input == 0.0 && self.all == 0.0
    }

    pub(super) fn is_finite(self) -> bool {
        self.input.is_finite() && self.all.is_finite() && self.fixed.is_finite()
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { input: self.input + other.input, all: self.all + other.all, fixed: self.fixed + other.fixed }
    }

    pub(super) fn scaled(self, factor: f64) -> Self {
        Self { input: self.input * factor, all: self.all * factor, fixed: self.fixed * factor }
    }

    /// The greater of both, whatever the sizes.
    pub(super) fn max(self, other: Self) -> Self {
        Self { input: self.input.max(other.input), all: self.all.max(other.all), fixed: self.fixed.max(other.fixed) }
    }

    /// The product, where it is linear.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        match (self.is_fixed(), other.is_fixed()) {
            (true, _) => Some(other.scaled(self.fixed)),
            (false, true) => Some(self.scaled(other.fixed)),
            (false, false) => None,
        }
    }

    /// This bound where `.` is at most `input`.
    pub(super) fn at(self, input: Self) -> Self {
        Self { input: 0.0, ..self }.plus(input.scaled(self.input))
    }
}

/// What a term gives and costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    /// How many outputs there are.
    pub(super) count: Linear,
    /// The size of all of them together, what they share counted each time.
    pub(super) size: Linear,
    /// What it takes to compute them.
    pub(super) cost: Linear,
    /// What each of them is.
    pub(super) kind: Kind,
}

/// What is known about the type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Number,
    Text,
    Object,
    Array,
    /// A boolean or `null`.
    Flag,
}

impl Kind {
    /// Whether it has no parts.
    pub(super) fn is_scalar(self) -> bool {
        matches!(self, Self::Number | Self::Text | Self::Flag)
    }
}

impl Bound {
    /// One output of a size, for a cost.
    pub(super) fn one(size: Linear, cost: Linear, kind: Kind) -> Self {
        Self { count: Linear::fixed(1.0), size, cost: cost.plus(Linear::fixed(NODE)), kind }
    }

    /// One small output, for a cost.
    pub(super) fn small(cost: Linear, kind: Kind) -> Self {
        Self::one(Linear::fixed(NODE), cost, kind)
    }

    /// `self | next`, where `next` is in terms of one output of `self`.
    pub(super) fn then(&self, next: &Self) -> Option<Self> {
        let through = |each: Linear| {
            let apart = Linear { input: 0.0, ..each }.times(self.count)?;
            Some(apart.plus(self.size.scaled(each.input)))
        };
        Some(Self {
            count: through(next.count)?,
            size: through(next.size)?,
            cost: self.cost.plus(through(next.cost)?),
            kind: next.kind,
        })
    }

    /// The same with another cost besides.
    pub(super) fn costing(self, more: Linear) -> Self {
        Self { cost: self.cost.plus(more), ..self }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.count.is_finite() && self.size.is_finite() && self.cost.is_finite()
    }

    /// The most that may be given in all, input and variables together, for the cost to stay within `budget`; nothing where
    /// the size does not matter.
    pub(super) fn most_given(&self, budget: f64) -> Option<f64> {
        let slope = self.cost.input + self.cost.all;
        let left = budget - self.cost.fixed;
        (slope > 0.0 || left < 0.0).then(|| if left < 0.0 { -1.0 } else { left / slope })
    }
}

/// The size of values, or nothing where it is more than `most`; no more than `most` is looked at.
pub(super) fn size_within<'v>(values: impl IntoIterator<Item = &'v Val>, most: f64) -> Option<f64> {
    let mut left = most;
    values.into_iter().try_for_each(|value| take(value, &mut left)).map(|()| most - left)
}

fn take(value: &Val, left: &mut f64) -> Option<()> {
    let text = match value {
        Val::Num(Num::BigInt(number)) => number.bits() as f64,
        Val::Num(Num::Dec(digits)) => digits.len() as f64,
        Val::BStr(text) | Val::TStr(text) => text.len() as f64,
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::Arr(_) | Val::Obj(_) => 0.0,
    };
    *left -= NODE + text;
    if *left < 0.0 {
        return None;
    }
    match value {
        Val::Arr(items) => items.iter().try_for_each(|item| take(item, left)),
        Val::Obj(entries) => entries.iter().try_for_each(|(key, value)| {
            take(key, left)?;
            take(value, left)
        }),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => Some(()),
    }
}
