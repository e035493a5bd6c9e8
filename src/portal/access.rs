//! The decision whether a person may open the portal of their tenant. Both use cases call [`decide`], so the page shows what the server
//! allows.

use async_trait::async_trait;

use crate::portal::{
    account::{CustomerId, Integrity, Mapping},
    principal::{Owner, Principal, TenantId, UserId},
    refusal::{Reason, Refusal},
};

/// The feature flag, evaluated before Stripe is called and again before a URL is released.
#[async_trait]
pub trait Flag: Send + Sync {
    /// Returns whether the feature is on for the tenant. A flag that cannot be evaluated is off.
    async fn is_on(&self, tenant: &TenantId) -> bool;

    /// Reads the flag's source now, so that the next evaluation sees a flag that has just been switched off.
    async fn refresh(&self);
}

/// The directory: the company's own database of tenants, their owners and their Stripe customers.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Reads ownership and mapping in one query.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE when the query fails. A failed query never counts as "no billing account".
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal>;
}

/// What the directory records about a person and their tenant at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Whether the person is a current owner of the tenant.
    pub is_owner: bool,
    /// The tenant's Stripe customer.
    pub mapping: Mapping,
}

/// Every outcome of [`decide`].
#[derive(Debug)]
pub enum Decision {
    /// The person may open the portal of this customer.
    Allowed(CustomerId),
    /// No role in the token is an owner role, or the person is not a current owner in the directory.
    NotOwner,
    /// The feature flag is off for the tenant.
    FeatureDisabled,
    /// The tenant has no Stripe customer.
    NoBillingAccount,
    /// The tenant's mapping in the directory is broken. A page must not show this as "not allowed".
    BrokenMapping(Integrity),
    /// The directory query failed. A page must not show this as "not allowed".
    Undecided(Refusal),
}

/// Checks the flag, current ownership and the mapping, in this order, and stops at the first check that fails. The role was
/// already checked when the [`Owner`] was constructed.
pub async fn decide(owner: &Owner, flag: &dyn Flag, directory: &dyn Directory) -> Decision {
    let principal = owner.principal();
    if !flag.is_on(principal.tenant()).await {
        return Decision::FeatureDisabled;
    }
    match directory.look_up(principal.tenant(), principal.user()).await {
        Err(refusal) => Decision::Undecided(refusal),
        Ok(DirectoryEntry { is_owner: false, .. }) => Decision::NotOwner,
        Ok(DirectoryEntry { is_owner: true, mapping }) => match mapping {
            Mapping::Customer(customer) => Decision::Allowed(customer),
            Mapping::None => Decision::NoBillingAccount,
            Mapping::Broken(how) => Decision::BrokenMapping(how),
        },
    }
}

/// Decides for any authenticated person. Without an owner role, the result is [`Decision::NotOwner`].
pub async fn decide_for(principal: &Principal, flag: &dyn Flag, directory: &dyn Directory) -> Decision {
    match Owner::prove(principal.clone()) {
        Ok(owner) => decide(&owner, flag, directory).await,
        Err(_not_owner) => Decision::NotOwner,
    }
}

/// What a page may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The person may open the portal.
    Allowed,
    /// The person is not a current owner of the tenant.
    NotOwner,
    /// The feature is off.
    FeatureDisabled,
    /// The tenant has no Stripe customer.
    NoBillingAccount,
}

impl Decision {
    /// Returns the customer whose portal may be opened.
    ///
    /// # Errors
    /// For every other outcome, the refusal that corresponds to it.
    pub fn into_customer(self) -> Result<CustomerId, Refusal> {
        match self {
            Self::Allowed(customer) => Ok(customer),
            Self::NotOwner => {
                Err(Refusal::because(Reason::NotOwner, "user is not a current owner of the tenant in the directory"))
            }
            Self::FeatureDisabled => {
                Err(Refusal::because(Reason::FeatureDisabled, "feature flag is off for the tenant"))
            }
            Self::NoBillingAccount => {
                Err(Refusal::because(Reason::NoBillingAccount, "directory has no customer for the tenant"))
            }
            Self::BrokenMapping(how) => Err(broken_mapping(how)),
            Self::Undecided(refusal) => Err(refusal),
        }
    }

    /// Returns what a page may show.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE or MAPPING_INTEGRITY: it is not known whether the person may open the portal.
    pub fn into_visibility(self) -> Result<Visibility, Refusal> {
        match self {
            Self::Allowed(_) => Ok(Visibility::Allowed),
            Self::NotOwner => Ok(Visibility::NotOwner),
            Self::FeatureDisabled => Ok(Visibility::FeatureDisabled),
            Self::NoBillingAccount => Ok(Visibility::NoBillingAccount),
            Self::BrokenMapping(how) => Err(broken_mapping(how)),
            Self::Undecided(refusal) => Err(refusal),
        }
    }
}

fn broken_mapping(how: Integrity) -> Refusal {
    let cause = format!("mapping in the directory is broken: {}", how.as_str());
    Refusal::because(Reason::MappingIntegrity, cause).with_integrity(how)
}

#[cfg(test)]
mod tests;
