//! The principal token: which one is acceptable, and whom it names.
//!
//! Formats: RFC 7515 (JWS compact), RFC 7519 (claims), RFC 8725 (best practice). The library checks the signature; what a
//! token must and must not say is decided here, because its defaults accept too much.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tonic::metadata::MetadataMap;

use crate::{
    grpc::auth::{
        jwks::{Keys, algorithm},
        unique_json::UniqueObject,
    },
    portal::{Principal, Reason, Refusal, Role, TenantId, UserId},
};

/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest a token may live, in seconds.
const MAX_LIFETIME: u64 = 300;

/// Members that bring keys or conditions of their own, or make the token speak for somebody else.
const FORBIDDEN: [&str; 6] = ["crit", "jku", "x5u", "x5c", "jwk", "act"];

/// What an acceptable token says, beside its signature.
#[derive(Debug)]
pub struct Verifier {
    /// The keys.
    pub keys: Arc<Keys>,
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud`, exactly, and as the only one.
    pub audience: String,
    /// How far clocks may differ.
    pub clock_skew: Duration,
}

impl Verifier {
    /// The person that the metadata's token names.
    ///
    /// # Errors
    /// TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, KEYS_UNAVAILABLE.
    pub fn principal(&self, metadata: &MetadataMap) -> Result<Principal, Refusal> {
        let mut values = metadata.get_all("authorization").iter();
        let value = values.next().ok_or_else(|| Refusal::because(Reason::TokenMissing, "no authorization header"))?;
        if values.next().is_some() {
            return Err(invalid("authorization stands twice"));
        }
        let text = value.to_str().map_err(|_| invalid("authorization is no ASCII"))?;
        let token = text.strip_prefix("Bearer ").ok_or_else(|| invalid("authorization is no Bearer"))?;
        self.verify(token, now())
    }

    fn verify(&self, token: &str, now: Duration) -> Result<Principal, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid("the token is over 8 KiB"));
        }
        let segments: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = segments.as_slice() else {
            return Err(invalid("the token has not three segments"));
        };
        URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid("the signature is no canonical base64url"))?;
        let header = members(header, "header")?;
        self.check_signature(&header, &token[..token.len() - signature.len() - 1], signature)?;
        let claims = members(claims, "claims")?;
        self.check_claims(&claims, now)?;
        person(&claims)
    }

    fn check_signature(&self, header: &Map<String, Value>, signed: &str, signature: &str) -> Result<(), Refusal> {
        if text(header, "typ")? != "principal+jwt" {
            return Err(invalid("typ is not principal+jwt"));
        }
        let alg = algorithm(text(header, "alg")?).ok_or_else(|| invalid("alg is none that is allowed"))?;
        let kid = text(header, "kid")?;
        let keys = self
            .keys
            .current()
            .ok_or_else(|| Refusal::because(Reason::KeysUnavailable, "the key set could not be read for too long"))?;
        let key = keys.get(kid).ok_or_else(|| {
            self.keys.may_be_new();
            invalid("kid names no key")
        })?;
        if key.algorithm != alg {
            return Err(invalid("alg is not the key's"));
        }
        match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.verifier, alg) {
            Ok(true) => Ok(()),
            Ok(false) => Err(invalid("the signature does not verify")),
            Err(error) => Err(invalid("the signature can't be verified").caused_by(error)),
        }
    }

    fn check_claims(&self, claims: &Map<String, Value>, now: Duration) -> Result<(), Refusal> {
        if text(claims, "iss")? != self.issuer {
            return Err(invalid("iss is not the configured issuer"));
        }
        if text(claims, "aud")? != self.audience {
            return Err(invalid("aud is not the configured audience"));
        }
        let (issued, expires) = (seconds(claims, "iat")?, seconds(claims, "exp")?);
        let not_before = if claims.contains_key("nbf") { seconds(claims, "nbf")? } else { 0 };
        if expires <= issued || expires - issued > MAX_LIFETIME {
            return Err(invalid("the token lives longer than 300 s, or not at all"));
        }
        let latest = now.saturating_add(self.clock_skew);
        if Duration::from_secs(issued.max(not_before)) > latest {
            return Err(invalid("iat or nbf lies in the future"));
        }
        if now >= Duration::from_secs(expires).saturating_add(self.clock_skew) {
            return Err(Refusal::because(Reason::TokenExpired, "exp lies in the past"));
        }
        Ok(())
    }
}

/// A segment as a JSON object without doubles and without forbidden members.
fn members(segment: &str, what: &str) -> Result<Map<String, Value>, Refusal> {
    let bytes =
        URL_SAFE_NO_PAD.decode(segment).map_err(|_| invalid(format!("the {what} is no canonical base64url")))?;
    let UniqueObject(members) = serde_json::from_slice(&bytes)
        .map_err(|_| invalid(format!("the {what} is no JSON object with unique members")))?;
    match FORBIDDEN.iter().find(|name| members.contains_key(**name)) {
        Some(name) => Err(invalid(format!("the {what} has the member {name}"))),
        None => Ok(members),
    }
}

fn person(claims: &Map<String, Value>) -> Result<Principal, Refusal> {
    let user = UserId::parse(text(claims, "sub")?).ok_or_else(|| invalid("sub is no id"))?;
    let tenant = TenantId::parse(text(claims, "tenant")?).ok_or_else(|| invalid("tenant is no id"))?;
    let role = Role::parse(text(claims, "role")?).ok_or_else(|| invalid("role is empty"))?;
    Ok(Principal::new(user, tenant, role))
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| invalid(format!("{name} is missing or no text")))
}

fn seconds(members: &Map<String, Value>, name: &str) -> Result<u64, Refusal> {
    members.get(name).and_then(Value::as_u64).ok_or_else(|| invalid(format!("{name} is no count of seconds")))
}

fn invalid(cause: impl Into<String>) -> Refusal {
    Refusal::because(Reason::TokenInvalid, cause)
}

/// A clock before 1970 makes every token one from the future.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
