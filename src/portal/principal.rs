//! The authenticated person in a tenant, and the proof that their role owns it.

use std::fmt;

use crate::portal::refusal::{Reason, Refusal};

/// Returns whether a text is an id: 1 to 255 visible ASCII characters. Ids are compared byte for byte.
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
    /// Parses an id of 1 to 255 visible ASCII characters. Returns `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_id(text).then(|| Self(text.to_owned()))
    }

    /// The id, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserId {
    /// Parses an id of 1 to 255 visible ASCII characters. Returns `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_id(text).then(|| Self(text.to_owned()))
    }

    /// The id, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The roles that own a tenant; `owner` by default. They are compared byte for byte. No other role owns a tenant, known or
/// unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRoles(Vec<String>);

/// The role in which a person acts in their tenant. Only [`OwnerRoles::choose`] constructs it, so every decision about a person
/// is made with the configured owner roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    name: String,
    is_owner: bool,
}

impl Default for OwnerRoles {
    fn default() -> Self {
        Self(vec!["owner".to_owned()])
    }
}

impl OwnerRoles {
    /// Creates the list of owner roles. Returns `None` if it is empty, or if one of them is empty or `*`: there is no pattern.
    #[must_use]
    pub fn new(roles: Vec<String>) -> Option<Self> {
        let are_exact = !roles.is_empty() && roles.iter().all(|role| !role.is_empty() && role != "*");
        are_exact.then_some(Self(roles))
    }

    /// Returns the role in which a person with these roles acts: the first owner role, otherwise the first role. Returns `None`
    /// if there is no role, or an empty one. A role may otherwise be any text, because each product defines its own.
    #[must_use]
    pub fn choose(&self, roles: &[&str]) -> Option<Role> {
        if roles.iter().any(|role| role.is_empty()) {
            return None;
        }
        let owner = roles.iter().find(|role| self.0.iter().any(|owner| owner == *role));
        owner.or(roles.first()).map(|name| Role { name: (*name).to_owned(), is_owner: owner.is_some() })
    }

    /// The roles, unchanged.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl Role {
    /// The role, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

/// An authenticated person, as a verified principal token names them. `Debug` prints the ids and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    user: UserId,
    tenant: TenantId,
    role: Role,
}

impl Principal {
    /// Creates a principal from the claims of a verified token. Only the token verifier may call this.
    #[must_use]
    pub(crate) fn new(user: UserId, tenant: TenantId, role: Role) -> Self {
        Self { user, tenant, role }
    }

    /// The person.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The tenant that the person acts in. A call looks up no other tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The role in which the person acts in that tenant, as of when the token was issued.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Compares the tenant that the page displayed with the person's tenant. An empty text means that the page did not send one.
    /// The value is used for nothing else, so it does not have to be a valid id.
    ///
    /// # Errors
    /// TENANT_MISMATCH when they differ.
    pub fn check_displayed_tenant(&self, displayed: &str) -> Result<(), Refusal> {
        if displayed.is_empty() || displayed == self.tenant.as_str() {
            Ok(())
        } else {
            Err(Refusal::because(Reason::TenantMismatch, "displayed tenant differs from the principal's tenant"))
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("user", &self.user.0).field("tenant", &self.tenant.0).finish_non_exhaustive()
    }
}

/// The proof that a role in a person's token is an owner role. `Owner::prove` is the only constructor, so code that
/// has an `Owner` has passed the check. Current ownership in the directory is checked later, by the use case.
#[derive(Clone, Debug)]
pub struct Owner(Principal);

impl Owner {
    /// Checks the role.
    ///
    /// # Errors
    /// [`NotOwner`] for every role except the configured owner roles.
    pub(crate) fn prove(principal: Principal) -> Result<Self, NotOwner> {
        if principal.role.is_owner { Ok(Self(principal)) } else { Err(NotOwner) }
    }

    /// The person who owns the tenant.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }
}

/// The role is not an owner role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("role is not an owner role")]
pub struct NotOwner;

impl From<NotOwner> for Refusal {
    fn from(error: NotOwner) -> Self {
        Self::because(Reason::NotOwner, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_1_to_255_visible_ascii_characters() {
        for good in ["a", "tenant-1", "Ünicode".trim_start_matches('Ü'), &"x".repeat(255)] {
            assert!(TenantId::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "a b", "a\n", "ä", "a\u{0}", &"x".repeat(256)] {
            assert!(TenantId::parse(bad).is_none(), "{bad:?}");
            assert!(UserId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_exact_role_owner_is_an_owner_by_default() {
        let roles = OwnerRoles::default();
        for other in ["admin", "Owner", "OWNER", "owner ", " owner", "owner,admin", "owners", "оwner"] {
            assert!(!roles.choose(&[other]).unwrap().is_owner, "{other}");
        }
        assert!(roles.choose(&["owner"]).unwrap().is_owner);
        assert!(roles.choose(&[""]).is_none());
    }

    #[test]
    fn the_first_owner_role_is_chosen_and_otherwise_the_first_role() {
        let owners = OwnerRoles::new(vec!["owner".to_owned(), "org:admin".to_owned()]).unwrap();
        for (roles, chosen) in [
            (&["org:admin"][..], Some(("org:admin", true))),
            (&["member", "org:admin", "owner"], Some(("org:admin", true))),
            (&["member", "Owner", "org:*", "org:admin "], Some(("member", false))),
            (&["owner", ""], None),
            (&["", "owner"], None),
            (&[], None),
        ] {
            let role = owners.choose(roles);
            assert_eq!(role.as_ref().map(|role| (role.as_str(), role.is_owner)), chosen, "{roles:?}");
        }
    }

    #[test]
    fn owner_roles_are_exact_and_at_least_one() {
        for bad in [&[][..], &[""], &["*"], &["owner", "*"], &["owner", ""]] {
            assert!(OwnerRoles::new(bad.iter().map(|role| (*role).to_owned()).collect()).is_none(), "{bad:?}");
        }
    }
}
