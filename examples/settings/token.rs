//! The principal token, which the page's backend sends with every call to identify the signed-in user.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::{
    pkcs8::Document,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::people::Person;

/// The `iss` claim, equal to the service's `--principal-issuer`.
pub(crate) const ISSUER: &str = "https://sign-in.settings.example";

/// The `aud` claim, equal to the service's `--principal-audience`.
pub(crate) const AUDIENCE: &str = "billing-portal";

/// The maximum that the service allows. The page mints a token for each call; only the printed grpcurl command needs a
/// long lifetime.
const LIFETIME_SECONDS: u64 = 300;

/// The `kid` of the key.
pub(crate) const KEY_ID: &str = "settings-example";

/// Signs principal tokens. The private key is generated at startup. It is also written to a file, for other backends on
/// this machine. It is worth little: only this service accepts it, for sample tenants and on loopback.
pub(crate) struct Issuer {
    key: EncodingKey,
    /// PKCS#8, version 1: OpenSSL cannot read version 2.
    private_key: Document,
    public_key: Vec<u8>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    tenant: &'a str,
    role: &'a str,
    iat: u64,
    exp: u64,
}

impl Issuer {
    /// Generates an Ed25519 key pair.
    pub(crate) fn new() -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("cannot generate a key pair")?;
        let private_key = pair.to_pkcs8v1().context("cannot encode the private key")?;
        let key = EncodingKey::from_ed_der(private_key.as_ref());
        Ok(Self { key, private_key, public_key: pair.public_key().as_ref().to_vec() })
    }

    /// Returns the private key as PEM (RFC 7468). An Ed25519 key fits on one line.
    pub(crate) fn private_key(&self) -> String {
        let base64 = STANDARD.encode(self.private_key.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
    }

    /// Returns the public key as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub(crate) fn key_set(&self) -> serde_json::Value {
        serde_json::json!({"keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(&self.public_key),
        }]})
    }

    /// Returns a token for one call on behalf of `person`.
    pub(crate) fn mint(&self, person: &Person) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the system clock is before 1970")?.as_secs();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("principal+jwt".to_owned());
        header.kid = Some(KEY_ID.to_owned());
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: person.id,
            tenant: person.tenant.id,
            role: person.role,
            iat: now,
            exp: now + LIFETIME_SECONDS,
        };
        jsonwebtoken::encode(&header, &claims, &self.key).context("cannot sign the principal token")
    }
}
