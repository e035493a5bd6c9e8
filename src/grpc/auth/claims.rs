//! The claims of a principal token.
//!
//! Format: RFC 7519.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    grpc::auth::{claim_name::ClaimName, rules::TokenRules},
    portal::{Reason, Role, TenantId, UserId},
};

/// The largest number of roles in a token.
const MAX_ROLES: usize = 64;

/// Why a claim or a header member is not acceptable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ClaimError {
    #[error("{0} is missing or not a string")]
    NotAString(&'static str),
    #[error("{0} is missing or not a non-negative integer")]
    NotSeconds(&'static str),
    #[error("iss is not the configured issuer")]
    Issuer,
    #[error("aud is {0}; expected the configured audience, and no other that is not in --principal-other-audiences")]
    Audience(AudienceKind),
    #[error("lifetime (exp minus iat) is not between 1 and {} seconds", .0.as_secs())]
    Lifetime(Duration),
    #[error("iat or nbf is in the future")]
    Future,
    #[error("exp is in the past")]
    Expired,
    #[error("{0} is not an id (1 to 255 visible ASCII characters)")]
    NotAnId(&'static str),
    #[error("role claim is missing, or not a string (or, where permitted, an array of 1 to {MAX_ROLES} strings)")]
    Roles,
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
            | Self::Lifetime(_)
            | Self::Future
            | Self::NotAnId(_)
            | Self::Roles
            | Self::EmptyRole => Reason::TokenInvalid,
        }
    }
}

/// The checked claims: the person, their tenant and their role.
pub(super) struct Claims {
    pub(super) user: UserId,
    pub(super) tenant: TenantId,
    pub(super) role: Role,
}

impl TokenRules {
    /// Checks the claims. `now` is the time since 1970.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: Duration) -> Result<Claims, ClaimError> {
        if string(claims, "iss")? != self.issuer {
            return Err(ClaimError::Issuer);
        }
        self.check_audience(claims.get("aud"))?;
        let (issued, expires) = (seconds(claims, "iat")?, seconds(claims, "exp")?);
        let not_before = if claims.contains_key("nbf") { seconds(claims, "nbf")? } else { 0 };
        if expires <= issued || Duration::from_secs(expires - issued) > self.max_lifetime {
            return Err(ClaimError::Lifetime(self.max_lifetime));
        }
        if Duration::from_secs(issued.max(not_before)) > now.saturating_add(self.clock_skew) {
            return Err(ClaimError::Future);
        }
        if now >= Duration::from_secs(expires).saturating_add(self.clock_skew) {
            return Err(ClaimError::Expired);
        }
        let text =
            |place: &ClaimName, name| place.find(claims).and_then(Value::as_str).ok_or(ClaimError::NotAString(name));
        let format = &self.format;
        let (user, tenant) = (text(&format.subject, "subject claim")?, text(&format.tenant, "tenant claim")?);
        Ok(Claims {
            user: UserId::parse(user).ok_or(ClaimError::NotAnId("subject claim"))?,
            tenant: TenantId::parse(tenant).ok_or(ClaimError::NotAnId("tenant claim"))?,
            role: format.owner_roles.choose(&self.roles(claims)?).ok_or(ClaimError::EmptyRole)?,
        })
    }

    /// Accepts the audience as a string or in an array: both forms are in use (RFC 7519 section 4.1.3). An array must not have a
    /// duplicate, nor an audience that is not configured: such a token is meant for another service.
    fn check_audience(&self, aud: Option<&Value>) -> Result<(), ClaimError> {
        let kind = match aud {
            Some(Value::String(audience)) if *audience == self.audience => return Ok(()),
            Some(Value::Array(audiences)) if self.are_audiences(audiences) => return Ok(()),
            None => AudienceKind::Missing,
            Some(Value::String(_)) => AudienceKind::OtherString,
            Some(Value::Array(audiences)) => AudienceKind::Array(audiences.len()),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => AudienceKind::OtherType,
        };
        Err(ClaimError::Audience(kind))
    }

    fn are_audiences(&self, audiences: &[Value]) -> bool {
        // Each configured audience at most once, so no array is longer than the list of the configured ones.
        let count = |audience: &String| audiences.iter().filter(|element| *element == audience).count();
        let others: Vec<_> = self.other_audiences.iter().map(count).collect();
        count(&self.audience) == 1
            && others.iter().all(|count| *count <= 1)
            && audiences.len() == 1 + others.iter().sum::<usize>()
    }

    /// Returns the role, or every role if the format permits several.
    fn roles<'a>(&self, claims: &'a Map<String, Value>) -> Result<Vec<&'a str>, ClaimError> {
        match self.format.role.find(claims) {
            Some(Value::String(role)) => Ok(vec![role]),
            Some(Value::Array(roles)) if !self.format.is_default() && (1..=MAX_ROLES).contains(&roles.len()) => {
                roles.iter().map(|role| role.as_str().ok_or(ClaimError::Roles)).collect()
            }
            Some(Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
                Err(ClaimError::Roles)
            }
        }
    }
}

/// Returns a member that must be a string.
pub(super) fn string<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ClaimError> {
    members.get(name).and_then(Value::as_str).ok_or(ClaimError::NotAString(name))
}

fn seconds(members: &Map<String, Value>, name: &'static str) -> Result<u64, ClaimError> {
    members.get(name).and_then(Value::as_u64).ok_or(ClaimError::NotSeconds(name))
}
