//! Stripe's side: two requests at the same time, and the checks of what comes back.
//!
//! API: <https://docs.stripe.com/api/customers/retrieve>, <https://docs.stripe.com/api/customer_portal/sessions/create>.

mod answer;
mod attempts;
mod error;
mod inspect;
mod pace;
mod request;
mod transport;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

pub use answer::SessionHosts;
pub use attempts::Attempts;
pub use inspect::{Account, Inspected, PortalConfiguration};
pub use pace::Pace;
pub use transport::{SecretKey, Transport, TransportError};

use crate::{
    portal::{CallAudit, CheckedSession, CustomerId, PortalRequest, PortalSessions, Reason, RecordedTenant, Refusal},
    telemetry::metrics::METRICS,
};

/// Which half of the Stripe account the service works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Real money.
    Live,
    /// A sandbox.
    Test,
}

/// What does not change from call to call.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The mode of the key, and so of every answer.
    pub mode: Mode,
    /// The portal configuration to ask for, `bpc_…`; none = the account's default.
    pub configuration: Option<String>,
    /// The key in a customer's metadata that names its tenant.
    pub tenant_metadata_key: String,
    /// Where a session's URL may lead.
    pub session_hosts: SessionHosts,
}

/// Opens portals at Stripe.
#[derive(Debug)]
pub struct StripePortalSessions {
    attempts: Arc<Attempts>,
    pace: Pace,
    terms: SessionSettings,
}

impl StripePortalSessions {
    /// Over a pool of connections, at a pace, on terms that don't change.
    #[must_use]
    pub fn new(attempts: Attempts, pace: Pace, terms: SessionSettings) -> Self {
        Self { attempts: Arc::new(attempts), pace, terms }
    }

    async fn claim(&self, customer: &CustomerId, deadline: Instant) -> Result<RecordedTenant, Refusal> {
        let answer = self.attempts.send(&request::retrieve(customer), "GET /v1/customers/{id}", deadline).await?;
        answer::is_for_this_call(&answer)?;
        if answer.status != http::StatusCode::OK {
            return Err(error::refusal(&answer, error::Asked::Customer));
        }
        answer::claim(&answer::object(&answer.body)?, customer, &self.terms)
    }

    async fn session(
        &self,
        customer: &CustomerId,
        portal_request: &PortalRequest,
        deadline: Instant,
        audit: &CallAudit,
    ) -> Result<CheckedSession, Refusal> {
        let request = request::create(customer, portal_request, self.terms.configuration.as_deref());
        let answer = self.attempts.send(&request, "POST /v1/billing_portal/sessions", deadline).await?;
        if let Some(id) = &answer.request_id {
            audit.record_stripe_request(id);
        }
        let object = answer::object(&answer.body);
        let named = object.as_ref().ok().and_then(|object| object.get("id")?.as_str());
        if let Some(id) = named.filter(|id| answer::is_session_id(id)) {
            audit.record_session(id);
        }
        answer::is_for_this_call(&answer)?;
        if answer.status != http::StatusCode::OK {
            return Err(error::refusal(&answer, error::Asked::Session(&portal_request.flow)));
        }
        let object = object?;
        answer::session(&object, &answer, customer, portal_request, &self.terms)
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
        if let Err(refusal) = self.pace.turn_soon().await {
            return (Err(refusal), Err(Refusal::because(Reason::StripeRateLimited, "Stripe was not asked")));
        }
        let (claim, session) =
            tokio::join!(self.claim(customer, deadline), self.session(customer, portal_request, deadline, audit));
        METRICS.stripe_call("customers.retrieve", outcome(claim.as_ref().err()));
        METRICS.stripe_call("billing_portal.sessions.create", outcome(session.as_ref().err()));
        (claim, session)
    }
}

fn outcome(refusal: Option<&Refusal>) -> &'static str {
    refusal.map_or("OK", |refusal| refusal.reason().as_str())
}
