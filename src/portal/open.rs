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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::portal::{
        CallIdentity, DirectoryEntry, Mapping, OwnerRoles, TenantId, UserId,
        audit::{AuditEntry, AuditLog},
        return_origins::ReturnOrigins,
    };

    /// Everything that a call depends on. Each permits the call, and records that it was used.
    #[derive(Default)]
    struct Steps(Mutex<Vec<String>>);

    impl Steps {
        fn record(&self, step: &str) {
            self.0.lock().unwrap().push(step.to_owned());
        }
    }

    #[async_trait]
    impl Flag for Steps {
        async fn is_on(&self, _: &TenantId) -> bool {
            self.record("flag");
            true
        }

        async fn refresh(&self) {
            self.record("read flag file");
        }
    }

    #[async_trait]
    impl Directory for Steps {
        async fn look_up(&self, _: &TenantId, _: &UserId) -> Result<DirectoryEntry, Refusal> {
            self.record("directory");
            Ok(DirectoryEntry { is_owner: true, mapping: Mapping::Customer(CustomerId::parse("cus_A").unwrap()) })
        }
    }

    #[async_trait]
    impl PortalSessions for Steps {
        async fn open(
            &self,
            customer: &CustomerId,
            _: &PortalRequest,
            _: Instant,
            _: &CallAudit,
        ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>) {
            self.record("Stripe");
            let recorded = RecordedTenant::new(customer.clone(), Some("acme".to_owned()));
            (Ok(recorded), Ok(CheckedSession::new(customer.clone(), "https://billing.stripe.com/x".to_owned())))
        }
    }

    #[async_trait]
    impl AuditLog for Steps {
        async fn append(&self, entry: AuditEntry, durable: bool) -> Result<(), Refusal> {
            self.record(&format!("{}{}", entry.event, if durable { " on disk" } else { "" }));
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_step_happens_in_its_order_and_durably() {
        let steps = Arc::new(Steps::default());
        let (user, tenant) = (UserId::parse("olivia").unwrap(), TenantId::parse("acme").unwrap());
        let role = OwnerRoles::default().choose(&["owner"]).unwrap();
        let owner = Owner::prove(Principal::new(user, tenant, role)).unwrap();
        let origins = ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap();
        let return_url = ReturnUrl::root_of(&origins).unwrap();
        let request =
            PortalRequest { return_url: return_url.clone(), locale: None, flow: Flow::Home, completed_url: return_url };
        let identity = CallIdentity { request_id: String::new(), trace_id: None, rpc: String::new() };
        let audit = CallAudit::begin(steps.clone(), identity, CallerConnection::default());
        let use_cases = UseCases { flag: steps.clone(), directory: steps.clone(), portal_sessions: steps.clone() };
        drop(use_cases.open(&owner, &request, Instant::now(), &audit).await.unwrap());
        audit.write_success().await.unwrap();
        audit.write_refusal(&Refusal::because(Reason::Bug, "test")).await.unwrap();
        let expected = [
            "flag",
            "directory",
            "intent on disk",
            "Stripe",
            "read flag file",
            "flag",
            "directory",
            "outcome on disk",
            "outcome",
        ];
        assert_eq!(*steps.0.lock().unwrap(), expected);
    }
}
