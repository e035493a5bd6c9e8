//! The use cases: open the portal, and report whether a page may offer it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::portal::{
    access::{Directory, Flag, Visibility, decide, decide_for},
    account::{CustomerId, Integrity},
    audit::CallAudit,
    caller::CallerConnection,
    flow::Flow,
    locale::Locale,
    principal::{Owner, Principal},
    refusal::{Reason, Refusal},
    return_url::ReturnUrl,
    session::{CheckedSession, RecordedTenant, SessionUrl},
};

/// Stripe: reads the tenant recorded on a customer, and creates a session for that customer.
#[async_trait]
pub trait PortalSessions: Send + Sync {
    /// Reads the customer and creates a session concurrently, and returns both results when both are known. Records the id of a
    /// created session in `audit` immediately, even if its URL is never released.
    async fn open(
        &self,
        customer: &CustomerId,
        request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>);
}

/// A request to open the portal.
#[derive(Clone, Debug)]
pub struct PortalRequest {
    /// Where Stripe's link back to the product leads.
    pub return_url: ReturnUrl,
    /// The portal's language; with `None`, Stripe chooses.
    pub locale: Option<Locale>,
    /// The page of the portal that opens.
    pub flow: Flow,
    /// Where Stripe redirects when the flow is done.
    pub completed_url: ReturnUrl,
}

/// The use cases and what they depend on.
#[derive(Clone)]
pub struct UseCases {
    /// The feature flag.
    pub flag: Arc<dyn Flag>,
    /// The company's database of tenants and owners.
    pub directory: Arc<dyn Directory>,
    /// Stripe.
    pub portal_sessions: Arc<dyn PortalSessions>,
}

impl UseCases {
    /// Opens the portal of the owner's own tenant: checks the flag, ownership and mapping, writes the audit intent, then calls
    /// Stripe, and then checks the flag, ownership and mapping again, because Stripe may take seconds. If the mapping cannot be
    /// verified, that refusal takes precedence over the result of creating the session. The URL must not be sent before
    /// [`CallAudit::write_success`] succeeds, where nothing can end the call early any more.
    ///
    /// # Errors
    /// The refusal of the first check that fails, in the order of the contract.
    pub async fn open(
        &self,
        owner: &Owner,
        request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> Result<SessionUrl, Refusal> {
        let decide = || audit.caller().unless_closed(decide(owner, &*self.flag, &*self.directory));
        let customer = decide().await?.into_customer()?;
        audit.write_intent(&customer).await?;
        let (recorded, session) = self.portal_sessions.open(&customer, request, deadline, audit).await;
        let mapping = recorded?.verify(owner.principal().tenant(), &customer)?;
        let session = session?;
        self.flag.refresh().await;
        let current = decide().await?.into_customer()?;
        if current != customer {
            return Err(Refusal::because(Reason::MappingIntegrity, "mapping in the directory changed during the call")
                .with_integrity(Integrity::ChangedDuringCall));
        }
        let url = session.release(mapping, owner)?;
        audit.record_url();
        Ok(url)
    }

    /// Returns whether a page may offer the portal, by the same decision as [`Self::open`].
    ///
    /// # Errors
    /// TENANT_MISMATCH, DATABASE_UNAVAILABLE, MAPPING_INTEGRITY, or CANCELLED when the caller has disconnected.
    pub async fn visibility(
        &self,
        principal: &Principal,
        displayed_tenant: &str,
        caller: &CallerConnection,
    ) -> Result<Visibility, Refusal> {
        principal.check_displayed_tenant(displayed_tenant)?;
        caller.unless_closed(decide_for(principal, &*self.flag, &*self.directory)).await?.into_visibility()
    }
}

impl std::fmt::Debug for UseCases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UseCases")
    }
}
