//! What Stripe returns, and the release of a session URL. The release requires the verified mapping of the same customer.

use std::fmt;

use crate::portal::{
    account::{CustomerId, Integrity},
    principal::{Owner, TenantId},
    refusal::{Reason, Refusal},
};

/// The tenant that is recorded on a customer at Stripe: the value of the configured metadata key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTenant {
    customer: CustomerId,
    tenant: Option<String>,
}

impl RecordedTenant {
    /// Creates the record from the customer that was read and the value of its metadata key: `None` if there is no metadata, no
    /// such key, or no string. An empty value counts as `None`. Only the Stripe adapter's checks may call this.
    #[must_use]
    pub(crate) fn new(customer: CustomerId, tenant: Option<String>) -> Self {
        Self { customer, tenant: tenant.filter(|tenant| !tenant.is_empty()) }
    }

    /// Compares both sides of the mapping: the directory names `customer` for `tenant`, and that customer must name `tenant`.
    ///
    /// # Errors
    /// TENANT_PROOF_MISSING when the customer names no tenant, MAPPING_INTEGRITY when it names a different one,
    /// STRIPE_RESPONSE_REJECTED when a different customer was read.
    pub(crate) fn verify(self, tenant: &TenantId, customer: &CustomerId) -> Result<VerifiedMapping, Refusal> {
        if self.customer != *customer {
            return Err(mismatch("customer that was read at Stripe is not the customer in the directory"));
        }
        match self.tenant {
            None => Err(Refusal::because(
                Reason::TenantProofMissing,
                "customer at Stripe does not name a tenant in its metadata",
            )),
            Some(recorded) if recorded == tenant.as_str() => {
                Ok(VerifiedMapping { tenant: tenant.clone(), customer: self.customer })
            }
            Some(_) => Err(Refusal::because(
                Reason::MappingIntegrity,
                "customer at Stripe names a different tenant in its metadata",
            )
            .with_integrity(Integrity::CustomerOfAnotherTenant)),
        }
    }
}

/// A mapping on which the directory and Stripe agree. `RecordedTenant::verify` is the only constructor.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedMapping {
    tenant: TenantId,
    customer: CustomerId,
}

impl VerifiedMapping {
    /// The tenant that both sides name.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The customer that both sides name.
    #[must_use]
    pub fn customer(&self) -> &CustomerId {
        &self.customer
    }
}

/// A session whose response passed every check, with its URL withheld.
#[derive(Debug)]
pub struct CheckedSession {
    customer: CustomerId,
    url: WithheldUrl,
}

impl CheckedSession {
    /// Creates a checked session for the customer that the session was created for. Only the Stripe adapter's checks may call
    /// this.
    #[must_use]
    pub(crate) fn new(customer: CustomerId, url: String) -> Self {
        Self { customer, url: WithheldUrl(url) }
    }

    /// Releases the URL to an owner of the tenant whose mapping was verified. Consumes the mapping, so that one verification
    /// releases one URL only.
    ///
    /// # Errors
    /// STRIPE_RESPONSE_REJECTED when the session was created for a customer other than the verified one, or when the mapping was
    /// verified for a tenant other than the owner's.
    pub(crate) fn release(self, mapping: VerifiedMapping, owner: &Owner) -> Result<SessionUrl, Refusal> {
        if self.customer != mapping.customer {
            return Err(mismatch("session was created for a different customer than the verified one"));
        }
        if mapping.tenant != *owner.principal().tenant() {
            return Err(mismatch("mapping was verified for a different tenant than the owner's"));
        }
        Ok(SessionUrl(self.url.0))
    }
}

/// The URL of a session that is not released yet.
struct WithheldUrl(String);

impl fmt::Debug for WithheldUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithheldUrl(..)")
    }
}

fn mismatch(cause: &str) -> Refusal {
    Refusal::because(Reason::StripeResponseRejected, cause)
}

/// The URL of a portal session: a bearer secret. It cannot be cloned, compared or printed.
pub struct SessionUrl(String);

impl SessionUrl {
    /// Returns the URL, for the one response that it was created for.
    #[must_use]
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for SessionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::principal::{OwnerRoles, Principal, UserId};

    fn owner(tenant: &str) -> Owner {
        let (user, tenant) = (UserId::parse("olivia").unwrap(), TenantId::parse(tenant).unwrap());
        Owner::prove(Principal::new(user, tenant, OwnerRoles::default().choose(&["owner"]).unwrap())).unwrap()
    }

    fn customer(id: &str) -> CustomerId {
        CustomerId::parse(id).unwrap()
    }

    #[test]
    fn only_the_exact_tenant_verifies_the_mapping() {
        let tenant = TenantId::parse("acme").unwrap();
        let verify = |value: Option<&str>| {
            RecordedTenant::new(customer("cus_A"), value.map(str::to_owned)).verify(&tenant, &customer("cus_A"))
        };
        let mapping = verify(Some("acme")).unwrap();
        assert_eq!((mapping.tenant(), mapping.customer()), (&tenant, &customer("cus_A")));
        for other in ["Acme", "acme ", "acme2", "globex"] {
            assert_eq!(verify(Some(other)).unwrap_err().reason(), Reason::MappingIntegrity);
        }
        for missing in [None, Some("")] {
            assert_eq!(verify(missing).unwrap_err().reason(), Reason::TenantProofMissing);
        }
    }

    #[test]
    fn url_is_released_only_for_the_verified_customer_and_tenant() {
        let tenant = TenantId::parse("acme").unwrap();
        let recorded = || RecordedTenant::new(customer("cus_A"), Some("acme".to_owned()));
        let refusal = recorded().verify(&tenant, &customer("cus_B")).unwrap_err();
        assert_eq!(refusal.reason(), Reason::StripeResponseRejected);

        let release = |customer_of_session, tenant_of_owner| {
            let mapping = recorded().verify(&tenant, &customer("cus_A")).unwrap();
            let url = "https://billing.stripe.com/p/session/secret".to_owned();
            CheckedSession::new(customer(customer_of_session), url).release(mapping, &owner(tenant_of_owner))
        };
        assert!(release("cus_A", "acme").is_ok());
        for (customer, tenant) in [("cus_B", "acme"), ("cus_A", "globex")] {
            assert_eq!(release(customer, tenant).unwrap_err().reason(), Reason::StripeResponseRejected);
        }
    }

    #[test]
    fn session_url_cannot_be_printed() {
        let session = CheckedSession::new(customer("cus_A"), "https://billing.stripe.com/p/session/secret".to_owned());
        assert!(!format!("{session:?}").contains("secret"));
    }
}
