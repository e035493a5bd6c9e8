use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use curve25519_dalek::constants::EIGHT_TORSION;
use serde_json::json;

use super::*;

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "b"})
}

fn p256() -> Value {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": "b"})
}

/// Returns an RSA key of this many bytes.
fn rsa(bytes: usize) -> Value {
    json!({"kty": "RSA", "n": encode(&vec![0xff; bytes]), "e": "AQAB", "kid": "b"})
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the key with a member added or replaced; `null` removes it.
fn with(mut key: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        drop(key.as_object_mut().unwrap().remove(name))
    } else {
        key[name] = value
    }
    key
}

fn parse_keys(keys: &[Value]) -> Result<KeySet, KeySetError> {
    parse(json!({"keys": keys}).to_string().as_bytes())
}

/// The usable key beside which each key of a table is published.
fn good() -> Value {
    with(with(ed25519(), "kid", json!("a")), "alg", json!("EdDSA"))
}

#[test]
fn each_key_has_exactly_one_algorithm() {
    use Algorithm::{ES256, EdDSA, PS256, RS256};
    for (key, alg, expected) in [
        (ed25519(), Value::Null, Ok(EdDSA)),
        (ed25519(), json!("EdDSA"), Ok(EdDSA)),
        (ed25519(), json!("Ed25519"), Ok(EdDSA)),
        (ed25519(), json!("ES256"), Err(KeyError::TypeMismatch)),
        (ed25519(), json!("Ed448"), Err(KeyError::OtherAlgorithm)),
        (ed25519(), json!("ed25519"), Err(KeyError::OtherAlgorithm)),
        (p256(), Value::Null, Ok(ES256)),
        (p256(), json!("ES256"), Ok(ES256)),
        (p256(), json!("ES384"), Err(KeyError::OtherAlgorithm)),
        (p256(), json!("ECDH-ES"), Err(KeyError::OtherAlgorithm)),
        (rsa(256), Value::Null, Ok(RS256)),
        (rsa(256), json!("RS256"), Ok(RS256)),
        (rsa(256), json!("PS256"), Ok(PS256)),
        (rsa(256), json!("EdDSA"), Err(KeyError::TypeMismatch)),
        (rsa(256), json!("RSA-OAEP"), Err(KeyError::OtherAlgorithm)),
        (rsa(256), json!("HS256"), Err(KeyError::OtherAlgorithm)),
        (rsa(256), json!("none"), Err(KeyError::OtherAlgorithm)),
        (rsa(256), json!(["RS256"]), Err(KeyError::OtherAlgorithm)),
    ] {
        let case = format!("{} {alg}", key["kty"]);
        let keys = parse_keys(&[good(), with(key, "alg", alg)]).expect(&case);
        match expected {
            Ok(algorithm) => assert_eq!(keys.get("b").map(|key| key.algorithm), Some(algorithm), "{case}"),
            Err(error) => assert_eq!(keys.skipped.to_string(), format!("key 1: {error}"), "{case}"),
        }
    }
}

