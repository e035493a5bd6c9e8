//! Why a key set is refused, and why a key of it is skipped. No message quotes a value of the set: a key is named by its position.

use std::fmt;

use super::MAX_SET_BYTES;

/// How many skipped keys a message names.
const MAX_NAMED: usize = 8;

/// The keys of a set that cannot be used: their positions, counted from 0, and the reasons. No value of a key is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedKeys(Vec<(usize, KeyError)>);

/// Why a key set is refused. No message quotes the set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The set is too large.
    #[error("larger than {MAX_SET_BYTES} bytes")]
    TooLarge,
    /// The set is not a JSON object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// The member `keys` is missing or not an array.
    #[error("not a JSON Web Key Set (expected an array `keys`)")]
    NotAKeySet,
    /// The key at this position (counted from 0) has a private or symmetric member, whether it can be used or not.
    #[error("key {0} is private or symmetric; publish public keys only")]
    SecretKey(usize),
    /// A member of the set beside `keys` is or contains that of a private or symmetric key.
    #[error("a member of a private or symmetric key is outside of `keys`; publish public keys only")]
    SecretMember,
    /// No key can be used.
    #[error("no usable key for EdDSA, ES256, RS256 or PS256 ({0})")]
    NoUsableKey(SkippedKeys),
}

/// Why one key is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key has no id.
    #[error("kid is missing or not a string")]
    NoKid,
    /// Another key has the same id, so neither can be meant.
    #[error("duplicate kid")]
    DuplicateKid,
    /// The key is for something else than signatures.
    #[error("use is not sig")]
    OtherUse,
    /// The key does not verify.
    #[error("key_ops does not contain verify")]
    OtherOperations,
    /// `key_ops` is not valid.
    #[error("key_ops is not an array of different strings")]
    BadOperations,
    /// The algorithm is not one of those that may sign a principal token.
    #[error("alg is not supported")]
    OtherAlgorithm,
    /// The value is not a key of a supported type.
    #[error("not a public key of a supported type (RSA, P-256 or Ed25519)")]
    OtherType,
    /// The type of the key does not match its algorithm.
    #[error("key type does not match alg")]
    TypeMismatch,
    /// The RSA key is too short.
    #[error("RSA modulus is shorter than 2048 bits")]
    ShortRsa,
    /// The parameters do not form a key.
    #[error("parameters do not form a public key that an issuer can have generated")]
    BadParameters,
}

impl SkippedKeys {
    pub(super) fn push(&mut self, position: usize, error: KeyError) {
        self.0.push((position, error));
    }

    /// Returns whether every key of the set can be used.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for SkippedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (position, error)) in self.0.iter().take(MAX_NAMED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}key {position}: {error}")?;
        }
        match self.0.len() {
            0 => f.write_str("no key at all"),
            count if count > MAX_NAMED => write!(f, "; and {} more", count - MAX_NAMED),
            _ => Ok(()),
        }
    }
}
