use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
        UnparsedPublicKey,
    },
};
use curve25519_dalek::constants::EIGHT_TORSION;
use serde_json::{Value, json};

use super::*;

fn verifier_of(jwk: Value) -> Result<ParsedPublicKey, KeyError> {
    let algorithm = if jwk["kty"] == "RSA" { Algorithm::RS256 } else { Algorithm::EdDSA };
    verifier(&serde_json::from_value::<AlgorithmParameters>(jwk).unwrap(), algorithm)
}

fn ed25519_of(x: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    verifier_of(json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x)}))
}

fn p256_of(x: &[u8], y: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
    verifier_of(json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}))
}

fn rsa_of(n: &[u8], e: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
    verifier_of(json!({"kty": "RSA", "n": n, "e": e}))
}

/// Returns a number of this many bytes, odd and with its highest bit set.
fn modulus(bytes: usize) -> Vec<u8> {
    vec![0xff; bytes]
}

/// Returns the encoding of a small y coordinate plus the prime 2²⁵⁵ − 19: a second name for `y`.
fn not_canonical(y: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + y;
    bytes[31] = 0x7f;
    bytes
}

fn canonical(y: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = y;
    bytes
}

#[test]
fn anyone_could_sign_for_ed25519_keys_of_small_order() {
    // R is the identity, S is 0.
    let mut forged = [0; 64];
    forged[0] = 1;
    let identity = canonical(1);
    UnparsedPublicKey::new(&ED25519, identity).verify(b"any message", &forged).expect("aws-lc accepts the key");
    assert!(ed25519_of(&identity).is_err());
    for point in EIGHT_TORSION {
        assert!(ed25519_of(point.compress().as_bytes()).is_err());
    }
}

#[test]
fn ed25519_key_is_a_point_in_its_only_encoding() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = pair.public_key().as_ref();
    assert!(ed25519_of(key).is_ok());
    for bad in [&[][..], &key[1..], &[key, &[0]].concat(), &[0; 32], &[0xff; 32]] {
        assert!(ed25519_of(bad).is_err(), "{bad:?}");
    }
    let is_point = |bytes: [u8; 32]| CompressedEdwardsY(bytes).decompress().is_some();
    let no_points: Vec<_> = (2..=18).filter(|y| !is_point(canonical(*y))).collect();
    let points: Vec<_> = (2..=18).filter(|y| is_point(canonical(*y))).collect();
    assert!(!no_points.is_empty() && !points.is_empty());
    for y in no_points {
        assert!(ed25519_of(&canonical(y)).is_err(), "{y} is not on the curve");
    }
    for y in points {
        assert!(ed25519_of(&canonical(y)).is_ok());
        assert!(is_point(not_canonical(y)) && ed25519_of(&not_canonical(y)).is_err(), "{y} plus the prime");
    }
}

#[test]
fn p256_key_is_a_point_with_full_coordinates() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    assert!(p256_of(x, y).is_ok());
    let mut off_curve = y.to_vec();
    off_curve[31] ^= 1;
    let (zero, mut one) = ([0; 32], [0; 32]);
    one[31] = 1;
    for (bad_x, bad_y) in [
        (x, &off_curve[..]),
        (&zero, y),
        (&zero, &zero),
        (&one, y),
        (&x[1..], y),
        (x, &y[1..]),
        (&[&[0], x].concat(), y),
        (&[], y),
        // Not below the prime.
        (&[0xff; 32], y),
    ] {
        assert!(p256_of(bad_x, bad_y).is_err(), "{bad_x:?}, {bad_y:?}");
    }
}

#[test]
fn rsa_key_is_odd_and_has_2048_to_8192_bits() {
    const E: &[u8] = &[1, 0, 1];
    for bytes in [256, 512, 1_024] {
        assert!(rsa_of(&modulus(bytes), E).is_ok(), "{bytes}");
    }
    let mut even = modulus(256);
    even[255] = 0xfe;
    let mut bits_2047 = modulus(256);
    bits_2047[0] = 0x7f;
    assert!(matches!(rsa_of(&bits_2047, E), Err(KeyError::ShortRsa)));
    assert!(matches!(rsa_of(&modulus(255), E), Err(KeyError::ShortRsa)));
    assert!(matches!(rsa_of(&[&[0; 256], &modulus(255)[..]].concat(), E), Err(KeyError::ShortRsa)));
    for (n, e) in [(&even, E), (&modulus(1_025), E), (&modulus(2_048), E)] {
        assert!(rsa_of(n, e).is_err(), "{} bytes", n.len());
    }
    for e in [&[][..], &[0], &[0, 0], &[1], &[2], &[1, 0, 0], &[0xff; 9]] {
        assert!(rsa_of(&modulus(256), e).is_err(), "{e:?}");
    }
    assert!(rsa_of(&modulus(256), &[3]).is_ok());
}

#[test]
fn leading_zeros_of_an_rsa_key_change_nothing() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // RSAPublicKey (RFC 8017, appendix A.1.1): a modulus of 256 bytes after a zero byte, and the exponent 65,537.
    let der = pair.public_key().as_ref();
    let n = &der[8..265];
    assert_eq!((n[0], n.len()), (0, 257));
    let mut signature = vec![0; 256];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut signature).unwrap();
    for (n, e) in [(n, &[1, 0, 1][..]), (&n[1..], &[1, 0, 1]), (n, &[0, 0, 1, 0, 1])] {
        let key = rsa_of(n, e).unwrap();
        assert!(key.verify_sig(b"message", &signature).is_ok());
    }
}
