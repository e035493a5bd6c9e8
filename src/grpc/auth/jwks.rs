//! Parses the JSON Web Key Set that verifies principal tokens. A key that cannot be used is skipped; a secret refuses the set.
//!
//! Format: RFC 7517; algorithms: RFC 7518, RFC 8037, RFC 9864.

mod error;

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use aws_lc_rs::signature::ParsedPublicKey;
use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, EllipticCurve},
};
use serde_json::{Map, Value};

use super::key_material;
use crate::json;
pub use error::{KeyError, KeySetError, SkippedKeys};

/// Members of private and symmetric keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1; RFC 8037, section 2; `priv` of the key type AKP).
const SECRET_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The largest set, in bytes. An RSA key with its certificate (`x5c`) has about 2 KiB.
const MAX_SET_BYTES: usize = 64 * 1024;

/// A key, and the only algorithm that it may be used with.
pub struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) verifier: ParsedPublicKey,
}

/// The keys of a set that can verify a principal token, and why each of the others cannot.
#[derive(Debug)]
pub struct KeySet {
    usable: HashMap<String, Key>,
    skipped: SkippedKeys,
}

/// Parses a set. A key that cannot be used is skipped, and so is each key whose `kid` appears more than once, even beside keys
/// that cannot be used.
///
/// # Errors
/// [`KeySetError`]: the set is refused as a whole. It has a secret, no usable key, or is not a key set.
pub fn parse(bytes: &[u8]) -> Result<KeySet, KeySetError> {
    if bytes.len() > MAX_SET_BYTES {
        return Err(KeySetError::TooLarge);
    }
    let mut set = json::parse_object(bytes).map_err(|error| KeySetError::NotJson(error.to_string()))?;
    let Some(Value::Array(members)) = set.remove("keys") else {
        return Err(KeySetError::NotAKeySet);
    };
    if let Some(position) = members.iter().position(has_secret) {
        return Err(KeySetError::SecretKey(position));
    }
    if has_secret(&Value::Object(set)) {
        return Err(KeySetError::SecretMember);
    }
    let (mut kids, mut duplicates) = (HashSet::new(), HashSet::new());
    for kid in members.iter().filter_map(kid) {
        if !kids.insert(kid) {
            duplicates.insert(kid);
        }
    }
    let (mut usable, mut skipped) = (HashMap::new(), SkippedKeys::default());
    for (position, member) in members.iter().enumerate() {
        match parse_key(member, &duplicates) {
            Ok((kid, key)) => drop(usable.insert(kid, key)),
            Err(error) => skipped.push(position, error),
        }
    }
    if usable.is_empty() { Err(KeySetError::NoUsableKey(skipped)) } else { Ok(KeySet { usable, skipped }) }
}

/// Returns whether an object at any depth is a symmetric key or has a member of a private one. Such a set has published a secret,
/// and it does not matter whether the key is otherwise well-formed.
fn has_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            SECRET_MEMBERS.iter().any(|secret| members.contains_key(*secret))
                || members.get("kty").is_some_and(|kty| kty == "oct")
                || members.values().any(has_secret)
        }
        Value::Array(values) => values.iter().any(has_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn kid(member: &Value) -> Option<&str> {
    member.get("kid").and_then(Value::as_str).filter(|kid| !kid.is_empty())
}

/// Returns a usable key and its `kid`.
fn parse_key(member: &Value, duplicates: &HashSet<&str>) -> Result<(String, Key), KeyError> {
    let members = member.as_object().ok_or(KeyError::OtherType)?;
    let kid = kid(member).ok_or(KeyError::NoKid)?;
    if duplicates.contains(kid) {
        return Err(KeyError::DuplicateKid);
    }
    if members.get("use").is_some_and(|usage| usage != "sig") {
        return Err(KeyError::OtherUse);
    }
    check_operations(members.get("key_ops"))?;
    let parameters = serde_json::from_value(member.clone()).map_err(|_| KeyError::OtherType)?;
    let algorithm = algorithm_of(members, &parameters)?;
    Ok((kid.to_owned(), Key { algorithm, verifier: key_material::verifier(&parameters, algorithm)? }))
}

/// Returns the only algorithm that a key may be used with. It is named by `alg`, or is the one of the key's type.
fn algorithm_of(members: &Map<String, Value>, parameters: &AlgorithmParameters) -> Result<Algorithm, KeyError> {
    let of_type = match parameters {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(_)
        | AlgorithmParameters::OctetKeyPair(_)
        | AlgorithmParameters::OctetKey(_)
        | AlgorithmParameters::Other(_)
        | _ => return Err(KeyError::OtherType),
    };
    let Some(alg) = members.get("alg") else { return Ok(of_type) };
    let named = alg.as_str().and_then(algorithm).ok_or(KeyError::OtherAlgorithm)?;
    let fits = named == of_type || (of_type, named) == (Algorithm::RS256, Algorithm::PS256);
    if fits { Ok(named) } else { Err(KeyError::TypeMismatch) }
}

/// Checks that `key_ops` allows verification (RFC 7517, section 4.3). Without it, every operation is allowed.
fn check_operations(key_ops: Option<&Value>) -> Result<(), KeyError> {
    let Some(key_ops) = key_ops else { return Ok(()) };
    let operations: Option<Vec<&str>> = key_ops.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
    let operations = operations.ok_or(KeyError::BadOperations)?;
    if operations.iter().collect::<HashSet<_>>().len() < operations.len() {
        return Err(KeyError::BadOperations);
    }
    if operations.contains(&"verify") { Ok(()) } else { Err(KeyError::OtherOperations) }
}

/// Returns one of the four algorithms that may sign a principal token, or `None` for any other, such as `none` and HMAC.
/// `Ed25519` (RFC 9864) is the precise name of what `EdDSA` means here.
pub(super) fn algorithm(alg: &str) -> Option<Algorithm> {
    match alg {
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        _ => None,
    }
}

impl KeySet {
    /// Returns the usable key with this `kid`.
    pub(super) fn get(&self, kid: &str) -> Option<&Key> {
        self.usable.get(kid)
    }

    /// Returns the number of usable keys.
    #[must_use]
    pub fn count(&self) -> usize {
        self.usable.len()
    }

    /// Returns the keys that cannot be used.
    #[must_use]
    pub const fn skipped(&self) -> &SkippedKeys {
        &self.skipped
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests;
