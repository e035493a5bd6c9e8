//! Parses the JSON Web Key Set that verifies principal tokens. A set is accepted or refused as a whole.
//!
//! Format: RFC 7517; algorithms: RFC 7518, RFC 8037.

use std::collections::{HashMap, HashSet};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk},
};
use serde_json::Value;

use super::key_material;
use crate::json;

/// Members of private and symmetric keys.
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The largest set, in bytes.
const MAX_SET_BYTES: usize = 64 * 1024;

/// A key, and the only algorithm that it may be used with.
pub struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) verifier: DecodingKey,
}

/// The keys of a set that can verify a principal token, by `kid`.
pub type KeySet = HashMap<String, Key>;

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
    /// The key at this position (counted from 0) is refused.
    #[error("key {0}: {1}")]
    Key(usize, #[source] KeyError),
    /// No key has an accepted algorithm.
    #[error("no key for EdDSA, ES256, RS256 or PS256")]
    NoUsableKey,
}

/// Why one key is refused, and the whole set with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key has no id.
    #[error("kid is missing")]
    NoKid,
    /// The key id appears more than once.
    #[error("duplicate kid")]
    DuplicateKid,
    /// The key is private or symmetric.
    #[error("key is private or symmetric; publish public keys only")]
    Secret,
    /// The key does not name its algorithm.
    #[error("alg is missing")]
    NoAlgorithm,
    /// The RSA key is too short.
    #[error("RSA modulus is shorter than 2048 bits")]
    ShortRsa,
    /// `key_ops` is not an array of different strings.
    #[error("key_ops is not an array of different strings")]
    BadOperations,
    /// The value is not a key.
    #[error("not a JSON Web Key")]
    NotAKey,
    /// The type of the key does not match its algorithm.
    #[error("key type does not match alg")]
    TypeMismatch,
    /// The parameters do not form a key.
    #[error("parameters do not form a public key that an issuer can have generated")]
    BadParameters,
}

/// Parses a set. Each key must have `kid` and `alg`, and no private member. Keys for a different use or algorithm are skipped,
/// and at least one usable key must remain.
///
/// # Errors
/// [`KeySetError`]: the set is refused as a whole.
pub fn parse(bytes: &[u8]) -> Result<KeySet, KeySetError> {
    if bytes.len() > MAX_SET_BYTES {
        return Err(KeySetError::TooLarge);
    }
    let set = json::parse_object(bytes).map_err(|error| KeySetError::NotJson(error.to_string()))?;
    let Some(Value::Array(members)) = set.get("keys") else {
        return Err(KeySetError::NotAKeySet);
    };
    let mut kids = HashSet::new();
    let mut usable = KeySet::new();
    for (position, member) in members.iter().enumerate() {
        let error = |error| KeySetError::Key(position, error);
        let kid = member.get("kid").and_then(Value::as_str).filter(|kid| !kid.is_empty());
        let kid = kid.ok_or(error(KeyError::NoKid))?;
        if !kids.insert(kid) {
            return Err(error(KeyError::DuplicateKid));
        }
        if let Some(key) = parse_key(member).map_err(error)? {
            usable.insert(kid.to_owned(), key);
        }
    }
    if usable.is_empty() { Err(KeySetError::NoUsableKey) } else { Ok(usable) }
}

/// Returns a usable key, or `None` for a key of a different use or algorithm.
fn parse_key(member: &Value) -> Result<Option<Key>, KeyError> {
    if SECRET_MEMBERS.iter().any(|secret| member.get(secret).is_some()) || member.get("kty") == Some(&"oct".into()) {
        return Err(KeyError::Secret);
    }
    let alg = member.get("alg").and_then(Value::as_str).ok_or(KeyError::NoAlgorithm)?;
    if member.get("use").is_some_and(|usage| usage != "sig") || !may_verify(member.get("key_ops"))? {
        return Ok(None);
    }
    let Some(algorithm) = algorithm(alg) else { return Ok(None) };
    let jwk: Jwk = serde_json::from_value(member.clone()).map_err(|_| KeyError::NotAKey)?;
    if !matches_algorithm(&jwk.algorithm, algorithm) {
        return Err(KeyError::TypeMismatch);
    }
    Ok(Some(Key { algorithm, verifier: key_material::verifier(&jwk.algorithm)? }))
}

