//! The data of a run: JSON values that are cheap to clone and ready for jq.
//!
//! [`Data`] wraps the value type of the jq interpreter, so that a run's data needs no conversion between its tasks; arrays
//! and objects are shared, a clone copies a pointer. JSON enters and leaves by serde.

use std::{fmt, sync::Arc};

use jaq_json::{Num, Val};
use serde::{
    Deserialize, Serialize, Serializer,
    de::Deserializer,
    ser::{Error as _, SerializeMap, SerializeSeq},
};

/// An immutable JSON value.
#[derive(Clone, PartialEq, Default)]
pub struct Data(pub(crate) Val);

impl Data {
    /// The JSON `null`.
    pub const NULL: Self = Self(Val::Null);

    /// An empty object, the input of a run that was given none (DSL decision 2).
    #[must_use]
    pub fn object() -> Self {
        Self(Val::Obj(Arc::default()))
    }

    /// An array of the given values.
    pub fn array(items: impl IntoIterator<Item = Self>) -> Self {
        Self(items.into_iter().map(|item| item.0).collect())
    }

    /// An object of the given entries; a later entry replaces an earlier one of the same name.
    pub fn from_entries<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(name, value)| (text(name.into()), value.0));
        Self(Val::obj(entries.collect()))
    }

    /// The value as text, where it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Val::TStr(bytes) => std::str::from_utf8(bytes).ok(),
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => None,
        }
    }

    /// The value of a field, where this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Self> {
        match &self.0 {
            Val::Obj(entries) => entries.get(&text(name.to_owned())).cloned().map(Self),
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) => None,
        }
    }

    /// The items, where this is an array.
    #[must_use]
    pub fn items(&self) -> Option<Vec<Self>> {
        match &self.0 {
            Val::Arr(items) => Some(items.iter().cloned().map(Self).collect()),
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Obj(_) => None,
        }
    }

    /// The entries in their order, where this is an object.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<(String, Self)>> {
        match &self.0 {
            Val::Obj(entries) => {
                let name = |name: &Val| Self(name.clone()).as_str().map(str::to_owned);
                Some(entries.iter().filter_map(|(key, value)| Some((name(key)?, Self(value.clone())))).collect())
            }
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) => None,
        }
    }

    /// The value, where it is a whole number of 64 bits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Val::Num(Num::Float(float)) if float.fract() == 0.0 && float.abs() < 9e15 => Some(*float as i64),
            Val::Num(number) => number.as_isize().and_then(|number| i64::try_from(number).ok()),
            Val::Null | Val::Bool(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) | Val::Obj(_) => None,
        }
    }

    /// Whether this is neither an object nor an array.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        !matches!(self.0, Val::Arr(_) | Val::Obj(_))
    }

    /// Whether `part` is contained in this value: an object contains another if it contains each of its fields; everything
    /// else contains what equals it.
    #[must_use]
    pub fn contains(&self, part: &Self) -> bool {
        fn contains(whole: &Val, part: &Val) -> bool {
            match (whole, part) {
                (Val::Obj(whole), Val::Obj(part)) => {
                    part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
                }
                (whole, part) => whole == part,
            }
        }
        contains(&self.0, &part.0)
    }

    /// Whether jq takes the value for true: all but `null` and `false`.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        !matches!(self.0, Val::Null | Val::Bool(false))
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.0, Val::Null)
    }
}

fn text(text: String) -> Val {
    Val::utf8_str(text.into_bytes())
}

impl From<&str> for Data {
    fn from(value: &str) -> Self {
        Self(text(value.to_owned()))
    }
}

impl From<String> for Data {
    fn from(value: String) -> Self {
        Self(text(value))
    }
}

impl From<bool> for Data {
    fn from(value: bool) -> Self {
        Self(Val::Bool(value))
    }
}

impl From<i64> for Data {
    fn from(value: i64) -> Self {
        Self(Val::Num(Num::from_integral(value)))
    }
}

impl From<serde_json::Value> for Data {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::NULL,
            Value::Bool(value) => value.into(),
            Value::Number(number) => Self(Val::Num(match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => Num::from_integral(integer),
                (None, Some(integer)) => Num::from_integral(integer),
                (None, None) => Num::Float(number.as_f64().unwrap_or(f64::NAN)),
            })),
            Value::String(value) => value.into(),
            Value::Array(items) => Self::array(items.into_iter().map(Self::from)),
            Value::Object(entries) => Self::from_entries(entries.into_iter().map(|(name, value)| (name, value.into()))),
        }
    }
}

impl From<&Data> for serde_json::Value {
    /// Numbers that JSON cannot express (NaN, infinities) become `null`, as in jq.
    fn from(data: &Data) -> Self {
        serde_json::to_value(data).unwrap_or(Self::Null)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Val::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

struct Borrowed<'a>(&'a Val);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

fn serialize<S: Serializer>(value: &Val, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Val::Null => serializer.serialize_unit(),
        Val::Bool(value) => serializer.serialize_bool(*value),
        Val::Num(number) => serialize_number(number, serializer),
        Val::BStr(bytes) | Val::TStr(bytes) => serializer.serialize_str(&String::from_utf8_lossy(bytes)),
        Val::Arr(items) => {
            let mut sequence = serializer.serialize_seq(Some(items.len()))?;
            for item in items.iter() {
                sequence.serialize_element(&Borrowed(item))?;
            }
            sequence.end()
        }
        Val::Obj(entries) => {
            let mut map = serializer.serialize_map(Some(entries.len()))?;
            for (name, value) in entries.iter() {
                let (Val::TStr(name) | Val::BStr(name)) = name else {
                    return Err(S::Error::custom(format!("an object's key must be a string, not {name}")));
                };
                map.serialize_entry(&String::from_utf8_lossy(name), &Borrowed(value))?;
            }
            map.end()
        }
    }
}

fn serialize_number<S: Serializer>(number: &Num, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Num::Int(value) => serializer.serialize_i64(*value as i64),
        Num::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
        Num::Float(_) => serializer.serialize_unit(),
        Num::BigInt(_) | Num::Dec(_) => {
            let text = number.to_string();
            match (text.parse::<u64>(), text.parse::<f64>()) {
                (Ok(value), _) => serializer.serialize_u64(value),
                (Err(_), Ok(value)) if value.is_finite() => serializer.serialize_f64(value),
                (Err(_), _) => serializer.serialize_str(&text),
            }
        }
    }
}

impl fmt::Display for Data {
    /// The value as compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_way_in_and_out() {
        let json = json!({"a": [1, -2, 1.5, u64::MAX, null, true], "b": {"c": "ü\u{1F600}"}, "z": 0, "m": {}});
        let data = Data::from(json.clone());
        assert_eq!(serde_json::Value::from(&data), json);
        assert_eq!(serde_json::from_value::<Data>(json).unwrap(), data);
        assert_eq!(data.get("z"), Some(Data::from(0)));
    }

    #[test]
    fn numbers_that_json_lacks_become_null() {
        assert_eq!(Data(Val::Num(Num::Float(f64::NAN))).to_string(), "null");
    }
}
