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
    #[error("{0} is missing or not a string")]
    NoText(Place),
    #[error("{0} is missing or not a non-negative integer")]
    NotSeconds(&'static str),
    #[error("iss is not the value of --principal-issuer")]
    Issuer,
    #[error("aud is {0}; expected --principal-audience, and no other that is not in --principal-other-audiences")]
    Audience(AudienceKind),
    #[error("lifetime (exp minus iat) is not between 1 and {} seconds (--principal-max-lifetime)", .0.as_secs())]
    Lifetime(Duration),
    #[error("iat or nbf is in the future by more than --principal-clock-skew")]
    Future,
    #[error("exp is in the past")]
    Expired,
    #[error("{0} is not an id (1 to 255 visible ASCII characters)")]
    NotAnId(Place),
    #[error("{0} is missing, or not a string (or, where permitted, an array of 1 to {MAX_ROLES} strings)")]
    Roles(Place),
    #[error("{0} has an empty role")]
    EmptyRole(Place),
}

/// Where a value was expected, for the person who configured it: the claim and its setting, and nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claim {claim} ({setting})")]
pub(super) struct Place {
    claim: ClaimName,
    setting: &'static str,
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
            | Self::NoText(_)
            | Self::NotSeconds(_)
            | Self::Issuer
            | Self::Audience(_)
            | Self::Lifetime(_)
            | Self::Future
            | Self::NotAnId(_)
            | Self::Roles(_)
            | Self::EmptyRole(_) => Reason::TokenInvalid,
        }
    }
}

/// When a token is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Validity {
    from: u64,
    until: u64,
}

/// The checked claims: the person, their tenant, their role, and how long this can be relied on.
pub(super) struct Claims {
    pub(super) user: UserId,
    pub(super) tenant: TenantId,
    pub(super) role: Role,
    pub(super) validity: Validity,
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
        let validity = Validity { from: issued.max(not_before), until: expires };
        self.check_time(validity, now)?;
        let format = &self.format;
        let place = |claim: &ClaimName, setting| Place { claim: claim.clone(), setting };
        let subject = || place(&format.subject, "--principal-subject-claim");
        let tenant = || place(&format.tenant, "--principal-tenant-claim");
        let role = || place(&format.role, "--principal-role-claim");
        let text = |claim: &ClaimName| claim.find(claims).and_then(Value::as_str);
        let user_id = text(&format.subject).ok_or_else(|| ClaimError::NoText(subject()))?;
        let tenant_id = text(&format.tenant).ok_or_else(|| ClaimError::NoText(tenant()))?;
        let user = UserId::parse(user_id).ok_or_else(|| ClaimError::NotAnId(subject()))?;
        let tenant = TenantId::parse(tenant_id).ok_or_else(|| ClaimError::NotAnId(tenant()))?;
        let roles = self.roles(claims).ok_or_else(|| ClaimError::Roles(role()))?;
        let role = format.owner_roles.choose(&roles).ok_or_else(|| ClaimError::EmptyRole(role()))?;
        Ok(Claims { user, tenant, role, validity })
    }

    /// Checks that a token is valid at a time since 1970.
    pub(super) fn check_time(&self, validity: Validity, now: Duration) -> Result<(), ClaimError> {
        if Duration::from_secs(validity.from) > now.saturating_add(self.clock_skew) {
            return Err(ClaimError::Future);
        }
        if now >= Duration::from_secs(validity.until).saturating_add(self.clock_skew) {
            return Err(ClaimError::Expired);
        }
        Ok(())
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
    fn roles<'a>(&self, claims: &'a Map<String, Value>) -> Option<Vec<&'a str>> {
        match self.format.role.find(claims)? {
            Value::String(role) => Some(vec![role]),
            Value::Array(roles) if !self.format.is_default() && (1..=MAX_ROLES).contains(&roles.len()) => {
                roles.iter().map(Value::as_str).collect()
            }
            Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
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

#[cfg(test)]
mod tests;