/// Returns whether `key_ops` allows verification (RFC 7517, section 4.3). Without it, every operation is allowed.
fn may_verify(key_ops: Option<&Value>) -> Result<bool, KeyError> {
    let Some(key_ops) = key_ops else { return Ok(true) };
    let operations: Option<Vec<&str>> = key_ops.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
    let operations = operations.ok_or(KeyError::BadOperations)?;
    if operations.iter().collect::<HashSet<_>>().len() < operations.len() {
        return Err(KeyError::BadOperations);
    }
    Ok(operations.contains(&"verify"))
}

/// Returns one of the four algorithms that may sign a principal token, or `None` for any other, such as `none` and HMAC.
pub(super) fn algorithm(alg: &str) -> Option<Algorithm> {
    match alg {
        "EdDSA" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        _ => None,
    }
}

fn matches_algorithm(parameters: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match parameters {
        AlgorithmParameters::OctetKeyPair(okp) => algorithm == Algorithm::EdDSA && okp.curve == EllipticCurve::Ed25519,
        AlgorithmParameters::EllipticCurve(ec) => algorithm == Algorithm::ES256 && ec.curve == EllipticCurve::P256,
        AlgorithmParameters::RSA(_) => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_) | _ => false,
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    const ED25519: &str =
        r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA""#;

    fn set(keys: &[String]) -> String {
        format!(r#"{{"keys":[{}]}}"#, keys.iter().map(|key| format!("{{{key}}}")).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn skips_keys_of_a_different_use_or_algorithm() {
        let good = format!(r#"{ED25519},"kid":"a","use":"sig""#);
        let encryption = format!(r#"{ED25519},"kid":"b","use":"enc""#);
        let signing = format!(r#"{ED25519},"kid":"d","key_ops":["sign"]"#);
        let verifying = format!(r#"{ED25519},"kid":"e","key_ops":["sign","verify"]"#);
        let other = r#""kty":"EC","crv":"P-384","x":"AA","y":"AA","alg":"ES384","kid":"c""#.to_owned();
        let keys = parse(set(&[good, encryption, other, signing, verifying]).as_bytes()).unwrap();
        let kids: std::collections::BTreeSet<_> = keys.keys().map(String::as_str).collect();
        assert_eq!(kids, ["a", "e"].into());
    }

    #[test]
    fn refuses_the_whole_set_for_one_bad_key() {
        let good = format!(r#"{ED25519},"kid":"a""#);
        let short = URL_SAFE_NO_PAD.encode([0xff_u8; 128]);
        for bad in [
            r#""kty":"oct","k":"AAAA","alg":"HS256","kid":"b""#.to_owned(),
            format!(r#"{ED25519},"kid":"b","d":"AAAA""#),
            format!(r#"{ED25519},"kid":"a""#),
            ED25519.to_owned(),
            format!(r#"{},"kid":"b""#, ED25519.replace(r#","alg":"EdDSA""#, "")),
            format!(r#"{},"kid":"b""#, ED25519.replace("EdDSA", "ES256")),
            format!(r#""kty":"RSA","n":"{short}","e":"AQAB","alg":"RS256","kid":"b""#),
            format!(r#"{},"kid":"b""#, ED25519.replace("11qYAYKx", "")),
            format!(r#"{ED25519},"kid":"b","key_ops":"verify""#),
            format!(r#"{ED25519},"kid":"b","key_ops":["verify","verify"]"#),
            format!(r#"{ED25519},"kid":"b","key_ops":["verify",1]"#),
        ] {
            assert!(parse(set(&[good.clone(), bad.clone()]).as_bytes()).is_err(), "{bad}");
        }
        for bad in [
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA","kid":"a","kid":"b"}]}"#,
            "",
            "{}",
            "[]",
            r#"{"keys":{}}"#,
            r#"{"keys":[]}"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"keys":["a"]}"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let good = set(&[good]);
        assert!(parse(format!("{good}{}", " ".repeat(64 * 1024)).as_bytes()).is_err());
        assert!(parse(good.as_bytes()).is_ok());
    }
}
