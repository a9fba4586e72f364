//! JSON pointers (RFC 6901): the address of a task in its document, and of an error in a run.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The address of a task within a definition, such as `/do/0/greet`.
///
/// The tasks of a function that is written in the DSL continue the pointer of the call that runs them, so that every
/// task of a run has an address of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pointer(Arc<str>);

impl Pointer {
    /// The pointer of the document itself: the empty string.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::from(""))
    }

    /// This pointer followed by one more reference token, escaped as RFC 6901 asks.
    #[must_use]
    pub fn child(&self, token: impl fmt::Display) -> Self {
        let token = token.to_string().replace('~', "~0").replace('/', "~1");
        Self(Arc::from(format!("{}/{token}", self.0)))
    }

    /// The pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Pointer {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_escaped() {
        assert_eq!(Pointer::root().child("do").child(0).child("a/b~c").as_str(), "/do/0/a~1b~0c");
    }
}
