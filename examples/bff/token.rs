//! The principal token, which this backend sends with every call to identify the signed-in person.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::json;

/// The signed-in person. In a product, these values come from the session.
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) role: &'static str,
}

/// Signs the tokens. Your login service already has such a key, and publishes its public key to the service.
pub(crate) struct Issuer {
    issuer: String,
    audience: String,
    key: EncodingKey,
    key_id: String,
}

impl Issuer {
    /// Reads the private key, in PKCS#8 as PEM.
    pub(crate) fn new(issuer: String, audience: String, key_file: &str, key_id: String) -> Result<Self> {
        let key = PrivatePkcs8KeyDer::from_pem_file(key_file);
        let key = key.map_err(|error| anyhow!("PRINCIPAL_KEY_FILE: cannot read {key_file}: {error}"))?;
        Ok(Self { issuer, audience, key: EncodingKey::from_ed_der(key.secret_pkcs8_der()), key_id })
    }

    /// Returns a token for one call. It is valid for one minute; the service allows up to five.
    pub(crate) fn token(&self, person: &Person) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("principal+jwt".to_owned());
        header.kid = Some(self.key_id.clone());
        let claims = json!({
            "iss": self.issuer, "aud": self.audience, "iat": now, "exp": now + 60,
            "sub": person.id, "tenant": person.tenant, "role": person.role,
        });
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}
