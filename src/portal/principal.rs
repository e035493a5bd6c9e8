//! Who is asking: a verified person in a verified tenant, and the proof that they own it.

use std::fmt;

use crate::portal::refusal::{Reason, Refusal};

/// An id is 1 to 255 visible ASCII characters, compared byte for byte.
fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A tenant of the product, as the principal token and the directory name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantId(String);

/// A person of the product, as the principal token and the directory name them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl TenantId {
    /// Takes 1 to 255 visible ASCII characters; anything else is no tenant.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_id(text).then(|| Self(text.to_owned()))
    }

    /// The id as it came in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserId {
    /// Takes 1 to 255 visible ASCII characters; anything else is no person.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_id(text).then(|| Self(text.to_owned()))
    }

    /// The id as it came in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's role in their tenant. Exactly `owner` owns; every other role, known or not, does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role(String);

impl Role {
    /// Takes any non-empty text; which roles a product has is not this service's business.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The role as it came in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn owns(&self) -> bool {
        self.0 == "owner"
    }
}

/// An authenticated person: what a verified principal token says. Debug names the ids and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    user: UserId,
    tenant: TenantId,
    role: Role,
}

impl Principal {
    /// To be called with the claims of a verified token only.
    #[must_use]
    pub fn new(user: UserId, tenant: TenantId, role: Role) -> Self {
        Self { user, tenant, role }
    }

    /// The person.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The tenant that the person acts in; the only tenant that this service ever looks up.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The person's role in that tenant, when the token was made.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Compares the tenant of the page on screen with the person's; empty = not told. The value is used for nothing else,
    /// so a text that could be no tenant at all is simply another one.
    ///
    /// # Errors
    /// TENANT_MISMATCH.
    pub fn check_displayed_tenant(&self, displayed: &str) -> Result<(), Refusal> {
        if displayed.is_empty() || displayed == self.tenant.as_str() {
            Ok(())
        } else {
            Err(Refusal::because(Reason::TenantMismatch, "the page showed another tenant than the principal's"))
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("user", &self.user.0).field("tenant", &self.tenant.0).finish_non_exhaustive()
    }
}

/// The proof that a person's token makes them the owner of its tenant. [`Owner::prove`] is the only mint, so whoever
/// holds one has passed the check. Present membership is the directory's to add.
#[derive(Clone, Debug)]
pub struct Owner(Principal);

impl Owner {
    /// Mints the proof.
    ///
    /// # Errors
    /// NOT_OWNER for every role but `owner`.
    pub fn prove(principal: Principal) -> Result<Self, Refusal> {
        if principal.role.owns() {
            Ok(Self(principal))
        } else {
            Err(Refusal::because(Reason::NotOwner, "the token's role is not owner"))
        }
    }

    /// The person who owns.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_visible_ascii_of_at_most_255_characters() {
        for good in ["a", "tenant-1", "Ünicode".trim_start_matches('Ü'), &"x".repeat(255)] {
            assert!(TenantId::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "a b", "a\n", "ä", "a\u{0}", &"x".repeat(256)] {
            assert!(TenantId::parse(bad).is_none(), "{bad:?}");
            assert!(UserId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_exact_role_owner_owns() {
        for other in ["admin", "Owner", "OWNER", "owner ", " owner", "owner,admin", "owners", "оwner"] {
            let role = Role::parse(other).unwrap();
            assert!(!role.owns(), "{other}");
        }
        assert!(Role::parse("owner").unwrap().owns());
        assert!(Role::parse("").is_none());
    }
}