#[test]
fn a_key_that_cannot_be_used_is_skipped() {
    let small_order = encode(EIGHT_TORSION[1].compress().as_bytes());
    for (key, error) in [
        (with(ed25519(), "kid", Value::Null), KeyError::NoKid),
        (with(ed25519(), "kid", json!("")), KeyError::NoKid),
        (with(ed25519(), "kid", json!(7)), KeyError::NoKid),
        (with(ed25519(), "kid", json!("a")), KeyError::DuplicateKid),
        (with(ed25519(), "use", json!("enc")), KeyError::OtherUse),
        (with(ed25519(), "use", json!(["sig"])), KeyError::OtherUse),
        (with(ed25519(), "key_ops", json!(["sign"])), KeyError::OtherOperations),
        (with(ed25519(), "key_ops", json!("verify")), KeyError::BadOperations),
        (with(ed25519(), "key_ops", json!(["verify", "verify"])), KeyError::BadOperations),
        (with(ed25519(), "key_ops", json!(["verify", 1])), KeyError::BadOperations),
        (json!("a"), KeyError::OtherType),
        (json!([ed25519()]), KeyError::OtherType),
        (json!({"kid": "b"}), KeyError::OtherType),
        (json!({"kid": "b", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), KeyError::OtherType),
        (json!({"kid": "b", "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}), KeyError::OtherType),
        (json!({"kid": "b", "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}), KeyError::OtherType),
        (json!({"kid": "b", "kty": "OKP", "crv": "X25519", "x": "AA"}), KeyError::OtherType),
        (with(ed25519(), "crv", json!("P-256")), KeyError::OtherType),
        (with(rsa(256), "kty", json!("rsa")), KeyError::OtherType),
        (with(rsa(256), "n", json!(3)), KeyError::OtherType),
        (with(rsa(256), "e", Value::Null), KeyError::OtherType),
        (rsa(128), KeyError::ShortRsa),
        (with(rsa(256), "e", json!("Ag")), KeyError::BadParameters),
        (with(ed25519(), "x", json!("AA")), KeyError::BadParameters),
        (with(ed25519(), "x", json!(small_order)), KeyError::BadParameters),
        (with(p256(), "y", json!(encode(&[1; 32]))), KeyError::BadParameters),
    ] {
        // Alone, the key leaves nothing to verify with.
        let alone = with(good(), "kid", json!("c"));
        let keys = parse_keys(&[alone, key.clone(), good()]).unwrap_or_else(|error| panic!("{key}: {error}"));
        let expected = if error == KeyError::DuplicateKid {
            "key 1: duplicate kid; key 2: duplicate kid".to_owned()
        } else {
            format!("key 1: {error}")
        };
        assert_eq!(keys.skipped.to_string(), expected, "{key}");
        assert!(keys.get("c").is_some() && keys.get("b").is_none(), "{key}");
        if error != KeyError::DuplicateKid {
            assert!(matches!(parse_keys(&[key]), Err(KeySetError::NoUsableKey(_))));
        }
    }
}

#[test]
fn neither_of_two_keys_with_one_kid_is_used() {
    let pair = with(good(), "kid", json!("b"));
    let unusable = with(pair.clone(), "use", json!("enc"));
    // Neither is used, even if only one of them could be.
    for keys in
        [[pair.clone(), good(), pair.clone()], [pair.clone(), good(), unusable.clone()], [unusable, good(), pair]]
    {
        let keys = parse_keys(&keys).unwrap();
        assert_eq!((keys.count(), keys.get("b").is_none()), (1, true));
        assert_eq!(keys.skipped.to_string(), "key 0: duplicate kid; key 2: duplicate kid");
    }
    assert!(matches!(parse_keys(&[good(), good()]), Err(KeySetError::NoUsableKey(_))));
}

#[test]
fn a_secret_anywhere_refuses_the_whole_set() {
    for member in SECRET_MEMBERS {
        for key in [
            with(ed25519(), member, json!("AAAA")),
            // Also in a key that cannot be used, or that is not a key.
            json!({member: null}),
            with(with(ed25519(), "use", json!("enc")), member, json!("AAAA")),
            json!({"kty": "unknown", member: "AAAA"}),
            json!([{member: "AAAA"}]),
            json!({"kid": "b", "jwk": {member: "AAAA"}}),
        ] {
            assert_eq!(parse_keys(&[good(), key.clone()]).err(), Some(KeySetError::SecretKey(1)), "{key}");
        }
        let beside = json!({"keys": [good()], member: "AAAA"}).to_string();
        assert_eq!(parse(beside.as_bytes()).err(), Some(KeySetError::SecretMember), "{member}");
    }
    let symmetric = json!({"kty": "oct", "kid": "h", "alg": "HS256"});
    assert_eq!(parse_keys(&[symmetric, good()]).err(), Some(KeySetError::SecretKey(0)));
}

#[test]
fn a_text_that_is_not_a_key_set_is_refused() {
    let key = good().to_string();
    let duplicate = key.replacen('{', r#"{"kid":"a","#, 1);
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        &format!(r#"{{"keys":[{key}],"keys":[{key}]}}"#),
        &format!(r#"{{"keys":[{duplicate}]}}"#),
        &format!(r#"{{"keys":[{key}]}}{}"#, " ".repeat(64 * 1024)),
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let mut largest = format!(r#"{{"keys":[{key}]}}"#).into_bytes();
    largest.resize(64 * 1024, b' ');
    assert!(parse(&largest).is_ok());
    largest.push(b' ');
    assert_eq!(parse(&largest).err(), Some(KeySetError::TooLarge));
}

#[test]
fn members_that_providers_add_are_ignored() {
    // Microsoft Entra publishes a certificate and its issuer, and no `alg`.
    let certificate = "M".repeat(1_500);
    let entra = |position: usize| {
        let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let key = with(rsa(256), "kid", json!(format!("key-{position}")));
        with(
            with(with(with(key, "use", json!("sig")), "x5t", json!("x")), "x5c", json!([certificate])),
            "issuer",
            json!(issuer),
        )
    };
    let keys: Vec<_> = (0..25).map(entra).collect();
    assert_eq!(parse_keys(&keys).unwrap().count(), 25);
}

#[test]
fn a_message_names_at_most_eight_skipped_keys_and_no_value() {
    let keys: Vec<_> = (0..20).map(|_| json!({"kid": "secret-looking", "kty": "sk_live_x"})).collect();
    let message = parse_keys(&keys).unwrap_err().to_string();
    assert!(message.contains("key 7: duplicate kid; and 12 more") && !message.contains("secret"), "{message}");
}
