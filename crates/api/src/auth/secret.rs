//! The secret that signs tokens: long enough or refused, and never shown.

use std::fmt;

use thiserror::Error;

/// The least length of a token secret, in bytes (REQUIREMENTS 1.11).
const MIN_BYTES: usize = 64;

/// A secret for HMAC-SHA-256 over tokens.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

/// A secret that is too easy to guess to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WeakSecret {
    /// Fewer bytes than the minimum.
    #[error("the token secret has {0} bytes and needs at least {MIN_BYTES}; `openssl rand -hex 48` makes one")]
    Short(usize),
    /// Fewer than eight different bytes: a placeholder, not a secret.
    #[error("the token secret repeats the same few characters; `openssl rand -hex 48` makes a good one")]
    Monotonous,
}

impl Secret {
    /// Takes the secret as it is configured; surrounding white space does not count.
    ///
    /// # Errors
    /// If it is too short or a mere placeholder.
    pub fn new(text: &str) -> Result<Self, WeakSecret> {
        let bytes = text.trim().as_bytes();
        if bytes.len() < MIN_BYTES {
            return Err(WeakSecret::Short(bytes.len()));
        }
        let different = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
        if different < 8 {
            return Err(WeakSecret::Monotonous);
        }
        Ok(Self(bytes.into()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_secrets_are_refused() {
        let varied = "0123456789abcdef".repeat(4);
        assert_eq!(Secret::new(&varied[..63]).unwrap_err(), WeakSecret::Short(63));
        assert_eq!(Secret::new(&"ab".repeat(40)).unwrap_err(), WeakSecret::Monotonous);
        assert_eq!(Secret::new(&format!("{}  \n", &varied[..62])).unwrap_err(), WeakSecret::Short(62));
        assert_eq!(format!("{:?}", Secret::new(&varied).unwrap()), "Secret(…)");
    }
}
