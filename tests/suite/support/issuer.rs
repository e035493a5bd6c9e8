//! The product's token issuer: signs valid principal tokens and arbitrary invalid ones.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// A key pair with its `kid`.
pub(crate) struct Issuer {
    key: EncodingKey,
    public: Vec<u8>,
    kid: &'static str,
}

impl Issuer {
    pub(crate) fn new(kid: &'static str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        Self { key: EncodingKey::from_ed_der(der.as_ref()), public: pair.public_key().as_ref().to_vec(), kid }
    }

    /// Returns the private key (PKCS#8). It fits on one line.
    pub(crate) fn private_key_pem(&self) -> String {
        let base64 = STANDARD.encode(self.key.as_bytes());
        format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
    }

    pub(crate) fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(&self.public);
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "use": "sig", "kid": self.kid})
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "principal+jwt", "kid": self.kid})
    }

    /// Signs a valid token for a user.
    pub(crate) fn token(&self, user: &str, tenant: &str, role: &str) -> String {
        self.sign(&self.header(), &claims(user, tenant, role))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_raw(&header.to_string(), &claims.to_string())
    }

    /// Signs arbitrary text, so that a member can appear more than once.
    pub(crate) fn sign_raw(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(&message));
        format!("{message}.{signature}")
    }

    /// Signs arbitrary bytes.
    pub(crate) fn signature(&self, message: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(crypto::sign(message.as_bytes(), &self.key, Algorithm::EdDSA).unwrap()).unwrap()
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public
    }
}

/// Returns the claims of a valid token issued now.
pub(crate) fn claims(user: &str, tenant: &str, role: &str) -> Value {
    let now = now();
    json!({
        "iss": "https://login.test", "aud": "billing-portal", "sub": user, "tenant": tenant, "role": role,
        "iat": now, "exp": now + 300,
    })
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
