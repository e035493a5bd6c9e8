//! What Stripe answers, and what of it may leave: a URL goes out only against the proof that the customer is the tenant's.

use std::fmt;

use crate::portal::{
    account::Integrity,
    principal::TenantId,
    refusal::{Reason, Refusal},
};

/// What the customer at Stripe says about whose it is: the value of the configured metadata key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTenant(Option<String>);

impl RecordedTenant {
    /// The value at Stripe; none when there is no metadata, no such key, or no text.
    #[must_use]
    pub fn new(value: Option<String>) -> Self {
        Self(value.filter(|value| !value.is_empty()))
    }

    /// Compares the two sides of the mapping: the directory named the customer for the tenant, and the customer must name
    /// the tenant.
    ///
    /// # Errors
    /// TENANT_PROOF_MISSING when it names none, MAPPING_INTEGRITY when it names another.
    pub fn prove(self, tenant: &TenantId) -> Result<VerifiedMapping, Refusal> {
        match self.0 {
            None => Err(Refusal::because(
                Reason::TenantProofMissing,
                "the customer at Stripe names no tenant in its metadata",
            )),
            Some(named) if named == tenant.as_str() => Ok(VerifiedMapping(())),
            Some(_) => Err(Refusal::because(
                Reason::MappingIntegrity,
                "the customer at Stripe names another tenant in its metadata",
            )
            .with_detail(Integrity::CustomerOfAnotherTenant.as_str())),
        }
    }
}

/// The proof that directory and Stripe agree about the tenant's customer. [`RecordedTenant::prove`] is the only mint.
#[derive(Debug)]
pub struct VerifiedMapping(());

/// A session whose answer was checked, with its URL still locked up.
#[derive(Debug)]
pub struct Session {
    url: SessionUrl,
}

impl Session {
    /// To be called by the Stripe adapter once every check of the answer has passed.
    #[must_use]
    pub fn checked(url: String) -> Self {
        Self { url: SessionUrl(url) }
    }

    /// Hands the URL out against the proof.
    #[must_use]
    pub fn unlock(self, _proof: VerifiedMapping) -> SessionUrl {
        self.url
    }
}

/// The URL of a portal session: a bearer secret. It can't be cloned, compared or printed.
pub struct SessionUrl(String);

impl SessionUrl {
    /// The URL, for the one response that it was made for.
    #[must_use]
    pub fn into_string(self) -> String {
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

    #[test]
    fn only_the_exact_tenant_proves_the_mapping() {
        let tenant = TenantId::parse("acme").unwrap();
        let prove = |value: Option<&str>| RecordedTenant::new(value.map(str::to_owned)).prove(&tenant);
        assert!(prove(Some("acme")).is_ok());
        for other in ["Acme", "acme ", "acme2", "globex"] {
            assert_eq!(prove(Some(other)).unwrap_err().reason(), Reason::MappingIntegrity);
        }
        for missing in [None, Some("")] {
            assert_eq!(prove(missing).unwrap_err().reason(), Reason::TenantProofMissing);
        }
    }

    #[test]
    fn a_session_url_can_not_be_printed() {
        let session = Session::checked("https://billing.stripe.com/p/session/secret".to_owned());
        assert!(!format!("{session:?}").contains("secret"));
    }
}
