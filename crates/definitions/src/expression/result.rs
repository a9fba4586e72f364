//! What leaves an evaluation: JSON within its limits, in the form in which it would come back from storage.

use jaq_json::{Num, Val};

/// Deepest nesting of a result: what every JSON reader still takes.
const DEPTH: usize = 100;

/// Checks that a value is JSON of about `bytes` bytes at most, and turns numbers that storage would round into what they
/// would come back as, so that a run computes the same before and after it is reloaded.
pub(super) fn as_json(value: Val, bytes: usize) -> Result<Val, String> {
    let exact = check(&value, bytes)?;
    Ok(if exact { value } else { rounded(&value) })
}

/// Checks that a value is JSON of about `bytes` bytes at most, and says whether storage would leave its numbers as they are.
pub(super) fn check(value: &Val, bytes: usize) -> Result<bool, String> {
    let mut check = Check { left: bytes, limit: bytes, exact: true };
    check.value(value, 0)?;
    Ok(check.exact)
}

struct Check {
    left: usize,
    limit: usize,
    exact: bool,
}

impl Check {
    fn take(&mut self, bytes: usize) -> Result<(), String> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!("its result is larger than {} bytes", self.limit)),
        }
    }

    fn value(&mut self, value: &Val, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("its result nests deeper than {DEPTH} levels"));
        }
        match value {
            Val::Null | Val::Bool(_) => self.take(4),
            Val::Num(number) => self.number(number),
            Val::TStr(text) => self.text(text),
            Val::BStr(_) => Err("its result has a binary string: decode it or encode it with `@base64`".to_owned()),
            Val::Arr(items) => {
                self.take(2 + items.len())?;
                items.iter().try_for_each(|item| self.value(item, depth + 1))
            }
            Val::Obj(entries) => {
                self.take(2 + 2 * entries.len())?;
                entries.iter().try_for_each(|(key, value)| {
                    let Val::TStr(text) = key else {
                        return Err(format!("its result has an object with the key {key}: keys must be strings"));
                    };
                    self.text(text)?;
                    self.value(value, depth + 1)
                })
            }
        }
    }

    fn text(&mut self, text: &[u8]) -> Result<(), String> {
        if std::str::from_utf8(text).is_err() {
            return Err("its result has a string that is not UTF-8".to_owned());
        }
        self.take(2 + text.len())
    }

    fn number(&mut self, number: &Num) -> Result<(), String> {
        self.take(1)?;
        match number {
            Num::Int(_) => Ok(()),
            Num::Float(float) if float.is_finite() => Ok(()),
            Num::Float(float) => Err(format!("its result has the number {float}, which JSON lacks")),
            Num::BigInt(_) | Num::Dec(_) => {
                self.exact = false;
                match round(number) {
                    Num::Float(float) if !float.is_finite() => {
                        Err("its result has a number beyond the range of JSON".to_owned())
                    }
                    Num::Int(_) | Num::Float(_) | Num::BigInt(_) | Num::Dec(_) => Ok(()),
                }
            }
        }
    }
}

fn rounded(value: &Val) -> Val {
    match value {
        Val::Num(number) => Val::Num(round(number)),
        Val::Arr(items) => items.iter().map(rounded).collect(),
        Val::Obj(entries) => Val::obj(entries.iter().map(|(key, value)| (key.clone(), rounded(value))).collect()),
        Val::Null | Val::Bool(_) | Val::BStr(_) | Val::TStr(_) => value.clone(),
    }
}

/// Integers of 64 bits stay; anything else becomes a float.
fn round(number: &Num) -> Num {
    match number {
        Num::Int(_) | Num::Float(_) => number.clone(),
        Num::BigInt(_) | Num::Dec(_) => {
            let text = number.to_string();
            match text.parse::<u64>() {
                Ok(integer) => Num::from_integral(integer),
                Err(_) => Num::Float(text.parse().unwrap_or(f64::NAN)),
            }
        }
    }
}
