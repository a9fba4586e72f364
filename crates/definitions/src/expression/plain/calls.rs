//! The library functions that are plain, and their bounds; a function that is not listed is not plain.
//!
//! None of the functions that sort is: to order two objects takes the larger of them, so that one large object among many
//! small ones is read again for each.

use jaq_core::load::parse::Term;

use super::{Plain, literal};
use crate::expression::bound::{Bound, Kind, Linear, NODE};

/// How much longer a value is as text than it is large: each byte may be escaped.
pub(super) const AS_TEXT: f64 = 6.0;

/// What sorting texts takes, as a multiple of reading them: the logarithm of any length that fits.
pub(super) const SORTED: f64 = 24.0;

/// How much more a text can hold once it is parsed or split: a value for each byte.
pub(super) const PARSED: f64 = NODE + 1.0;

const NOTHING: Linear = Linear::fixed(0.0);

/// How much longer a format makes a value.
pub(super) fn format(name: &str) -> Option<f64> {
    match name {
        "@text" | "@json" => Some(AS_TEXT),
        "@base64" | "@base64d" => Some(AS_TEXT * 2.0),
        "@uri" | "@html" | "@sh" => Some(AS_TEXT * 6.0),
        _ => None,
    }
}

/// `.[]`.
pub(super) fn items() -> Bound {
    Bound { count: Linear::INPUT.scaled(1.0 / NODE), size: Linear::INPUT, cost: Linear::INPUT, kind: Kind::Any }
}

