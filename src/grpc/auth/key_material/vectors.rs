//! Signatures of Project Wycheproof and of three RFCs, verified with the keys as a key set has them. They do not have the form of a
//! principal token. [`tests/suite/vectors`](../../../../tests/suite/vectors/mod.rs) has those that do.

use std::{collections::BTreeMap, fs, path::Path};

use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Value, json};

use super::*;
use crate::grpc::auth::jwks;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn verifier_of(key: Value, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
    verifier(&serde_json::from_value(key).unwrap(), algorithm)
}

/// Prints how often there was each outcome, and asserts that it is as expected.
fn assert_counts(name: &str, counts: &BTreeMap<String, usize>, expected: &[(&str, usize)]) {
    println!("{name}: {counts:#?}");
    let expected: BTreeMap<_, _> = expected.iter().map(|(outcome, count)| ((*outcome).to_owned(), *count)).collect();
    assert_eq!(*counts, expected);
}

/// Returns the key of a group of vectors. Not every group has it as a JSON Web Key.
fn key_of(group: &Value) -> Value {
    let key = &group["publicKey"];
    let decode = |name: &str| hex::decode(key[name].as_str().unwrap()).unwrap();
    if key.get("modulus").is_some() {
        let [n, e] = ["modulus", "publicExponent"].map(|name| URL_SAFE_NO_PAD.encode(decode(name)));
        json!({"kty": "RSA", "n": n, "e": e})
    } else if key.get("uncompressed").is_some() {
        let point = decode("uncompressed");
        let (x, y) = point[1..].split_at(P256_COORDINATE_BYTES);
        json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    } else {
        group["publicKeyJwk"].clone()
    }
}

#[test]
fn wycheproof_signatures() {
    for (file, algorithm, expected) in [
        ("ed25519_test.json", Algorithm::EdDSA, &[("invalid: refused", 63), ("valid: accepted", 88)][..]),
        (
            "ecdsa_secp256r1_sha256_p1363_test.json",
            Algorithm::ES256,
            &[("invalid: refused", 89), ("valid: accepted", 173)],
        ),
        (
            "rsa_signature_2048_sha256_test.json",
            Algorithm::RS256,
            &[("acceptable: refused", 1), ("invalid: refused", 249), ("valid: accepted", 9)],
        ),
        (
            "rsa_pss_2048_sha256_mgf1_32_test.json",
            Algorithm::PS256,
            &[("invalid: refused", 45), ("valid: accepted", 63)],
        ),
    ] {
        let mut counts = BTreeMap::new();
        for group in read(&format!("wycheproof/{file}"))["testGroups"].as_array().unwrap() {
            let verifier = verifier_of(key_of(group), algorithm).unwrap();
            for vector in group["tests"].as_array().unwrap() {
                let [message, signature] =
                    ["msg", "sig"].map(|name| hex::decode(vector[name].as_str().unwrap()).unwrap());
                let is_accepted = verifier.verify_sig(&message, &signature).is_ok();
                let outcome = if is_accepted { "accepted" } else { "refused" };
                *counts.entry(format!("{}: {outcome}", vector["result"].as_str().unwrap())).or_default() += 1;
            }
        }
        assert_counts(file, &counts, expected);
    }
}

/// The protected headers, payloads and signatures of a serialization.
fn signatures(serialization: &Value) -> Vec<[String; 3]> {
    if let Some(compact) = serialization.as_str() {
        let segments: Vec<_> = compact.split('.').map(str::to_owned).collect();
        return vec![segments.try_into().unwrap()];
    }
    let text = |object: &Value, name: &str| object.get(name).map_or("", |text| text.as_str().unwrap()).to_owned();
    let alone = vec![serialization.clone()];
    let all = serialization.get("signatures").map_or(&alone, |all| all.as_array().unwrap());
    all.iter().map(|one| [text(one, "protected"), text(serialization, "payload"), text(one, "signature")]).collect()
}

/// A signature is applicable if one of the keys, with the algorithm of the header, can be used.
#[test]
fn rfc_signatures() {
    let mut counts = BTreeMap::new();
    for file in ["rfc/rfc7515.json", "rfc/rfc7520.json", "rfc/rfc8037.json"] {
        for example in read(file)["examples"].as_array().unwrap() {
            for [header, payload, signature] in
                example["serializations"].as_array().unwrap().iter().flat_map(signatures)
            {
                let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
                let members: Value = serde_json::from_slice(&decode(&header)).unwrap_or_default();
                let alg = members["alg"].as_str().unwrap_or("an algorithm outside of the protected header").to_owned();
                let Some(algorithm) = jwks::algorithm(&alg) else {
                    *counts.entry(format!("not applicable: {alg}")).or_default() += 1;
                    continue;
                };
                let of_type = if algorithm == Algorithm::ES256 {
                    "EC"
                } else if algorithm == Algorithm::EdDSA {
                    "OKP"
                } else {
                    "RSA"
                };
                let key = example["keys"].as_array().unwrap().iter().find(|key| key["kty"] == of_type).unwrap();
                let verifier = verifier_of(key.clone(), algorithm).unwrap();
                let message = format!("{header}.{payload}");
                let mut signature = decode(&signature);
                assert!(verifier.verify_sig(message.as_bytes(), &signature).is_ok(), "{message}");
                signature[7] ^= 1;
                assert!(verifier.verify_sig(message.as_bytes(), &signature).is_err(), "{message}");
                *counts.entry(format!("{alg}: accepted, and refused with another bit")).or_default() += 1;
            }
        }
    }
    let expected = [
        ("ES256: accepted, and refused with another bit", 3),
        ("EdDSA: accepted, and refused with another bit", 1),
        ("RS256: accepted, and refused with another bit", 6),
        ("not applicable: ES512", 4),
        ("not applicable: HS256", 10),
        ("not applicable: PS384", 3),
        ("not applicable: an algorithm outside of the protected header", 3),
        ("not applicable: none", 1),
    ];
    assert_counts("RFC 7515, 7520 and 8037", &counts, &expected);
}

#[test]
fn key_with_the_weakness_roca_is_refused() {
    let file = read("wycheproof/json_web_key_test.json");
    let groups = file["testGroups"].as_array().unwrap();
    let roca = groups.iter().find(|group| group["comment"] == "jws_rsa_roca_key").unwrap();
    let good = groups.iter().find(|group| group["comment"] == "rs256").unwrap();
    let verifier = |group: &Value| verifier_of(group["public"]["keys"][0].clone(), Algorithm::RS256).map(drop);
    assert_eq!(verifier(roca), Err(KeyError::Roca));
    assert_eq!(verifier(good), Ok(()));
}
