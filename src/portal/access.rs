//! The one predicate: what the page shows is what the server allows, because both ask [`access`].

use async_trait::async_trait;

use crate::portal::{
    account::{CustomerId, Mapping},
    principal::{Owner, Principal, TenantId, UserId},
    refusal::{Reason, Refusal},
};

/// The kill switch, asked once a call.
#[async_trait]
pub trait Flag: Send + Sync {
    /// Whether the feature is on for the tenant. What can't be read is off.
    async fn is_on(&self, tenant: &TenantId) -> bool;
}

/// The company's own record of tenants, their owners and their Stripe customers.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Reads both facts in one query.
    ///
    /// # Errors
    /// DATABASE_UNAVAILABLE when there is no answer, which is never read as "no account".
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal>;
}

/// What the directory says about a person and their tenant at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Whether the person is a present owner of the tenant.
    pub is_owner: bool,
    /// The tenant's Stripe customer.
    pub mapping: Mapping,
}

/// Decides, in this order: flag, present membership, mapping. The role comes before it, as the [`Owner`] that it demands.
///
/// # Errors
/// FEATURE_DISABLED, DATABASE_UNAVAILABLE, NOT_OWNER, NO_BILLING_ACCOUNT or MAPPING_INTEGRITY; a check that fails leaves
/// those after it untouched.
pub async fn access(owner: &Owner, flag: &dyn Flag, directory: &dyn Directory) -> Result<CustomerId, Refusal> {
    let principal = owner.principal();
    if !flag.is_on(principal.tenant()).await {
        return Err(Refusal::because(Reason::FeatureDisabled, "the feature flag is off for the tenant"));
    }
    let entry = directory.look_up(principal.tenant(), principal.user()).await?;
    if !entry.is_owner {
        return Err(Refusal::because(Reason::NotOwner, "the person is no present owner in the directory"));
    }
    match entry.mapping {
        Mapping::Customer(customer) => Ok(customer),
        Mapping::None => {
            Err(Refusal::because(Reason::NoBillingAccount, "the directory has no customer for the tenant"))
        }
        Mapping::Broken(how) => Err(Refusal::because(
            Reason::MappingIntegrity,
            format!("the directory's mapping is broken: {}", how.as_str()),
        )
        .with_detail(how.as_str())),
    }
}

/// What a page may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The person may open the portal.
    Allowed,
    /// The person does not own the tenant.
    NotOwner,
    /// The feature is off.
    FeatureDisabled,
    /// The tenant has no Stripe customer.
    NoBillingAccount,
}

/// Answers whether [`access`] would allow, for any authenticated person.
///
/// # Errors
/// Everything that is not one of the three answers to "may this person": TENANT_MISMATCH, DATABASE_UNAVAILABLE,
/// MAPPING_INTEGRITY and so on.
pub async fn visibility(
    principal: &Principal,
    displayed_tenant: &str,
    flag: &dyn Flag,
    directory: &dyn Directory,
) -> Result<Visibility, Refusal> {
    principal.check_displayed_tenant(displayed_tenant)?;
    let decided = match Owner::prove(principal.clone()) {
        Ok(owner) => access(&owner, flag, directory).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    let Err(refusal) = decided else {
        return Ok(Visibility::Allowed);
    };
    if refusal.reason() == Reason::NotOwner {
        Ok(Visibility::NotOwner)
    } else if refusal.reason() == Reason::FeatureDisabled {
        Ok(Visibility::FeatureDisabled)
    } else if refusal.reason() == Reason::NoBillingAccount {
        Ok(Visibility::NoBillingAccount)
    } else {
        Err(refusal)
    }
}
