//! JSON Web Signatures of Project Wycheproof and of three RFCs, as principal tokens.
//!
//! No payload has the claims of a principal token, so even a valid vector is refused in the end. What counts is that a valid one is
//! refused for its claims, which are read after the signature, and an invalid one before.

use serde_json::{Value, json};

use super::{Tally, read};
use crate::support::token_verifier::{TokenVerifier, is_about_claims};

/// Returns a set with these keys, without the members of private asymmetric keys. A symmetric key stays one.
pub(super) fn public_set(keys: &Value) -> Value {
    let several = keys.as_array().or_else(|| keys["keys"].as_array());
    let mut keys = several.cloned().unwrap_or_else(|| vec![keys.clone()]);
    for key in keys.iter_mut().filter(|key| key["kty"] != "oct") {
        for secret in ["d", "p", "q", "dp", "dq", "qi"] {
            key.as_object_mut().unwrap().remove(secret);
        }
    }
    json!({"keys": keys})
}

/// Counts what happens to a vector, and asserts that no invalid one gets as far as its claims.
pub(super) fn count(tally: &mut Tally, verifier: &Result<TokenVerifier, String>, token: &str, is_valid: bool) {
    let cause = match verifier {
        Err(cause) => short(cause),
        Ok(verifier) => verifier.read(token).expect_err("no vector has the claims of a principal token"),
    };
    match (is_valid, is_about_claims(&cause)) {
        (true, true) => tally.count("valid: signature accepted"),
        (true, false) => {
            assert_ne!(cause, "signature is not valid", "{token}");
            tally.count(format!("valid, not applicable: {cause}"));
        }
        (false, true) => panic!("the signature of an invalid vector was accepted: {token}"),
        (false, false) => tally.count(format!("invalid: {cause}")),
    }
}

/// Shortens the cause of a set with one key, which cannot be used.
fn short(cause: &str) -> String {
    match cause.split_once(" (") {
        Some((start, skipped)) if start.starts_with("no usable key") => {
            format!("no usable key: {}", skipped.trim_start_matches("key 0: ").strip_suffix(')').unwrap())
        }
        _ => cause.to_owned(),
    }
}

/// Returns whether a vector of Project Wycheproof is valid.
pub(super) fn is_valid(vector: &Value) -> bool {
    match vector["result"].as_str().unwrap() {
        "valid" => true,
        "invalid" => false,
        other => panic!("{other}: {vector}"),
    }
}

async fn wycheproof(file: &str) -> Tally {
    let mut tally = Tally::default();
    for group in read(file)["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        let verifier = TokenVerifier::lenient(&public_set(keys)).await;
        for vector in group["tests"].as_array().unwrap() {
            let token = vector.get("jws").or_else(|| vector.get("jwe")).unwrap();
            let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
            count(&mut tally, &verifier, &token, is_valid(vector));
        }
    }
    tally
}

#[tokio::test]
async fn wycheproof_json_web_signature() {
    let expected = "
        1 invalid: alg is not allowed (expected EdDSA, Ed25519, ES256, RS256 or PS256)
        1 invalid: header has the forbidden member jwk
        4 invalid: header is not a JSON object with unique members
        30 invalid: key 0 is private or symmetric; publish public keys only
        2 invalid: kid does not match any key
        17 invalid: no usable key: alg is not supported
        2 invalid: no usable key: key_ops does not contain verify
        2 invalid: no usable key: use is not sig
        286 invalid: signature is not valid
        10 invalid: token is not a compact JWS (expected three segments)
        2 valid, not applicable: alg is not allowed (expected EdDSA, Ed25519, ES256, RS256 or PS256)
        10 valid, not applicable: key 0 is private or symmetric; publish public keys only
        16 valid, not applicable: no usable key: alg is not supported
        2 valid, not applicable: no usable key: not a public key of a supported type (RSA, P-256 or Ed25519)
        16 valid: signature accepted
        ";
    wycheproof("wycheproof/json_web_signature_test.json").await.assert("Wycheproof json_web_signature", expected);
}

#[tokio::test]
async fn wycheproof_json_web_crypto() {
    let expected = "
        1 invalid: alg is not allowed (expected EdDSA, Ed25519, ES256, RS256 or PS256)
        1 invalid: header has the forbidden member jwk
        4 invalid: header is not a JSON object with unique members
        34 invalid: key 0 is private or symmetric; publish public keys only
        2 invalid: kid does not match any key
        1 invalid: no usable key: RSA modulus can be factored (ROCA, CVE-2017-15361)
        16 invalid: no usable key: use is not sig
        8 invalid: signature is not valid
        10 invalid: token is not a compact JWS (expected three segments)
        3 valid, not applicable: key 0 is private or symmetric; publish public keys only
        1 valid, not applicable: no usable key: use is not sig
        2 valid: signature accepted
        ";
    wycheproof("wycheproof/json_web_crypto_test.json").await.assert("Wycheproof json_web_crypto", expected);
}

/// Every serialization of every example. All of them are valid.
#[tokio::test]
async fn rfc_examples() {
    let mut tally = Tally::default();
    for file in ["rfc/rfc7515.json", "rfc/rfc7520.json", "rfc/rfc8037.json"] {
        for example in read(file)["examples"].as_array().unwrap() {
            // The keys of most examples have no `kid`, and neither have their headers.
            let mut keys = public_set(&example["keys"]);
            for (number, key) in keys["keys"].as_array_mut().unwrap().iter_mut().enumerate() {
                key.as_object_mut().unwrap().entry("kid").or_insert_with(|| number.to_string().into());
            }
            let verifier = TokenVerifier::lenient(&keys).await;
            for serialization in example["serializations"].as_array().unwrap() {
                let token = serialization.as_str().map_or_else(|| serialization.to_string(), str::to_owned);
                count(&mut tally, &verifier, &token, true);
            }
        }
    }
    let expected = "
        1 valid, not applicable: alg is not allowed (expected EdDSA, Ed25519, ES256, RS256 or PS256)
        11 valid, not applicable: key 0 is private or symmetric; publish public keys only
        1 valid, not applicable: key 2 is private or symmetric; publish public keys only
        3 valid, not applicable: kid is missing or not a string
        1 valid, not applicable: no usable key: no key at all
        4 valid, not applicable: no usable key: not a public key of a supported type (RSA, P-256 or Ed25519)
        6 valid, not applicable: token is not a compact JWS (expected three segments)
        1 valid: signature accepted
        ";
    tally.assert("RFC 7515, 7520 and 8037, as tokens", expected);
}
