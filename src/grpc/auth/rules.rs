//! What a principal token must contain.

use std::{fmt, iter, sync::LazyLock, time::Duration};

use crate::{
    grpc::auth::{claim_name::ClaimName, token_type::TokenTypes},
    portal::OwnerRoles,
};

/// The rules for principal tokens, as configured.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The exact value that `iss` must have.
    pub issuer: String,
    /// The audience that `aud` must name.
    pub audience: String,
    /// The audiences that `aud` may also name, without duplicates.
    pub other_audiences: Vec<String>,
    /// The longest lifetime.
    pub max_lifetime: Duration,
    /// How far the issuer's clock may differ.
    pub clock_skew: Duration,
    /// Where a token contains the person and what they may do.
    pub format: TokenFormat,
}

#[cfg(test)]
impl TokenRules {
    /// The rules of the unit tests, for tokens of a format.
    pub(super) fn for_tests(format: TokenFormat) -> Self {
        Self {
            issuer: "https://login.test".to_owned(),
            audience: "billing-portal".to_owned(),
            other_audiences: Vec::new(),
            max_lifetime: Duration::from_mins(5),
            clock_skew: Duration::ZERO,
            format,
        }
    }
}

/// The rules on one line, for the person who configured them.
impl fmt::Display for TokenRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TokenFormat { types, subject, tenant, role, owner_roles } = &self.format;
        let audiences = iter::once(&self.audience).chain(&self.other_audiences).map(String::as_str);
        write!(
            f,
            "typ {types}; user in {subject}, tenant in {tenant}, role in {role}; owner roles {}; audiences {}; at most {}",
            owner_roles.as_slice().join(","),
            audiences.collect::<Vec<_>>().join(","),
            humantime::format_duration(self.max_lifetime),
        )
    }
}

/// The type of the tokens, the claims that describe the person, and the roles that own a tenant.
///
/// The default is the format of tokens that are made for this service. Its `typ` has one spelling, and its role is one string.
/// Every other format is that of an identity provider, with the spellings of `typ` that RFC 7515 permits and with several roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFormat {
    /// The accepted values of `typ`.
    pub types: TokenTypes,
    /// Where the ID of the user is.
    pub subject: ClaimName,
    /// Where the ID of the tenant is.
    pub tenant: ClaimName,
    /// Where the role or the roles are.
    pub role: ClaimName,
    /// The roles that own a tenant.
    pub owner_roles: OwnerRoles,
}

impl Default for TokenFormat {
    fn default() -> Self {
        Self {
            types: TokenTypes::default(),
            subject: ClaimName::literal("sub"),
            tenant: ClaimName::literal("tenant"),
            role: ClaimName::literal("role"),
            owner_roles: OwnerRoles::default(),
        }
    }
}

impl TokenFormat {
    /// Returns whether this is the format of tokens that are made for this service.
    pub(super) fn is_default(&self) -> bool {
        static DEFAULT: LazyLock<TokenFormat> = LazyLock::new(TokenFormat::default);
        *self == *DEFAULT
    }
}
