//! The use cases: open a portal, and tell a page whether it may be opened.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::portal::{
    access::{Directory, Flag, Visibility, access, visibility},
    account::CustomerId,
    audit::CallAudit,
    flow::Flow,
    locale::Locale,
    principal::{Owner, Principal},
    refusal::Refusal,
    return_url::ReturnUrl,
    session::{RecordedTenant, Session, SessionUrl},
};

/// Stripe's side: who the customer says it belongs to, and a session for it.
#[async_trait]
pub trait PortalSessions: Send + Sync {
    /// Reads the customer and creates a session at the same time, and returns both outcomes once both are known. The id of
    /// a session that was made goes into the trail at once, whatever becomes of it.
    async fn open(
        &self,
        customer: &CustomerId,
        portal_request: &PortalRequest,
        deadline: Instant,
        call_audit: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<Session, Refusal>);
}

/// What a person wants opened.
#[derive(Clone, Debug)]
pub struct PortalRequest {
    /// Where to return.
    pub return_url: ReturnUrl,
    /// The portal's language; none = Stripe chooses.
    pub locale: Option<Locale>,
    /// The page of the portal.
    pub flow: Flow,
}

/// The use cases over their seams.
#[derive(Clone)]
pub struct UseCases {
    /// The kill switch.
    pub flag: Arc<dyn Flag>,
    /// The company's record.
    pub directory: Arc<dyn Directory>,
    /// Stripe.
    pub portal_sessions: Arc<dyn PortalSessions>,
}

impl UseCases {
    /// Opens the portal of the owner's own tenant. Flag, membership and mapping first; then the intent is written; then
    /// Stripe is asked. The proof's outcome wins over the session's. The answer with the URL still has to pass
    /// [`CallAudit::release`], at the edge, where nothing can cut it off any more.
    ///
    /// # Errors
    /// The first check that fails, in the documented order.
    pub async fn open(
        &self,
        owner: &Owner,
        portal_request: &PortalRequest,
        deadline: Instant,
        call_audit: &CallAudit,
    ) -> Result<SessionUrl, Refusal> {
        let customer = access(owner, &*self.flag, &*self.directory).await?;
        call_audit.intend(&customer).await?;
        let (claim, session) = self.portal_sessions.open(&customer, portal_request, deadline, call_audit).await;
        let proof = claim?.prove(owner.principal().tenant())?;
        Ok(session?.unlock(proof))
    }

    /// Tells a page whether to show the action, by the same predicate.
    ///
    /// # Errors
    /// Whatever is no answer to "may this person".
    pub async fn visibility(&self, principal: &Principal, displayed_tenant: &str) -> Result<Visibility, Refusal> {
        visibility(principal, displayed_tenant, &*self.flag, &*self.directory).await
    }
}

impl std::fmt::Debug for UseCases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UseCases")
    }
}
