//! JSON Web Keys of Project Wycheproof, as the key set that verifies principal tokens.

use billing_portal::grpc::auth::jwks;
use serde_json::Value;

use super::{
    Tally,
    jws::{count, is_valid, public_set},
    read,
};
use crate::support::token_verifier::TokenVerifier;

const FILE: &str = "wycheproof/json_web_key_test.json";

fn groups() -> Vec<Value> {
    read(FILE)["testGroups"].as_array().unwrap().clone()
}

/// A vector has a key set and a token. An invalid set may be refused with the set, or with the token.
#[tokio::test]
async fn wycheproof_json_web_key() {
    let mut tally = Tally::default();
    for group in groups() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        let verifier = TokenVerifier::lenient(&public_set(keys)).await;
        for vector in group["tests"].as_array().unwrap() {
            count(&mut tally, &verifier, vector["jws"].as_str().unwrap(), is_valid(vector));
        }
    }
    let expected = "
        11 invalid: key 0 is private or symmetric; publish public keys only
        1 invalid: no usable key: RSA modulus can be factored (ROCA, CVE-2017-15361)
        1 invalid: no usable key: RSA modulus is shorter than 2048 bits
        2 invalid: no usable key: alg is not supported
        2 invalid: no usable key: not a public key of a supported type (RSA, P-256 or Ed25519)
        2 invalid: no usable key: parameters do not form a public key that an issuer can have generated
        2 invalid: no usable key: use is not sig
        4 valid, not applicable: key 0 is private or symmetric; publish public keys only
        1 valid: signature accepted
        ";
    tally.assert("Wycheproof json_web_key", expected);
}

/// The private half of each set, as if it had been published by mistake.
#[test]
fn wycheproof_private_keys_are_refused() {
    let mut tally = Tally::default();
    for group in groups() {
        let error = jwks::parse(group["private"].to_string().as_bytes()).expect_err("a private key is refused");
        tally.count(error.to_string());
    }
    let expected = "25 key 0 is private or symmetric; publish public keys only";
    tally.assert("Wycheproof json_web_key, published with private keys", expected);
}
