//! The claims of a principal token.
//!
//! Format: RFC 7519.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::portal::{Reason, Role, TenantId, UserId};

/// The longest lifetime of a token, in seconds.
const MAX_LIFETIME: u64 = 300;

/// Why a claim or a header member is not acceptable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ClaimError {
    #[error("{0} is missing or not a string")]
    NotAString(&'static str),
    #[error("{0} is missing or not a non-negative integer")]
    NotSeconds(&'static str),
    #[error("iss is not the configured issuer")]
    Issuer,
    #[error("aud is {0}; expected the configured audience")]
    Audience(AudienceKind),
    #[error("lifetime (exp minus iat) is not between 1 and {MAX_LIFETIME} seconds")]
    Lifetime,
    #[error("iat or nbf is in the future")]
    Future,
    #[error("exp is in the past")]
    Expired,
    #[error("{0} is not an id (1 to 255 visible ASCII characters)")]
    NotAnId(&'static str),
    #[error("role is empty")]
    EmptyRole,
}

/// What was received as `aud`: its type and count, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AudienceKind {
    #[error("missing")]
    Missing,
    #[error("a different string")]
    OtherString,
    #[error("an array of {0} elements")]
    Array(usize),
    #[error("neither a string nor an array")]
    OtherType,
}

impl ClaimError {
    pub(super) const fn reason(&self) -> Reason {
        match self {
            Self::Expired => Reason::TokenExpired,
            Self::NotAString(_)
            | Self::NotSeconds(_)
            | Self::Issuer
            | Self::Audience(_)
            | Self::Lifetime
            | Self::Future
            | Self::NotAnId(_)
            | Self::EmptyRole => Reason::TokenInvalid,
        }
    }
}

/// The values that the claims must have.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) clock_skew: Duration,
}

/// The checked claims: the person, their tenant and their role.
pub(super) struct Claims {
    pub(super) user: UserId,
    pub(super) tenant: TenantId,
    pub(super) role: Role,
}

impl Expected<'_> {
    /// Checks the claims. `now` is the time since 1970.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: Duration) -> Result<Claims, ClaimError> {
        if string(claims, "iss")? != self.issuer {
            return Err(ClaimError::Issuer);
        }
        check_audience(claims.get("aud"), self.audience)?;
        let (issued, expires) = (seconds(claims, "iat")?, seconds(claims, "exp")?);
        let not_before = if claims.contains_key("nbf") { seconds(claims, "nbf")? } else { 0 };
        if expires <= issued || expires - issued > MAX_LIFETIME {
            return Err(ClaimError::Lifetime);
        }
        if Duration::from_secs(issued.max(not_before)) > now.saturating_add(self.clock_skew) {
            return Err(ClaimError::Future);
        }
        if now >= Duration::from_secs(expires).saturating_add(self.clock_skew) {
            return Err(ClaimError::Expired);
        }
        Ok(Claims {
            user: UserId::parse(string(claims, "sub")?).ok_or(ClaimError::NotAnId("sub"))?,
            tenant: TenantId::parse(string(claims, "tenant")?).ok_or(ClaimError::NotAnId("tenant"))?,
            role: Role::parse(string(claims, "role")?).ok_or(ClaimError::EmptyRole)?,
        })
    }
}

/// Accepts the audience as a string, or as the only element of an array: both forms are in use (RFC 7519 section 4.1.3).
fn check_audience(aud: Option<&Value>, expected: &str) -> Result<(), ClaimError> {
    let kind = match aud {
        Some(Value::String(audience)) if audience == expected => return Ok(()),
        Some(Value::Array(audiences)) if matches!(audiences.as_slice(), [Value::String(audience)] if audience == expected) =>
        {
            return Ok(());
        }
        None => AudienceKind::Missing,
        Some(Value::String(_)) => AudienceKind::OtherString,
        Some(Value::Array(audiences)) => AudienceKind::Array(audiences.len()),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => AudienceKind::OtherType,
    };
    Err(ClaimError::Audience(kind))
}

/// Returns a member that must be a string.
pub(super) fn string<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ClaimError> {
    members.get(name).and_then(Value::as_str).ok_or(ClaimError::NotAString(name))
}

fn seconds(members: &Map<String, Value>, name: &'static str) -> Result<u64, ClaimError> {
    members.get(name).and_then(Value::as_u64).ok_or(ClaimError::NotSeconds(name))
}
