//! The use cases: open a portal, and report whether a page may offer it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::portal::{
    access::{Directory, Flag, Visibility, decide, decide_for},
    account::CustomerId,
    audit::CallAudit,
    flow::Flow,
    locale::Locale,
    principal::{Owner, Principal},
    refusal::Refusal,
    return_url::ReturnUrl,
    session::{CheckedSession, RecordedTenant, SessionUrl},
};

/// Stripe's side: the tenant recorded on a customer, and a session for that customer.
#[async_trait]
pub trait PortalSessions: Send + Sync {
    /// Reads the customer and creates a session concurrently, and returns both outcomes once both are known. The id of a created
    /// session is recorded in the audit immediately, even if the session is never released.
    async fn open(
        &self,
        customer: &CustomerId,
        request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>);
}

/// What a person asks to open.
#[derive(Clone, Debug)]
pub struct PortalRequest {
    /// Where Stripe sends the person afterwards.
    pub return_url: ReturnUrl,
    /// The portal's language; with `None`, Stripe chooses.
    pub locale: Option<Locale>,
    /// The page of the portal.
    pub flow: Flow,
}

/// The use cases and what they depend on.
#[derive(Clone)]
pub struct UseCases {
    /// The feature flag.
    pub flag: Arc<dyn Flag>,
    /// The company's record.
    pub directory: Arc<dyn Directory>,
    /// Stripe.
    pub portal_sessions: Arc<dyn PortalSessions>,
}

impl UseCases {
    /// Opens the portal of the owner's own tenant: flag, ownership and mapping, then the audit intent, then Stripe. A failed
    /// verification of the mapping takes precedence over the session's outcome. The response with the URL still has to pass
    /// [`CallAudit::succeed`] where the call can no longer be cut off.
    ///
    /// # Errors
    /// The first check that fails, in the order of the contract.
    pub async fn open(
        &self,
        owner: &Owner,
        request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> Result<SessionUrl, Refusal> {
        let customer = decide(owner, &*self.flag, &*self.directory).await.into_customer()?;
        audit.intend(&customer).await?;
        let (recorded, session) = self.portal_sessions.open(&customer, request, deadline, audit).await;
        let mapping = recorded?.verify(owner.principal().tenant(), &customer)?;
        let url = session?.release(mapping, owner)?;
        audit.record_url();
        Ok(url)
    }

    /// Reports whether a page may offer the portal, by the same predicate.
    ///
    /// # Errors
    /// TENANT_MISMATCH, DATABASE_UNAVAILABLE or MAPPING_INTEGRITY.
    pub async fn visibility(&self, principal: &Principal, displayed_tenant: &str) -> Result<Visibility, Refusal> {
        principal.check_displayed_tenant(displayed_tenant)?;
        decide_for(principal, &*self.flag, &*self.directory).await.into_visibility()
    }
}

impl std::fmt::Debug for UseCases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UseCases")
    }
}
