//! Key pairs of every algorithm, and tokens that they sign.

use std::sync::OnceLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The algorithms, each with the `kid` of its key.
pub(super) const ALGORITHMS: [(&str, &str); 4] =
    [("EdDSA", "ed25519"), ("ES256", "p256"), ("RS256", "rsa"), ("PS256", "rsa-pss")];

/// Signs tokens. RS256 and PS256 have the same key pair, published twice.
pub(super) struct Signer {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
    rsa: &'static RsaKeyPair,
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub(super) fn new() -> Self {
        static RSA: OnceLock<RsaKeyPair> = OnceLock::new();
        Self {
            ed25519: Ed25519KeyPair::generate().unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            rsa: RSA.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    pub(super) fn modulus(&self) -> Vec<u8> {
        self.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    pub(super) fn key_set(&self) -> Value {
        let (x, y) = self.p256.public_key().as_ref()[1..].split_at(32);
        let (n, e) =
            (encode(self.modulus()), encode(self.rsa.public_key().exponent().big_endian_without_leading_zero()));
        json!({"keys": [
            // Without `alg`: here, `Ed25519` and `EdDSA` mean the same, but for jose an `alg` allows only itself.
            {"kid": "ed25519", "kty": "OKP", "crv": "Ed25519", "x": encode(self.ed25519.public_key())},
            {"kid": "p256", "kty": "EC", "crv": "P-256", "alg": "ES256", "x": encode(x), "y": encode(y)},
            {"kid": "rsa", "kty": "RSA", "alg": "RS256", "n": n, "e": e},
            {"kid": "rsa-pss", "kty": "RSA", "alg": "PS256", "n": n, "e": e},
        ]})
    }

    /// Signs text that need not be a header and claims, with the key of an algorithm.
    pub(super) fn sign(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.signature(algorithm, message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    pub(super) fn signature(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        match algorithm {
            "EdDSA" => self.ed25519.sign(message).as_ref().to_vec(),
            "ES256" => self.p256.sign(&random, message).unwrap().as_ref().to_vec(),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            other => panic!("{other}"),
        }
    }
}
