//! The principal token: how the page's backend tells the service, call by call, who is signed in.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::people::Person;

/// The `iss` that the service is told to expect.
pub(crate) const ISSUER: &str = "https://sign-in.settings.example";

/// The `aud` that the service is told to expect.
pub(crate) const AUDIENCE: &str = "billing-portal";

/// As long as the service allows. The page mints one for each call; only the pasted grpcurl line needs the time.
const LIFETIME_SECONDS: u64 = 300;

/// Names the key in the set and in every token.
const KEY_ID: &str = "settings-example";

/// Signs principal tokens. The private key is made at the start and lives in this process only.
pub(crate) struct Issuer {
    key: EncodingKey,
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
    /// With a new Ed25519 key.
    pub(crate) fn new() -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("no key can be made")?;
        let private = pair.to_pkcs8().context("no key can be made")?;
        Ok(Self { key: EncodingKey::from_ed_der(private.as_ref()), public_key: pair.public_key().as_ref().to_vec() })
    }

    /// The public key as a JSON Web Key Set (RFC 7517, RFC 8037).
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

    /// A token for one call of this person.
    pub(crate) fn mint(&self, person: &Person) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
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
        jsonwebtoken::encode(&header, &claims, &self.key).context("no token can be signed")
    }
}
