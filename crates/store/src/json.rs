//! JSON on its way into and out of `json` columns, as text: what is read back is what was written.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// The text of a value.
pub(crate) fn write<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::Unwritable { what, source })
}

/// The value of a text.
pub(crate) fn read<T: DeserializeOwned>(what: impl FnOnce() -> String, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| Error::Corrupt { what: what(), source })
}
