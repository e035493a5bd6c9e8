//! The token of a case.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::case::Token;
use crate::support::{Issuer, issuer::claims};

/// The keys with which a token can be signed, besides the issuer's usual one.
pub(super) struct Keys {
    /// A P-256 key of the issuer, in PKCS#8.
    p256: Vec<u8>,
    /// A key that the issuer does not know, with the `kid` of its own one.
    other: Issuer,
}

impl Keys {
    pub(super) fn generate() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { p256: key.to_pkcs8v1().unwrap().as_ref().to_vec(), other: Issuer::new("key-1") }
    }

    /// Returns the public key with the `kid` `key-p256`.
    pub(super) fn p256_jwk(&self) -> Value {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.p256).unwrap();
        let point = key.public_key().as_ref()[1..].chunks(32).map(|half| URL_SAFE_NO_PAD.encode(half));
        let [x, y] = point.collect::<Vec<_>>().try_into().unwrap();
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "key-p256"})
    }

    fn sign_p256(&self, message: &str, is_der: bool) -> Vec<u8> {
        let form = if is_der { &ECDSA_P256_SHA256_ASN1_SIGNING } else { &ECDSA_P256_SHA256_FIXED_SIGNING };
        let key = EcdsaKeyPair::from_pkcs8(form, &self.p256).unwrap();
        key.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
    }

    /// Returns the token of a case.
    pub(super) fn token(&self, issuer: &Issuer, token: &Token) -> String {
        let sign = token.sign.as_deref().unwrap_or("usual");
        let mut header = issuer.header();
        if sign.starts_with("p256") {
            (header["alg"], header["kid"]) = ("ES256".into(), "key-p256".into());
        }
        let header = text(header, &token.header, token, &token.header_insert, &token.header_text);
        let claims = claims("olivia", "acme", "owner");
        let claims = text(claims, &token.claims, token, &token.claims_insert, &token.claims_text);
        let encoded = [&header, &claims].map(|text| URL_SAFE_NO_PAD.encode(text));
        let message = encoded.join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.signature(issuer, sign, &message));
        let signed = format!("{message}.{signature}");
        let Some(raw) = &token.raw else { return signed };
        let [header, claims] = encoded;
        raw.replace("{header}", &header)
            .replace("{claims}", &claims)
            .replace("{signature}", &signature)
            .replace("{token}", &signed)
    }

    fn signature(&self, issuer: &Issuer, sign: &str, message: &str) -> Vec<u8> {
        let hmac =
            |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec();
        match sign {
            "usual" => issuer.signature(message),
            "other-key" => self.other.signature(message),
            "other-message" => issuer.signature(&issuer.token("greta", "globex", "owner")),
            "flipped-bit" => {
                let mut signature = issuer.signature(message);
                signature[10] ^= 1;
                signature
            }
            "zeros" | "p256-zeros" => vec![0; 64],
            "empty" => Vec::new(),
            "short" => issuer.signature(message)[..63].to_vec(),
            "long" => [issuer.signature(message), vec![0]].concat(),
            "hs256-with-public-key" => hmac(issuer.public_key()),
            "hs256-with-jwk" => hmac(issuer.jwk().to_string().as_bytes()),
            "p256" => self.sign_p256(message, false),
            "p256-der" => self.sign_p256(message, true),
            other => panic!("unknown way to sign: {other}"),
        }
    }
}

/// Returns the text of the header or of the claims.
fn text(mut usual: Value, changes: &Map<String, Value>, token: &Token, insert: &str, whole: &Option<String>) -> String {
    let members = usual.as_object_mut().unwrap();
    members.extend(changes.clone());
    members.retain(|name, _| !token.without.contains(name));
    let text = usual.to_string();
    let text = if insert.is_empty() { text } else { text.replacen('{', &format!("{{{insert},"), 1) };
    whole.clone().unwrap_or(text)
}