impl<'s> Plain<'s> {
    pub(super) fn call(&mut self, name: &str, arguments: &[Term<&'s str>]) -> Option<Bound> {
        match arguments {
            [] => of_input(name),
            [argument] => match name {
                "map" | "map_values" | "any" | "all" | "with_entries" => self.of_each(name, argument),
                "add" | "select" | "first" | "last" | "isempty" | "error" | "IN" => self.of_outputs(name, argument),
                _ => self.of_value(name, argument),
            },
            [left, right] => self.of_two(name, left, right),
            _ => None,
        }
    }

    /// Functions whose argument is evaluated on each item.
    fn of_each(&mut self, name: &str, argument: &Term<&'s str>) -> Option<Bound> {
        let pairs = name == "with_entries";
        let input = if pairs { entries().then(&items())? } else { items() };
        let each = self.pipe(&input, argument)?;
        let cost = each.cost.plus(each.count.scaled(NODE)).plus(Linear::INPUT);
        let size = each.size.plus(Linear::fixed(NODE));
        Some(match name {
            "any" | "all" => Bound::small(cost, Kind::Flag),
            "with_entries" => Bound::one(size, cost.plus(each.size.scaled(8.0)), Kind::Object),
            _ => Bound::one(size, cost, Kind::Any),
        })
    }

    /// Functions whose argument is a stream.
    fn of_outputs(&mut self, name: &str, argument: &Term<&'s str>) -> Option<Bound> {
        let outputs = self.term(argument)?;
        let read = outputs.cost.plus(outputs.size).plus(outputs.count.scaled(NODE));
        Some(match name {
            "select" => Bound {
                count: outputs.count,
                size: outputs.count.times(Linear::INPUT)?,
                cost: outputs.cost.plus(outputs.count.scaled(NODE)),
                kind: Kind::Any,
            },
            "error" => Bound { cost: read.plus(outputs.size.scaled(AS_TEXT)), kind: Kind::Any, ..outputs },
            "isempty" | "IN" => Bound::small(read, Kind::Flag),
            _ => Bound::one(outputs.size.plus(Linear::fixed(NODE)), read.plus(outputs.size), Kind::Any),
        })
    }

    /// Functions whose argument is one value.
    fn of_value(&mut self, name: &str, argument: &Term<&'s str>) -> Option<Bound> {
        match name {
            "del" => {
                let places = self.places(argument)?;
                return Some(Bound::one(Linear::INPUT, places.cost.plus(Linear::INPUT.scaled(4.0)), Kind::Any));
            }
            "nth" => return literal(argument).map(|_| Bound::one(Linear::INPUT, NOTHING, Kind::Any)),
            _ => {}
        }
        let value = self.single(argument).filter(|value| value.count.fixed <= 1.0)?;
        let alone = value.cost.plus(value.size);
        let both = alone.plus(Linear::INPUT);
        let product = || value.size.times(Linear::INPUT).map(|product| product.scaled(1.0 / NODE).plus(both));
        Some(match name {
            "has" if matches!(value.kind, Kind::Text | Kind::Number) => Bound::small(alone, Kind::Flag),
            "startswith" | "endswith" => Bound::small(alone, Kind::Flag),
            "ltrimstr" | "rtrimstr" => Bound::one(Linear::INPUT, both, Kind::Any),
            "split" => Bound::one(Linear::INPUT.scaled(PARSED), both.plus(Linear::INPUT.scaled(PARSED)), Kind::Array),
            "contains" => Bound::small(product()?.scaled(NODE), Kind::Flag),
            "index" | "rindex" => Bound::small(product()?.scaled(NODE), Kind::Any),
            "getpath" if value.size.is_fixed() => Bound::one(Linear::INPUT, product()?, Kind::Any),
            "join" => {
                let joined = product()?.plus(Linear::INPUT.scaled(AS_TEXT)).plus(Linear::fixed(NODE));
                Bound::one(joined, joined.scaled(4.0), Kind::Any)
            }
            _ => return None,
        })
    }

    fn of_two(&mut self, name: &str, left: &Term<&'s str>, right: &Term<&'s str>) -> Option<Bound> {
        match name {
            "any" | "all" => {
                let left = self.term(left)?;
                let each = self.pipe(&left, right)?;
                Some(Bound::small(each.cost.plus(each.count.scaled(NODE)), Kind::Flag))
            }
            "pow" | "atan2" | "fmin" | "fmax" => {
                let (left, right) = (self.single(left)?, self.single(right)?);
                let few = left.count.fixed <= 1.0 && right.count.fixed <= 1.0;
                few.then(|| Bound::small(left.cost.plus(right.cost), Kind::Number))
            }
            _ => None,
        }
    }
}

/// Functions without arguments.
fn of_input(name: &str) -> Option<Bound> {
    let (input, node) = (Linear::INPUT, Linear::fixed(NODE));
    Some(match name {
        "empty" => Bound { count: NOTHING, size: NOTHING, cost: node, kind: Kind::Any },
        "error" => Bound { count: NOTHING, size: NOTHING, cost: input.scaled(AS_TEXT).plus(node), kind: Kind::Any },
        "true" | "false" | "null" | "not" | "isboolean" | "isnumber" | "isstring" | "isarray" | "isobject"
        | "isnan" | "isinfinite" | "isfinite" | "isnormal" => Bound::small(node.scaled(4.0), Kind::Flag),
        "nan" | "infinite" => Bound::small(node, Kind::Number),
        "floor" | "ceil" | "round" | "sqrt" | "fabs" | "log" | "log2" | "log10" | "exp" | "exp2" | "exp10"
        | "trunc" => {
            Bound::one(input.plus(Linear::fixed(1100.0)), input, Kind::Number) // the bits of the largest float
        }
        "length" | "utf8bytelength" => Bound::one(input.plus(node), input, Kind::Number),
        "tonumber" => Bound::one(input.plus(node), input.scaled(PARSED), Kind::Number),
        "type" => Bound::one(Linear::fixed(NODE + 7.0), node.scaled(8.0), Kind::Text),
        "values" | "nulls" | "booleans" | "numbers" | "strings" | "arrays" | "objects" | "iterables" | "scalars" => {
            Bound::one(input, node.scaled(8.0), Kind::Any)
        }
        "first" | "last" => Bound::one(input, NOTHING, Kind::Any),
        "any" | "all" => Bound::small(input.scaled(2.0), Kind::Flag),
        "add" => Bound::one(input, input.scaled(4.0), Kind::Any),
        "keys" | "keys_unsorted" => Bound::one(input.plus(node), input.scaled(SORTED), Kind::Array),
        "abs" | "reverse" => Bound::one(input, input, Kind::Any),
        "to_entries" => entries(),
        "from_entries" => Bound::one(input.plus(node), input.scaled(8.0), Kind::Object),
        "tostring" | "tojson" | "@text" | "@json" => {
            Bound::one(input.scaled(AS_TEXT).plus(node), input.scaled(AS_TEXT), Kind::Text)
        }
        "@base64" | "@base64d" | "@uri" | "@html" | "@sh" => {
            let longer = input.scaled(format(name)?).plus(node);
            Bound::one(longer, longer, Kind::Text)
        }
        "fromjson" | "toboolean" => Bound::one(input.scaled(PARSED), input.scaled(PARSED), Kind::Any),
        "explode" => Bound::one(input.scaled(PARSED), input.scaled(PARSED), Kind::Array),
        "ascii_downcase" | "ascii_upcase" | "trim" | "ltrim" | "rtrim" => Bound::one(input, input, Kind::Text),
        "todate" | "fromdate" | "todateiso8601" | "fromdateiso8601" => {
            Bound::one(input.plus(node), input.plus(node), Kind::Any)
        }
        _ => return None,
    })
}

/// `to_entries`: each item or entry becomes an object with two named fields.
fn entries() -> Bound {
    let size = Linear::INPUT.scaled(8.0).plus(Linear::fixed(NODE));
    Bound::one(size, size, Kind::Array)
}
