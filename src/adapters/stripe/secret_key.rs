//! The key for Stripe's API.

use std::fmt;

use http::HeaderValue;

use crate::adapters::stripe::Mode;

/// A restricted or secret key. `Debug` and errors never print it.
#[derive(PartialEq, Eq)]
pub struct SecretKey {
    header: HeaderValue,
    is_restricted: bool,
}

/// Why a key is not accepted. The texts never contain the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Not UTF-8.
    #[error("key is not UTF-8 text")]
    NotText,
    /// No `sk_` or `rk_` prefix: an empty file, a publishable key, or other text.
    #[error("does not begin with sk_ or rk_, as a secret or restricted key does")]
    NotAKey,
    /// A key of the other mode. The value is the configured mode.
    #[error("key belongs to the other mode; expected a {} mode key", .0.as_str())]
    OtherMode(Mode),
    /// Nothing after the prefix, or characters that a key cannot contain.
    #[error("key is incomplete, or contains characters other than letters and digits after its prefix")]
    Malformed,
}

impl SecretKey {
    /// Parses `sk_` or `rk_`, the mode, and `[A-Za-z0-9]+`. White space around the key is ignored.
    ///
    /// # Errors
    /// [`SecretKeyError`], without the key.
    pub fn parse(bytes: &[u8], mode: Mode) -> Result<Self, SecretKeyError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SecretKeyError::NotText)?.trim();
        let (expected, other) = match mode {
            Mode::Live => ("live_", "test_"),
            Mode::Test => ("test_", "live_"),
        };
        let rest = text.strip_prefix("sk_").or_else(|| text.strip_prefix("rk_"));
        let rest = rest.ok_or(SecretKeyError::NotAKey)?;
        if rest.starts_with(other) {
            return Err(SecretKeyError::OtherMode(mode));
        }
        let random = rest.strip_prefix(expected).filter(|random| !random.is_empty());
        if !random.is_some_and(|random| random.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Err(SecretKeyError::Malformed);
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| SecretKeyError::Malformed)?;
        header.set_sensitive(true);
        Ok(Self { header, is_restricted: text.starts_with("rk_") })
    }

    /// Returns the value of the `Authorization` header, which is marked as sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Returns whether the key can be limited to permissions.
    #[must_use]
    pub const fn is_restricted(&self) -> bool {
        self.is_restricted
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_complete_key_of_the_configured_mode_and_never_prints_it() {
        for good in ["sk_test_abc123", "rk_test_abc123\n", " sk_test_a "] {
            assert!(SecretKey::parse(good.as_bytes(), Mode::Test).is_ok(), "{good}");
        }
        for bad in ["", "\n", "sk_test_", "sk_live_abc", "pk_test_abc", "sk_test_a b", "sk_test_a\nsk_test_b", "abc"] {
            let error = SecretKey::parse(bad.as_bytes(), Mode::Test).expect_err(bad).to_string();
            assert!(!error.contains("abc"), "{error}");
        }
        let key = SecretKey::parse(b"sk_test_abc123", Mode::Test).unwrap();
        assert!(!format!("{key:?} {:?}", key.header).contains("abc123"));
    }
}
