//! The Stripe adapter: sends two concurrent requests per call, and checks the responses.
//!
//! API: <https://docs.stripe.com/api/customers/retrieve>,
//! <https://docs.stripe.com/api/customer_portal/sessions/create>.

mod attempts;
mod error;
mod events;
mod headers;
mod inspect;
mod objects;
mod pace;
mod permission;
mod probe;
mod request;
mod response;
mod retry_budget;
mod secret_key;
mod session_hosts;
mod transport;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

pub use attempts::Attempts;
pub use events::{CreatedSession, CreatedSessions};
pub use inspect::{Account, Inspected, PortalConfiguration};
pub use objects::{StripeObjects, is_too_large};
pub use pace::Pace;
pub use permission::Permission;
pub use response::{check_customer, checked_session, parse_customer, parse_session, recorded_tenant};
pub use secret_key::{SecretKey, SecretKeyError};
pub use session_hosts::SessionHosts;
use transport::StripeResponse;
pub use transport::{Transport, TransportError};

use crate::{
    portal::{CallAudit, CheckedSession, CustomerId, PortalRequest, PortalSessions, RecordedTenant, Refusal},
    telemetry::metrics::{METRICS, Waiting},
};

/// The mode of the Stripe account that the service uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Live mode: real payments.
    Live,
    /// Test mode.
    Test,
}

impl Mode {
    /// The name in settings and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// Settings that are the same for every session.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The mode of the key, and therefore of every response.
    pub mode: Mode,
    /// The portal configuration of every session, `bpc_…`; `None` means the default of the account.
    pub configuration: Option<String>,
    /// The metadata key by which a customer names its tenant.
    pub tenant_metadata_key: String,
    /// The hosts that a session URL may have.
    pub session_hosts: SessionHosts,
}

/// Opens portal sessions at Stripe.
#[derive(Debug)]
pub struct StripePortalSessions {
    attempts: Arc<Attempts>,
    pace: Pace,
    settings: SessionSettings,
}

impl StripePortalSessions {
    /// Creates the adapter from its parts.
    #[must_use]
    pub fn new(attempts: Attempts, pace: Pace, settings: SessionSettings) -> Self {
        Self { attempts: Arc::new(attempts), pace, settings }
    }

    async fn read_customer(
        &self,
        key: &SecretKey,
        customer: &CustomerId,
        deadline: Instant,
    ) -> Result<StripeResponse, Refusal> {
        let request = request::retrieve_customer(customer);
        self.attempts.send(key, &request, "GET /v1/customers/{id}", deadline).await
    }

    async fn create_session(
        &self,
        key: &SecretKey,
        customer: &CustomerId,
        portal_request: &PortalRequest,
        deadline: Instant,
    ) -> Result<StripeResponse, Refusal> {
        let request = request::create_session(customer, portal_request, self.settings.configuration.as_deref());
        self.attempts.send(key, &request, "POST /v1/billing_portal/sessions", deadline).await
    }

    async fn recorded_tenant(
        &self,
        key: &SecretKey,
        customer: &CustomerId,
        deadline: Instant,
    ) -> Result<RecordedTenant, Refusal> {
        let response = self.read_customer(key, customer, deadline).await?;
        response::reject_replayed(&response)?;
        if response.status != http::StatusCode::OK {
            return Err(error::refusal(&response, error::StripeRequest::Read));
        }
        response::recorded_tenant(&response::parse_customer(&response.body)?, customer, &self.settings)
    }

    async fn session(
        &self,
        key: &SecretKey,
        customer: &CustomerId,
        portal_request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> Result<CheckedSession, Refusal> {
        let response = self.create_session(key, customer, portal_request, deadline).await?;
        if let Some(id) = &response.request_id {
            audit.record_stripe_request(id);
        }
        // The id of a created session is recorded before the checks, so that the audit names a session that they
        // reject.
        let object = response::parse_session(&response.body);
        if let Some(id) = response::session_id(object.as_ref().ok(), &response.body) {
            audit.record_session(&id);
        }
        response::reject_replayed(&response)?;
        if response.status != http::StatusCode::OK {
            return Err(error::refusal(&response, error::StripeRequest::CreateSession(&portal_request.flow)));
        }
        let session = response::checked_session(&object?, customer, portal_request, &self.settings)?;
        tracing::debug!(stripe_request_id = response.request_id, "portal session created");
        Ok(session)
    }
}

#[async_trait]
impl PortalSessions for StripePortalSessions {
    async fn open(
        &self,
        customer: &CustomerId,
        portal_request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>) {
        let _waiting = Waiting::for_stripe();
        let not_called = |refusal: Refusal| {
            let reason = refusal.reason();
            (Err(refusal), Err(Refusal::because(reason, "Stripe was not called")))
        };
        if let Err(refusal) = self.pace.acquire_or_refuse().await {
            return not_called(refusal);
        }
        let key = match self.attempts.key() {
            Ok(key) => key,
            Err(refusal) => return not_called(refusal),
        };
        let (recorded, session) = tokio::join!(
            self.recorded_tenant(&key, customer, deadline),
            self.session(&key, customer, portal_request, deadline, audit)
        );
        METRICS.stripe_call("customers.retrieve", outcome(recorded.as_ref().err()));
        METRICS.stripe_call("billing_portal.sessions.create", outcome(session.as_ref().err()));
        (recorded, session)
    }
}

fn outcome(refusal: Option<&Refusal>) -> &'static str {
    refusal.map_or("OK", |refusal| refusal.reason().as_str())
}
