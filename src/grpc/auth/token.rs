//! The principal token: finds it in the metadata and verifies its header and signature. Its claims are checked in `claims.rs`.
//!
//! Formats: RFC 7515 (JWS compact serialization), RFC 8725 (best practices). aws-lc verifies only the signature. This module
//! checks everything else that a token must and must not contain.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tonic::metadata::MetadataMap;

use crate::{
    grpc::auth::{
        claims::{ClaimError, Validity, string},
        jwks::{KeySet, algorithm},
        keys::Keys,
        rules::TokenRules,
        token_type,
        verified::VerifiedTokens,
    },
    json,
    portal::{Principal, Reason, Refusal},
};

/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Members that are not allowed: they bring a key (`jku`, `x5u`, `x5c`, `jwk`), add conditions (`crit`), make the token act for
/// another person (`act`), or bind it to a key of the sender, which nothing here checks (`cnf`, RFC 7800).
const FORBIDDEN_MEMBERS: [&str; 7] = ["crit", "jku", "x5u", "x5c", "jwk", "act", "cnf"];

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("no authorization header")]
    Missing,
    #[error("duplicate authorization header")]
    Duplicate,
    #[error("authorization header is not ASCII")]
    NotAscii,
    #[error("authorization header does not use the Bearer scheme")]
    NotBearer,
    #[error("token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("token is not a compact JWS (expected three segments)")]
    NotCompact,
    #[error("{0} is not canonical base64url")]
    NotBase64(&'static str),
    #[error("{0} is not a JSON object with unique members")]
    NotUniqueJson(&'static str),
    #[error("{0} has the forbidden member {1}")]
    Forbidden(&'static str, &'static str),
    #[error("typ is not one of --principal-token-types")]
    Type,
    #[error("alg is not allowed (expected EdDSA, Ed25519, ES256, RS256 or PS256)")]
    Algorithm,
    #[error("key set could not be read for longer than --principal-jwks-max-age")]
    NoKeys,
    #[error("kid does not match any key")]
    UnknownKey,
    #[error("alg differs from the key's algorithm")]
    AlgorithmOfKey,
    #[error("signature is not valid")]
    Signature,
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

impl TokenError {
    fn reason(&self) -> Reason {
        match self {
            Self::Missing => Reason::TokenMissing,
            Self::NoKeys => Reason::KeysUnavailable,
            Self::Claim(error) => error.reason(),
            Self::Duplicate
            | Self::NotAscii
            | Self::NotBearer
            | Self::TooLong
            | Self::NotCompact
            | Self::NotBase64(_)
            | Self::NotUniqueJson(_)
            | Self::Forbidden(..)
            | Self::Type
            | Self::Algorithm
            | Self::UnknownKey
            | Self::AlgorithmOfKey
            | Self::Signature => Reason::TokenInvalid,
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::because(error.reason(), error.to_string())
    }
}

/// Verifies principal tokens.
#[derive(Debug)]
pub struct Verifier {
    /// The keys that may sign.
    pub keys: Arc<Keys>,
    /// What a token must contain.
    rules: TokenRules,
    verified: VerifiedTokens,
}

impl Verifier {
    /// Creates a verifier of tokens that `keys` signed and that follow `rules`.
    #[must_use]
    pub fn new(keys: Arc<Keys>, rules: TokenRules) -> Self {
        Self { keys, rules, verified: VerifiedTokens::default() }
    }

    /// Verifies the token in the metadata, and returns the person that it names.
    ///
    /// # Errors
    /// TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, KEYS_UNAVAILABLE.
    pub fn principal(&self, metadata: &MetadataMap) -> Result<Principal, Refusal> {
        Ok(self.verify(bearer_token(metadata)?, now())?)
    }

    fn verify(&self, token: &str, now: Duration) -> Result<Principal, TokenError> {
        let keys = self.keys.current();
        if let Some(keys) = &keys
            && let Some((person, validity)) = self.verified.get(token, keys)
        {
            self.rules.check_time(validity, now).inspect_err(|_| self.verified.remove(token))?;
            return Ok(person);
        }
        let (person, validity) = self.verify_with(keys.as_deref(), token, now)?;
        if let Some(keys) = &keys {
            self.verified.insert(token, keys, (person.clone(), validity));
        }
        Ok(person)
    }

    fn verify_with(
        &self,
        keys: Option<&KeySet>,
        token: &str,
        now: Duration,
    ) -> Result<(Principal, Validity), TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let mut segments = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(TokenError::NotCompact);
        };
        let signed = &token[..token.len() - signature.len() - 1];
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::NotBase64("signature"))?;
        let header = parse_object(header, "header")?;
        self.check_signature(keys, &header, signed, &signature)?;
        let claims = parse_object(claims, "claims segment")?;
        let claims = self.rules.check(&claims, now)?;
        Ok((Principal::new(claims.user, claims.tenant, claims.role), claims.validity))
    }

    fn check_signature(
        &self,
        keys: Option<&KeySet>,
        header: &Map<String, Value>,
        signed: &str,
        signature: &[u8],
    ) -> Result<(), TokenError> {
        let (format, typ) = (&self.rules.format, header.get("typ"));
        let has_type = if format.is_default() { token_type::is_principal(typ) } else { format.types.accept(typ) };
        if !has_type {
            return Err(TokenError::Type);
        }
        let alg = algorithm(string(header, "alg")?).ok_or(TokenError::Algorithm)?;
        let kid = string(header, "kid")?;
        let keys = keys.ok_or(TokenError::NoKeys)?;
        let key = keys.get(kid).ok_or_else(|| {
            self.keys.refresh_soon();
            TokenError::UnknownKey
        })?;
        if key.algorithm != alg {
            return Err(TokenError::AlgorithmOfKey);
        }
        key.verifier.verify_sig(signed.as_bytes(), signature).map_err(|_| TokenError::Signature)
    }
}

/// Returns the bearer token in the metadata, which must appear exactly once.
fn bearer_token(metadata: &MetadataMap) -> Result<&str, TokenError> {
    let mut values = metadata.get_all("authorization").iter();
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Duplicate);
    }
    let text = value.to_str().map_err(|_| TokenError::NotAscii)?;
    text.strip_prefix("Bearer ").ok_or(TokenError::NotBearer)
}

/// Parses a segment as a JSON object without duplicate or forbidden members.
fn parse_object(segment: &str, name: &'static str) -> Result<Map<String, Value>, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenError::NotBase64(name))?;
    let members = json::parse_object(&bytes).map_err(|_| TokenError::NotUniqueJson(name))?;
    match FORBIDDEN_MEMBERS.into_iter().find(|member| members.contains_key(*member)) {
        Some(member) => Err(TokenError::Forbidden(name, member)),
        None => Ok(members),
    }
}

/// Returns the time since 1970. With a clock before 1970 it is zero, so that every token is refused as issued in the future.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests;
