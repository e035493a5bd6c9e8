//! The keys that verify principal tokens: a JSON Web Key Set, taken whole or not at all.
//!
//! Format: RFC 7517; algorithms: RFC 7518, RFC 8037.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk},
};
use serde_json::Value;

use crate::{grpc::auth::unique_json::UniqueObject, reload::file::ReloadingFile, reload::url::ReloadingUrl};

/// Members that only a private or symmetric key has.
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const MIN_RSA_BITS: usize = 2_048;

/// The largest set, in bytes.
const MAX_SET_BYTES: usize = 64 * 1024;

/// A key and the one algorithm that it is for.
pub struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) verifier: DecodingKey,
}

/// The usable keys of a set, by `kid`.
pub type KeySet = HashMap<String, Key>;

/// Parses a set. Each key has `kid` and `alg` and no private member; then keys for another use or algorithm are skipped,
/// and one usable key is left.
///
/// # Errors
/// What is wrong with the set, without quoting it.
pub fn parse(bytes: &[u8]) -> Result<KeySet, String> {
    if bytes.len() > MAX_SET_BYTES {
        return Err(format!("it is over {MAX_SET_BYTES} bytes"));
    }
    let UniqueObject(set) = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON object: {error}"))?;
    let Some(Value::Array(members)) = set.get("keys") else {
        return Err("it has no array `keys`, so it is no JSON Web Key Set".to_owned());
    };
    let mut kids = std::collections::HashSet::new();
    let mut usable = KeySet::new();
    for (position, member) in members.iter().enumerate() {
        let at = |cause: &str| format!("key {position}: {cause}");
        let kid = member
            .get("kid")
            .and_then(Value::as_str)
            .filter(|kid| !kid.is_empty())
            .ok_or_else(|| at("it has no kid"))?;
        if !kids.insert(kid) {
            return Err(at("its kid stands twice"));
        }
        if let Some(key) = key(member).map_err(|cause| at(&cause))? {
            usable.insert(kid.to_owned(), key);
        }
    }
    if usable.is_empty() { Err("it has no key for EdDSA, ES256, RS256 or PS256".to_owned()) } else { Ok(usable) }
}

/// A usable key, or none for one of another use or algorithm.
fn key(member: &Value) -> Result<Option<Key>, String> {
    if SECRET_MEMBERS.iter().any(|secret| member.get(secret).is_some()) || member.get("kty") == Some(&"oct".into()) {
        return Err("it is private or symmetric; publish public keys only".to_owned());
    }
    let alg = member.get("alg").and_then(Value::as_str).ok_or("it has no alg")?;
    if member.get("kty") == Some(&"RSA".into()) && rsa_bits(member) < MIN_RSA_BITS {
        return Err(format!("its RSA modulus is under {MIN_RSA_BITS} bits"));
    }
    if member.get("use").is_some_and(|usage| usage != "sig") {
        return Ok(None);
    }
    let Some(algorithm) = algorithm(alg) else { return Ok(None) };
    let jwk: Jwk = serde_json::from_value(member.clone()).map_err(|_| "it is no JSON Web Key")?;
    if !fits(&jwk.algorithm, algorithm) {
        return Err("its type does not fit its alg".to_owned());
    }
    let verifier = DecodingKey::from_jwk(&jwk).map_err(|_| "its numbers make no key")?;
    Ok(Some(Key { algorithm, verifier }))
}

/// The four algorithms that may sign a principal token; every other is refused, `none` and HMAC first of all.
pub(super) fn algorithm(alg: &str) -> Option<Algorithm> {
    match alg {
        "EdDSA" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        _ => None,
    }
}

fn fits(parameters: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match parameters {
        AlgorithmParameters::OctetKeyPair(okp) => algorithm == Algorithm::EdDSA && okp.curve == EllipticCurve::Ed25519,
        AlgorithmParameters::EllipticCurve(ec) => algorithm == Algorithm::ES256 && ec.curve == EllipticCurve::P256,
        AlgorithmParameters::RSA(_) => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_) | _ => false,
    }
}

fn rsa_bits(member: &Value) -> usize {
    let modulus =
        member.get("n").and_then(Value::as_str).and_then(|n| URL_SAFE_NO_PAD.decode(n).ok()).unwrap_or_default();
    let significant: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
    significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize)
}

/// Where the set comes from.
#[derive(Debug)]
pub enum Source {
    /// A file, looked at several times a second.
    File(ReloadingFile<KeySet>),
    /// An https URL, fetched now and then.
    Url(ReloadingUrl<KeySet>),
}

/// The current set, as long as it is not too old to be trusted.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    max_age: Duration,
}

impl Keys {
    /// Over a set that is read again, with the longest time that it may fail to be.
    #[must_use]
    pub const fn new(source: Source, max_age: Duration) -> Self {
        Self { source, max_age }
    }

    /// Waits for the first good set.
    pub async fn loaded(&self) {
        match &self.source {
            // A file that is not good stops the start.
            Source::File(_) => {}
            Source::Url(url) => url.loaded().await,
        }
    }

    /// How many keys are usable now; none when there is no set that can be trusted.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.current().map(|keys| keys.len())
    }

    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        match &self.source {
            Source::File(file) => file.get_fresh(self.max_age),
            Source::Url(url) => url.get_fresh(self.max_age),
        }
    }

    /// A `kid` that names no key may have been published just now.
    pub(super) fn may_be_new(&self) {
        match &self.source {
            Source::File(_) => {}
            Source::Url(url) => url.fetch_soon(),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA""#;

    fn set(keys: &[String]) -> String {
        format!(r#"{{"keys":[{}]}}"#, keys.iter().map(|key| format!("{{{key}}}")).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn usable_keys_are_taken_and_those_of_another_use_or_algorithm_skipped() {
        let good = format!(r#"{ED},"kid":"a","use":"sig""#);
        let encryption = format!(r#"{ED},"kid":"b","use":"enc""#);
        let other = r#""kty":"EC","crv":"P-384","x":"AA","y":"AA","alg":"ES384","kid":"c""#.to_owned();
        let keys = parse(set(&[good, encryption, other]).as_bytes()).unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_set_is_refused_whole() {
        let good = format!(r#"{ED},"kid":"a""#);
        let short = URL_SAFE_NO_PAD.encode([0xff_u8; 128]);
        for bad in [
            r#""kty":"oct","k":"AAAA","alg":"HS256","kid":"b""#.to_owned(),
            format!(r#"{ED},"kid":"b","d":"AAAA""#),
            format!(r#"{ED},"kid":"a""#),
            ED.to_owned(),
            format!(r#"{},"kid":"b""#, ED.replace(r#","alg":"EdDSA""#, "")),
            format!(r#"{},"kid":"b""#, ED.replace("EdDSA", "ES256")),
            format!(r#""kty":"RSA","n":"{short}","e":"AQAB","alg":"RS256","kid":"b""#),
        ] {
            assert!(parse(set(&[good.clone(), bad.clone()]).as_bytes()).is_err(), "{bad}");
        }
        for bad in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":["a"]}"#]
        {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let good = set(&[good]);
        assert!(parse(format!("{good}{}", " ".repeat(64 * 1024)).as_bytes()).is_err());
        assert!(parse(good.as_bytes()).is_ok());
    }
}
